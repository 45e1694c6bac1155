"""Explanations of versions that are stored as measurements, and columns declared sensitive."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlmodel import Session, col, select

from pilothouse.data import versions as data_versions
from pilothouse.data.info import DatasetVersionInfo
from pilothouse.deployments.tables import Deployment
from pilothouse.kit.errors import NotFound
from pilothouse.monitoring.tables import Monitor
from pilothouse.registry import evaluations, measurements
from pilothouse.registry.info import VersionInfo
from pilothouse.registry.policy_rows import applicable_policy
from pilothouse.registry.stage_ladder import stage_names

IMPORTANCE, DEPENDENCE = "permutation_importance", "partial_dependence"
KINDS: Mapping[str, str] = {
    IMPORTANCE: "Permutation importance",
    DEPENDENCE: "Partial dependence",
}
SENSITIVE_TAG = "sensitive"
MAX_COLUMNS = 200
GROUPED_TYPES = ("number", "integer", "string", "boolean")


@dataclass(frozen=True)
class StoredResult:
    """An explanation of a version as it was measured; `message` says why it could not be."""

    kind: str
    params: Mapping[str, Any]
    figures: Mapping[str, Any]
    rows: str
    message: str
    measured_at: datetime
    measured_by: str


def newest(session: Session, info: VersionInfo, kind: str) -> StoredResult | None:
    """The newest result of a kind on the rows that the version is judged on now."""
    row = measurements.newest_of_kind(session, info, kind)
    if row is None:
        return None
    return StoredResult(**{name: getattr(row, name) for name in StoredResult.__dataclass_fields__})


def group_columns(session: Session, info: VersionInfo) -> dict[str, str]:
    """Columns with groups, the declared ones first, each with who declared it."""
    reference = evaluations.reference_of(session, info.model, info.version)
    refs = [e.dataset for e in evaluations.evaluations(session, info.model, info.version)
            if reference is not None and e.run_id == reference[0]]  # fmt: skip
    data = _dataset(session, next(iter(refs), info.dataset))
    names = {field.name: field.type for field in info.signature.inputs}
    if data is not None:
        names = {column.name: column.type for column in data.schema} | names
    own = [name for name, kind in names.items() if kind in GROUPED_TYPES]
    result: dict[str, str] = {}
    for name, reason in _declared(session, info, data):
        if name in own:
            result.setdefault(name, reason)
    target = info.signature.target
    others = [name for name in own if name not in result and name != target]
    return result | dict.fromkeys(others[:MAX_COLUMNS], "")


def _declared(
    session: Session, info: VersionInfo, data: DatasetVersionInfo | None
) -> Iterator[tuple[str, str]]:
    for ref in (data, _dataset(session, info.dataset)):
        for name in _listed(ref.tags.get(SENSITIVE_TAG, "") if ref else ""):
            yield name, "marked as sensitive"
    for stage in stage_names(session):
        policy = applicable_policy(session, info.model, stage)
        for rule in policy.gates if policy is not None else ():
            if rule.gate == "fairness":
                for name in _listed(str(rule.params.get("columns", ""))):
                    yield name, f"fairness gate of {stage}"
    query = select(Monitor).join(Deployment, col(Deployment.name) == col(Monitor.deployment))
    for monitor in session.exec(query.where(Deployment.model == info.model)):
        for name in monitor.fairness_columns or ():
            yield name, f"monitor of {monitor.deployment}"


def _listed(text: str) -> list[str]:
    return [name.strip() for name in text.split(",") if name.strip()]


def _dataset(session: Session, ref: str) -> DatasetVersionInfo | None:
    try:
        return data_versions.require(session, ref) if ref else None
    except NotFound:
        return None
