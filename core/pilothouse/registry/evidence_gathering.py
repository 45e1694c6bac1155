"""The evidence on a version: gathered from what is stored, for the gates of a policy."""

from __future__ import annotations

from collections.abc import Sequence

from sqlmodel import Session

from pilothouse.data import versions as data_versions
from pilothouse.experiments.metrics.directions import described_directions
from pilothouse.kit.errors import NotFound
from pilothouse.models.tasks import task_of
from pilothouse.registry import evaluations, load_trials, measurements, version_facts, versions
from pilothouse.registry.cards.model_card import card_fact
from pilothouse.registry.evidence import (
    ChampionComparison,
    ContractFact,
    Evidence,
    MeasurementFact,
    Side,
    TaskFacts,
)
from pilothouse.registry.gates import CHAMPION_DIFFERENCE, Need
from pilothouse.registry.info import VersionInfo
from pilothouse.registry.policy import GateRule
from pilothouse.registry.policy_rows import applicable_policy
from pilothouse.storage import Store


def gather(
    session: Session,
    store: Store,
    model: str,
    version: int,
    stage: str,
    comparison: ChampionComparison | None,
    rules: Sequence[GateRule],
) -> Evidence:
    """The evidence on a version as it is stored now, for these gates; nothing is measured."""
    candidate, champion = versions.find(session, model, version), _rival(session, model, version)
    if comparison is not None and (champion is None or comparison.against != champion.ref):
        comparison = None

    needed = measurements.needs(rules, champion.ref if champion else "")
    measured = measurements.find(session, candidate, needed)
    comparison = comparison or _measured_comparison(measured)
    side = _side(session, candidate)
    rival = None if champion is None else _side(session, champion)
    if champion is not None and rival is not None and comparison is None:
        measured_alike = side.held_out != "" and side.held_out == rival.held_out
        comparison = None if measured_alike else _evaluated_alike(session, candidate, champion)

    return Evidence(
        model=model,
        version=version,
        stage=stage,
        candidate=side,
        champion=rival,
        contract=_contract(session, candidate, side.dataset),
        comparison=comparison,
        inputs=candidate.signature.names,
        directions=described_directions(session),
        trial=load_trials.find(session, candidate),
        task=TaskFacts.of(candidate.signature),
        incomparable="" if champion is None else why_incomparable(candidate, champion),
        card=card_fact(session, model, version),
        measurements=measured,
        artifact=version_facts.artifact(session, store, candidate),
        age=version_facts.age(session, candidate, store.now()),
        candidates=version_facts.candidates(session, candidate, champion),
    )


def _measured_comparison(measured: Sequence[MeasurementFact]) -> ChampionComparison | None:
    """The comparison with the champion on the same rows that was measured for a gate."""
    for fact in measured:
        if fact.kind == CHAMPION_DIFFERENCE and not fact.message:
            return ChampionComparison.from_json({**fact.figures, "rows": fact.rows})
    return None


def why_incomparable(candidate: VersionInfo, champion: VersionInfo) -> str:
    """Why the metrics of two versions mean different things; empty when they can be compared."""
    own, other = candidate.signature, champion.signature
    if own.task != other.task:
        kinds = f"{task_of(own).title} and {task_of(other).title}"
        reason = f"are of different kinds ({kinds})"
    elif set(map(str, own.classes)) != set(map(str, other.classes)):
        reason = "do not have the same classes"
    elif own.unit and other.unit and own.unit != other.unit:
        reason = f"predict in different units ({own.unit} and {other.unit})"
    else:
        return ""
    return (
        f"{candidate.ref} and {champion.ref} {reason} and are not compared: "
        "register it as another model, or archive the champion"
    )


def _side(session: Session, version: VersionInfo) -> Side:
    """A version with the metrics of its training; without one, of its newest evaluation."""
    evaluated = None
    if not version.held_out:
        evaluated = evaluations.newest_measured(session, version.model, version.version)
    source = evaluated or version
    return Side(
        version=version.ref,
        digest=version.digest,
        metrics=dict(source.metrics),
        run=source.run_id or "",
        dataset=source.dataset,
        held_out=source.held_out,
    )


def _evaluated_alike(
    session: Session, candidate: VersionInfo, champion: VersionInfo
) -> ChampionComparison | None:
    """The metrics of both on rows that both were evaluated on, where there are such rows."""
    pair = evaluations.on_same_rows(
        session,
        (candidate.model, candidate.version),
        (champion.model, champion.version),
    )
    if pair is None:
        return None
    own, other = pair
    rows = f"{own.rows:,} labelled rows of {own.dataset}"
    return ChampionComparison(champion.ref, dict(own.metrics), dict(other.metrics), rows)


def _contract(session: Session, candidate: VersionInfo, evaluated_on: str) -> ContractFact | None:
    """The contract of the candidate's data, or of the data that it was evaluated on where its own
    is not known; None without one."""
    dataset = candidate.dataset or evaluated_on
    try:
        version = data_versions.row(session, dataset)
    except NotFound:
        return None
    columns = tuple(version.contract_json.get("columns", ()))
    if not columns:
        return None
    uncovered = tuple(name for name in candidate.signature.names if name not in columns)
    return ContractFact(dataset, columns, uncovered)


def needed_measurements(session: Session, model: str, version: int, stage: str) -> tuple[Need, ...]:
    """What the gates of the policy that applies judge of a version beside its metrics."""
    champion = _rival(session, model, version)
    rules = applicable_policy(session, model, stage, version).gates
    return measurements.needs(rules, champion.ref if champion else "")


def _rival(session: Session, model: str, version: int) -> VersionInfo | None:
    """The champion, unless it is the version itself."""
    champion = versions.champion(session, model)
    return None if champion is not None and champion.version == version else champion
