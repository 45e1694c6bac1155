"""Promotions: the hash of their evidence, and decisions that fit their verdicts and stages."""

from __future__ import annotations

from collections.abc import Iterator

from sqlmodel import Session, col, select

from pilothouse.registry.evidence import evidence_hash
from pilothouse.registry.tables import ACCEPTED, Alias, ModelVersion, Promotion, StageChange
from pilothouse.storage import Store
from pilothouse.workspace.checks import CheckVerdict, checks, verdict_of


@checks.register("promotions")
def promotions(store: Store) -> CheckVerdict:
    """Evidence has the hash it had, accepted ones passed, stages follow their history."""
    with store.read() as session:
        rows = session.exec(select(Promotion)).all()
        problems = [problem for row in rows for problem in _problems(row)]
        problems += _stages(session)
    return verdict_of(f"{len(rows)} promotions", problems)


def _problems(row: Promotion) -> Iterator[str]:
    name = f"promotion {row.id} of {row.model}@{row.version}"
    if evidence_hash(row.evidence) != row.evidence_hash:
        yield f"the evidence of {name} has another hash than it had"
    decision = row.decision_evidence
    if decision is not None and evidence_hash(decision) != row.decision_evidence_hash:
        yield f"the evidence that {name} was decided on has another hash than it had"
    verdicts = row.verdicts if row.decision_verdicts is None else row.decision_verdicts
    overridden = {item["gate"] for item in (decision or {}).get("overrides", ())}
    unmet = [item for item in verdicts if item.get("outcome") != "passed"]
    if row.status == ACCEPTED and any(item.get("gate") not in overridden for item in unmet):
        yield f"{name} is accepted although a gate did not pass"


def _stages(session: Session) -> Iterator[str]:
    """Versions whose stage is not where their history ends, aliases of versions that are gone."""
    last: dict[tuple[str, int], StageChange] = {}
    for change in session.exec(select(StageChange).order_by(col(StageChange.id))):
        key = (change.model, change.version)
        if key in last and last[key].after != change.before:
            yield f"the history of {change.model}@{change.version} has a gap before {change.after}"
        last[key] = change

    versions = session.exec(select(ModelVersion)).all()
    for version in versions:
        newest = last.get((version.model, version.version))
        if newest is not None and newest.after != version.stage:
            name = f"{version.model}@{version.version}"
            yield f"{name} is in {version.stage}, its history says {newest.after}"

    registered = {(version.model, version.version) for version in versions}
    for alias in session.exec(select(Alias)):
        if (alias.model, alias.version) not in registered:
            yield f"the alias {alias.alias} of {alias.model} names a version that is not there"
