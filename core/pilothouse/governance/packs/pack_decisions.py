"""Files about decisions: promotions with frozen evidence, votes, overrides, policies, cards."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from sqlmodel import Session, col, select

from pilothouse.experiments import details
from pilothouse.experiments.tables import Run
from pilothouse.governance import outcomes
from pilothouse.governance.packs.pack_archive import PackArchive, canonical
from pilothouse.governance.packs.pack_scope import PackScope
from pilothouse.governance.tables import Attestation, OutcomeDecision
from pilothouse.registry.cards.model_card import model_card
from pilothouse.registry.policy_rows import applicable_policy
from pilothouse.registry.stage_ladder import stage_names
from pilothouse.registry.tables import (
    BuiltInPolicy,
    Measurement,
    ModelVersion,
    Override,
    PolicyVersion,
    Promotion,
    StageChange,
    StageLadder,
    VersionEvaluation,
    Vote,
)
from pilothouse.storage import Store
from pilothouse.storage.tables import Table

PROMOTIONS = (
    "id", "model", "version", "stage", "status", "reason", "origin", "requested_by", "requested_at",
    "evidence_hash", "decided_by", "decided_at", "decision_reason", "decision_evidence_hash",
)  # fmt: skip


def values(row: Table) -> dict[str, Any]:
    """The columns of a row by name."""
    return {column.name: getattr(row, column.name) for column in row.__table__.columns}  # type: ignore[attr-defined]


def columns(table: type[Table]) -> list[str]:
    """The names of a table's columns."""
    return [column.name for column in table.__table__.columns]  # type: ignore[attr-defined]


def stored(session: Session, table: Any, *conditions: Any, order: Any) -> Iterator[dict[str, Any]]:
    """The rows of a table as values, read a part at a time."""
    query = select(table).where(*conditions).order_by(col(order)).execution_options(yield_per=500)
    for row in session.exec(query):
        yield values(row)


def write_promotions(session: Session, pack: PackArchive, scope: PackScope) -> list[dict[str, Any]]:
    """Each promotion with its evidence as it was frozen; a summary of all of them is returned."""
    conditions = [
        *scope.of_versions(Promotion), *scope.within(Promotion.requested_at, Promotion.decided_at)
    ]  # fmt: skip
    ids = session.exec(
        select(Promotion.id).where(*conditions).order_by(col(Promotion.requested_at))
    ).all()
    came = {item.promotion: item for item in outcomes.outcomes(session, scope.model or None)}
    summaries = []
    for number in ids:
        row = session.get_one(Promotion, number)
        folder = f"promotions/{row.id}"
        _write_evidence(pack, folder, "evidence", row.evidence, row.evidence_hash)
        if row.decision_evidence is not None:
            _write_evidence(
                pack, folder, "decision-evidence", row.decision_evidence, row.decision_evidence_hash
            )
        promotion = {k: v for k, v in values(row).items() if not k.endswith("evidence")}
        about = {
            "votes": _of_promotion(session, Vote, row.id),
            "overrides": _of_promotion(session, Override, row.id),
            "outcome": came.get(row.id),
            "outcome_decision": _outcome_decision(session, row.id),
        }
        title = f"promotion of {row.model}@{row.version} to {row.stage}: verdicts, votes, outcome"
        pack.add_json(f"{folder}/promotion.json", {**promotion, **about}, title)
        summaries.append({name: getattr(row, name) for name in PROMOTIONS})
        session.expunge(row)
    pack.add_csv("promotions.csv", PROMOTIONS, summaries, "every promotion, a line each")
    return summaries


def _write_evidence(pack: PackArchive, folder: str, name: str, evidence: Any, digest: str) -> None:
    """The bytes that the digest is of, so that the file's SHA-256 is the digest."""
    about = f"frozen evidence; its SHA-256 is {digest}, as the promotion and the audit log have it"
    pack.add(f"{folder}/{name}.json", canonical(evidence), about)


def _of_promotion(session: Session, table: Any, promotion: str) -> list[dict[str, Any]]:
    condition = col(table.promotion_id) == promotion
    return list(stored(session, table, condition, order=table.id))


def _outcome_decision(session: Session, promotion: str) -> dict[str, Any] | None:
    row = session.get(OutcomeDecision, promotion)
    return None if row is None else values(row)


def write_rules(session: Session, pack: PackArchive, scope: PackScope) -> None:
    """Every version of every policy, moves between stages, and what was attested."""
    policies = list(stored(session, PolicyVersion, order=PolicyVersion.name))
    editions = list(stored(session, BuiltInPolicy, order=BuiltInPolicy.id))
    ladders = list(stored(session, StageLadder, order=StageLadder.id))
    about = "every version of every policy, removed ones too, changes of the built-in one and of "
    content = {"policies": policies, "built_in": editions, "stages": ladders}
    pack.add_json("policies.json", content, about + "the stages")
    moves = stored(
        session, StageChange, *scope.of_versions(StageChange), *scope.within(StageChange.at),
        order=StageChange.id,
    )  # fmt: skip
    pack.add_csv("stages.csv", columns(StageChange), moves, "moves of versions between stages")
    statements = list(stored(session, Attestation, order=Attestation.id))
    chosen = [row for row in statements if scope.model in ("", row["model"]) or not row["model"]]
    pack.add_json("attestations.json", chosen, "what people attested for maturity checks")


def write_versions(
    session: Session, store: Store, pack: PackArchive, rows: Sequence[ModelVersion]
) -> None:
    """Each version with its card, evaluations, measurements and the run that made it."""
    for row in rows:
        ref, folder = f"{row.model}@{row.version}", f"versions/{row.model}@{row.version}"
        pack.add_json(
            f"{folder}/version.json", values(row), f"{ref}: digest, signature, metrics, dataset"
        )
        for stage in stage_names(session):
            policy = applicable_policy(session, row.model, stage, row.version).policy
            about = f"what {ref} meets before {stage} now; its SHA-256 is the policy's digest"
            pack.add(f"{folder}/policy-{stage}.json", canonical(policy.to_json()), about)
        card = model_card(session, store, row.model, row.version)
        pack.add(f"{folder}/card.html", card.html(), f"the model card of {ref}")
        pack.add_json(f"{folder}/card.json", card.to_json(), f"the model card of {ref}")
        made = {
            "evaluations": _of_version(
                session, VersionEvaluation, row, VersionEvaluation.created_at
            ),
            "measurements": _of_version(session, Measurement, row, Measurement.measured_at),
        }
        pack.add_json(f"{folder}/measured.json", made, f"evaluations and measurements of {ref}")
        if row.run_id and session.get(Run, row.run_id) is not None:
            pack.add_json(
                f"{folder}/run.json", details.run(session, row.run_id), f"the run that made {ref}"
            )


def _of_version(
    session: Session, table: Any, version: ModelVersion, order: Any
) -> list[dict[str, Any]]:
    conditions = (
        col(table.model) == version.model, col(table.version) == version.version
    )  # fmt: skip
    return list(stored(session, table, *conditions, order=order))
