"""The rows of quality checks and of their results: added, changed, removed, stored, read."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy import delete as delete_rows
from sqlmodel import Session, col, select

from pilothouse.activity import record
from pilothouse.data.quality.quality_info import (
    SEVERITIES,
    DatasetCheckInfo,
    QualityResult,
    title_of,
)
from pilothouse.data.tables import DatasetCheck, DatasetCheckResult
from pilothouse.kit.errors import Conflict, Invalid, NotFound
from pilothouse.kit.ids import uuid7
from pilothouse.storage import Store

KIND = "dataset"


def checks_of(session: Session, dataset: str) -> list[DatasetCheckInfo]:
    """The checks of a dataset, in the order in which they were added."""
    query = select(DatasetCheck).where(DatasetCheck.dataset == dataset)
    return [info(row) for row in session.exec(query.order_by(col(DatasetCheck.id)))]


def require_check(session: Session, check_id: str) -> DatasetCheckInfo:
    """The check of that id. Raises NotFound."""
    return info(_row(session, check_id))


def add(
    session: Session,
    store: Store,
    dataset: str,
    kind: str,
    settings: Mapping[str, Any],
    severity: str,
    reason: str,
) -> DatasetCheckInfo:
    """Add a check with settings that are valid. Raises Conflict for one that is there already."""
    check_severity(severity)
    _refuse_double(session, dataset, kind, settings)
    now = store.now()
    row = DatasetCheck(
        id=uuid7(),
        dataset=dataset,
        kind=kind,
        settings=dict(settings),
        severity=severity,
        created_at=now,
        created_by=store.actor,
        changed_at=now,
        changed_by=store.actor,
    )
    session.add(row)
    session.flush()
    record(session, store, "added a quality check to", KIND, dataset, after=_about(row),
           reason=reason)  # fmt: skip
    return info(row)


def edit(
    session: Session,
    store: Store,
    check_id: str,
    settings: Mapping[str, Any],
    severity: str,
    reason: str,
) -> DatasetCheckInfo:
    """Change the settings and the severity of a check. Raises NotFound, Conflict."""
    check_severity(severity)
    row = _row(session, check_id)
    before = _about(row)
    if dict(settings) != row.settings:
        _refuse_double(session, row.dataset, row.kind, settings)
    row.settings, row.severity = dict(settings), severity
    if _about(row) != before:
        row.changed_at, row.changed_by = store.now(), store.actor
        session.add(row)
        session.flush()
        record(session, store, "changed a quality check of", KIND, row.dataset, before=before,
               after=_about(row), reason=reason)  # fmt: skip
    return info(row)


def remove(session: Session, store: Store, check_id: str, reason: str) -> DatasetCheckInfo:
    """Remove a check with its results. Raises NotFound."""
    row = _row(session, check_id)
    removed = info(row)
    results = delete_rows(DatasetCheckResult).where(col(DatasetCheckResult.check_id) == row.id)
    session.execute(results)
    session.delete(row)
    session.flush()
    record(session, store, "removed a quality check of", KIND, row.dataset, before=_about(row),
           reason=reason)  # fmt: skip
    return removed


def store_results(
    session: Session, store: Store, version: int, results: Iterable[QualityResult]
) -> None:
    """Keep the results of a version, in place of earlier ones; the caller records why."""
    present = {row.id for row in session.exec(select(DatasetCheck))}
    for result in results:
        if result.check_id not in present:  # removed while the rows were checked
            continue
        session.merge(
            DatasetCheckResult(
                check_id=result.check_id,
                version=version,
                status=result.status,
                severity=result.severity,
                value=result.value,
                low=result.low,
                high=result.high,
                failing=result.failing,
                rows=list(result.rows),
                message=result.message,
                checked_at=result.checked_at,
                checked_by=store.actor,
            )
        )
    session.flush()


def results_of(session: Session, dataset: str, version: int | None = None) -> list[QualityResult]:
    """The results of a dataset's checks by version, or those of one version."""
    query = (
        select(DatasetCheckResult, DatasetCheck)
        .join(DatasetCheck, col(DatasetCheck.id) == col(DatasetCheckResult.check_id))
        .where(DatasetCheck.dataset == dataset)
        .order_by(col(DatasetCheckResult.version), col(DatasetCheck.id))
    )
    if version is not None:
        query = query.where(DatasetCheckResult.version == version)
    return [_result(row, check) for row, check in session.exec(query)]


def delete_results(session: Session, dataset: str, version: int) -> None:
    """Delete the results of a version that is deleted; the caller records that."""
    checks = select(DatasetCheck.id).where(DatasetCheck.dataset == dataset)
    session.execute(
        delete_rows(DatasetCheckResult).where(
            col(DatasetCheckResult.version) == version,
            col(DatasetCheckResult.check_id).in_(checks),
        )
    )


def check_severity(severity: str) -> None:
    """Raise Invalid for what is no severity."""
    if severity not in SEVERITIES:
        raise Invalid(
            f"{severity!r} is no severity.", hint="Use warn or block.",
            fields={"severity": "warn or block"},
        )  # fmt: skip


def info(row: DatasetCheck) -> DatasetCheckInfo:
    """A row as a frozen value."""
    return DatasetCheckInfo(
        row.id,
        row.dataset,
        row.kind,
        row.settings,
        row.severity,
        row.created_at,
        row.created_by,
        row.changed_at,
        row.changed_by,
    )


def _result(row: DatasetCheckResult, check: DatasetCheck) -> QualityResult:
    return QualityResult(
        row.check_id,
        check.kind,
        title_of(check.kind, check.settings),
        row.severity,
        row.status,
        row.value,
        row.low,
        row.high,
        row.failing,
        tuple(row.rows),
        row.message,
        row.checked_at,
        row.version,
    )


def _row(session: Session, check_id: str) -> DatasetCheck:
    row = session.get(DatasetCheck, check_id)
    if row is None:
        raise NotFound(
            f"no quality check {check_id!r}.",
            hint="`pilothouse datasets quality DATASET` lists the checks with their ids.",
        )
    return row


def _refuse_double(session: Session, dataset: str, kind: str, settings: Mapping[str, Any]) -> None:
    query = select(DatasetCheck).where(DatasetCheck.dataset == dataset, DatasetCheck.kind == kind)
    rows: Sequence[DatasetCheck] = session.exec(query).all()
    if any(row.settings == dict(settings) for row in rows):
        raise Conflict(f"{dataset} has this check already: {title_of(kind, settings)}.")


def _about(row: DatasetCheck) -> dict[str, Any]:
    return {"kind": row.kind, "settings": dict(row.settings), "severity": row.severity}
