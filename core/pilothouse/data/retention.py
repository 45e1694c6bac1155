"""Retention of dataset versions: those that are too old and used by nothing are deleted.

A version stays while it is among the newest ones, younger than a number of days, the one that the
dataset's name means, held back for a person, or used: by models, runs, jobs, schedules, monitors,
or datasets of another name that were made from it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlmodel import Session, col, select

from pilothouse.data import lifecycle, versions
from pilothouse.data.lifecycle import Use, Uses
from pilothouse.data.tables import DatasetVersion
from pilothouse.kit.errors import Conflict, Invalid, NotFound
from pilothouse.storage import Store
from pilothouse.storage.artifact_names import is_named

MAX_KEEP_VERSIONS, MAX_KEEP_DAYS = 10_000, 36_500
CLEAN_UP_JOB = "clean_dataset"  # the workflow that deletes old versions


@dataclass(frozen=True)
class OldVersion:
    """A version that is too old; `used_by` says why it stays all the same, "" where it goes."""

    ref: str
    created_at: datetime
    rows: int
    bytes: int
    used_by: str

    @property
    def goes(self) -> bool:
        """Whether it is deleted."""
        return not self.used_by


def check_limits(keep_versions: int, keep_days: int) -> None:
    """Raises Invalid for limits that cannot be used."""
    fields = {}
    if not 1 <= keep_versions <= MAX_KEEP_VERSIONS:
        fields["keep_versions"] = f"between 1 and {MAX_KEEP_VERSIONS:,}"
    if not 0 <= keep_days <= MAX_KEEP_DAYS:
        fields["keep_days"] = f"between 0 and {MAX_KEEP_DAYS:,}"
    if fields:
        raise Invalid.of_fields("these limits cannot be used", fields)


def old_versions(
    session: Session, store: Store, name: str, keep_versions: int, keep_days: int, uses: Uses
) -> list[OldVersion]:
    """The versions of a dataset that are too old, the oldest first. Raises NotFound, Invalid."""
    check_limits(keep_versions, keep_days)
    dataset = versions.require_name(session, name)
    query = select(DatasetVersion).where(DatasetVersion.dataset == dataset)
    rows = list(session.exec(query.order_by(col(DatasetVersion.version).desc())))
    newest = versions.newest(session, dataset)
    since = store.now() - timedelta(days=keep_days)
    too_old = [
        row
        for row in rows[keep_versions:]
        if row.created_at <= since
        and (newest is None or row.version != newest.version)
        and versions.status_of(row) != "held"
    ]
    own_uses = _without_next_versions(dataset, uses)
    return [
        OldVersion(
            ref := f"{dataset}@{row.version}",
            row.created_at,
            row.rows,
            row.bytes,
            ", ".join(map(str, own_uses(session, ref)[: lifecycle.MAX_NAMED])),
        )
        for row in reversed(too_old)
    ]


def delete_old(
    store: Store,
    name: str,
    keep_versions: int,
    keep_days: int,
    uses: Uses,
    reason: str,
    report: Callable[[float, str], None],
) -> list[str]:
    """Delete the versions that go, each in a transaction of its own, and what only they named.

    Idempotent: what was not reached is deleted by the next call. Returns the refs. A version that
    got a use meanwhile stays.
    """
    with store.read() as session:
        listed = old_versions(session, store, name, keep_versions, keep_days, uses)
    going = [version.ref for version in listed if version.goes]
    own_uses, deleted = _without_next_versions(name.partition("@")[0], uses), []
    for number, ref in enumerate(going):
        report(number / len(going), f"deleting {ref}")
        try:
            _delete(store, ref, own_uses, reason)
        except (Conflict, NotFound):
            continue
        deleted.append(ref)
    return deleted


def _delete(store: Store, ref: str, uses: Uses, reason: str) -> None:
    with store.write(durable=True) as session:
        digest = versions.row(session, ref).digest
        lifecycle.delete(session, store, ref, uses, reason)
    with store.read() as session:
        if not is_named(session, digest):
            store.artifacts.delete(digest)


def _without_next_versions(dataset: str, uses: Uses) -> Uses:
    """The uses but for later versions of the same dataset: each refresh is made from the last."""

    def own_uses(session: Session, ref: str) -> Sequence[Use]:
        return [use for use in uses(session, ref) if not _is_next(use, dataset)]

    return own_uses


def _is_next(use: Use, dataset: str) -> bool:
    return use.kind == "dataset" and use.ref.partition("@")[0] == dataset
