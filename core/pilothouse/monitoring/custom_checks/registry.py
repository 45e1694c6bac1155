"""Registers, changes and removes custom checks; every version of a check's code is kept."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from sqlmodel import Session, col, select

from pilothouse.activity import record
from pilothouse.kit.clock import to_ms
from pilothouse.kit.errors import Conflict, Invalid, NotFound
from pilothouse.kit.ids import uuid7
from pilothouse.monitoring.checks import OF_THE_MONITOR
from pilothouse.monitoring.custom_checks.spec import MAX_CHECKS, CustomCheckInfo, CustomCheckSpec
from pilothouse.monitoring.tables import CustomCheck
from pilothouse.storage import Artifacts, Store

if TYPE_CHECKING:
    import pandas as pd

KIND = "check"  # in the audit log
CHECKS = (
    *("id", "name", "title", "language", "direction", "warn", "fail", "draws", "digest"),
    *("created_at", "created_by"),
)


def save(
    session: Session, store: Store, deployment: str, spec: CustomCheckSpec, reason: str = ""
) -> CustomCheckInfo:
    """Register a check, in place of the one of that name. Raises Invalid, or Conflict."""
    spec.check()
    _check_name(spec.name)
    present = of_deployment(session, deployment)
    before = next((row for row in present if row.name == spec.name), None)
    if before is None and len(present) >= MAX_CHECKS:
        raise Conflict(f"{deployment!r} has {MAX_CHECKS} custom checks, and no more are allowed.")
    now = store.now()
    values = {name: value for name, value in asdict(spec).items() if name != "code"}
    digest = store.artifacts.put_bytes(spec.code.encode())
    if before is not None:
        if _facts(before) == {**values, "digest": digest}:
            return info(store.artifacts, before)
        before.removed_at = now
        session.add(before)
        session.flush()  # one check of a name is in use
    row = CustomCheck(
        id=uuid7(to_ms(now)),
        deployment=deployment,
        digest=digest,
        created_at=now,
        created_by=store.actor,
        **values,
    )
    session.add(row)
    session.flush()
    record(
        session, store, "added" if before is None else "changed", KIND, row.id,
        name=f"{deployment}: {spec.name}",
        before=None if before is None else _facts(before), after=_facts(row), reason=reason,
    )  # fmt: skip
    return info(store.artifacts, row)


def remove(session: Session, store: Store, deployment: str, name: str, reason: str) -> None:
    """Remove a check; its results are kept. Raises NotFound."""
    row = require(session, deployment, name)
    row.removed_at = store.now()
    session.add(row)
    session.flush()
    title = f"{deployment}: {name}"
    record(session, store, "removed", KIND, row.id, name=title, before=_facts(row), reason=reason)


def of_deployment(session: Session, deployment: str) -> list[CustomCheck]:
    """The checks in use, by name."""
    query = select(CustomCheck).where(
        CustomCheck.deployment == deployment, col(CustomCheck.removed_at).is_(None)
    )
    return list(session.exec(query.order_by(col(CustomCheck.name))))


def frame(session: Session, deployment: str) -> pd.DataFrame:
    """The checks in use; columns as in `CHECKS`."""
    import pandas as pd

    rows = [{**row.model_dump(), "title": row.name} for row in of_deployment(session, deployment)]
    return pd.DataFrame(rows, columns=list(CHECKS))


def require(session: Session, deployment: str, name: str) -> CustomCheck:
    """The check in use of that name. Raises NotFound."""
    row = next((row for row in of_deployment(session, deployment) if row.name == name), None)
    if row is None:
        hint = f"`pilothouse monitors checks list {deployment}` has every one."
        raise NotFound(f"{deployment!r} has no custom check {name!r}.", hint=hint)
    return row


def info(artifacts: Artifacts, row: CustomCheck) -> CustomCheckInfo:
    """A check with its code."""
    spec = CustomCheckSpec(
        name=row.name,
        language=row.language,  # type: ignore[arg-type]  # checked when it was registered
        code=artifacts.read(row.digest).decode(),
        warn=row.warn,
        fail=row.fail,
        direction=row.direction,  # type: ignore[arg-type]  # the same
        draws=row.draws,
    )
    return CustomCheckInfo(row.deployment, spec, row.digest, row.created_at, row.created_by)


def _facts(row: CustomCheck) -> dict[str, Any]:
    facts = ("name", "language", "warn", "fail", "direction", "draws", "digest")
    return {name: getattr(row, name) for name in facts}


def _check_name(name: str) -> None:
    """Raise Invalid for the name of a check that there is anyway: rules could not tell them."""
    from pilothouse.models.tasks import tasks
    from pilothouse.monitoring.drift import drift_tests
    from pilothouse.monitoring.fairness_checks import fairness_kinds
    from pilothouse.monitoring.quality import quality_checks
    from pilothouse.monitoring.service_checks import SERVICE_CHECKS

    metrics = {metric.key for _, task in tasks.items() for metric in task.metrics}
    names = {*OF_THE_MONITOR, *drift_tests.names(), *quality_checks.names()}
    if name in names | metrics | set(SERVICE_CHECKS) | set(fairness_kinds()):
        message = f"{name!r} is the name of a check that every monitor may have."
        raise Invalid(message, fields={"name": "taken"})
