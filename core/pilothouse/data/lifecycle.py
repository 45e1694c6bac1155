"""Edit, supersede, archive and delete dataset versions; every change is in the audit log."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import delete as delete_rows
from sqlmodel import Session, col

from pilothouse.activity import record
from pilothouse.data import versions
from pilothouse.data.quality import quality_rows
from pilothouse.data.schema import Column
from pilothouse.data.tables import DatasetVersion, DatasheetRevision
from pilothouse.kit.errors import Conflict, Invalid
from pilothouse.storage import Store

FIELDS = ("source", "licence", "tags", "event_time", "note")
MAX_NAMED = 5
NOUNS = {"dataset": "dataset version", "version": "model version"}


@dataclass(frozen=True)
class Use:
    """What uses a dataset version: the kind and address of an object, its name, and how."""

    kind: str
    ref: str
    name: str
    how: str

    def __str__(self) -> str:
        return f"{NOUNS.get(self.kind, self.kind)} {self.name} ({self.how})"


Uses = Callable[[Session, str], Sequence[Use]]


def edit(
    session: Session, store: Store, ref: str, changes: Mapping[str, Any], reason: str
) -> DatasetVersion:
    """Correct the metadata of a version. Raises NotFound, Invalid for a bad event time."""
    version = versions.row(session, ref)
    after = {name: value for name, value in changes.items() if value != getattr(version, name)}
    if not after:
        return version

    if after.get("event_time"):
        columns = tuple(map(Column.from_json, version.columns_json))
        versions.check_event_time(columns, after["event_time"])
    before = {name: getattr(version, name) for name in after}
    for name, value in after.items():
        setattr(version, name, value)

    _save(session, version)
    record(
        session, store, "edited", "dataset", _ref(version), before=before, after=after,
        reason=reason,
    )  # fmt: skip
    return version


def supersede(session: Session, store: Store, ref: str, by: str, reason: str) -> DatasetVersion:
    """Say that another version replaces this one. Raises NotFound, Invalid, Conflict."""
    version, successor = versions.row(session, ref), versions.row(session, by)
    if successor.id == version.id:
        raise Invalid(f"{ref} cannot replace itself.", fields={"by": "the same version"})
    if successor.dataset != version.dataset:
        raise Invalid(
            f"{_ref(successor)} is not a version of the dataset {version.dataset!r}.",
            fields={"by": "another dataset"},
        )
    if versions.status_of(successor) != "active":
        raise Conflict(f"{_ref(successor)} is archived, superseded or held back itself.")

    before, version.superseded_by = version.superseded_by, _ref(successor)
    _save(session, version)
    about = {"superseded by": version.superseded_by}
    record(
        session, store, "superseded", "dataset", _ref(version),
        before={"superseded by": before}, after=about, reason=reason,
    )  # fmt: skip
    return version


def archive(session: Session, store: Store, ref: str, reason: str) -> DatasetVersion:
    """Hide a version from lists and from the dataset's plain name. Raises NotFound."""
    version = versions.row(session, ref)
    if version.archived_at is None:
        version.archived_at = store.now()
        _save(session, version)
        record(session, store, "archived", "dataset", _ref(version), reason=reason)
    return version


def restore(session: Session, store: Store, ref: str, reason: str) -> DatasetVersion:
    """Make an archived or superseded version active again. Raises NotFound."""
    version = versions.row(session, ref)
    before = versions.status_of(version)
    if before in ("archived", "superseded"):
        version.archived_at, version.superseded_by = None, None
        _save(session, version)
        about = {"status": before}
        record(session, store, "restored", "dataset", _ref(version), before=about, reason=reason)
    return version


def delete(session: Session, store: Store, ref: str, uses: Uses, reason: str) -> str:
    """Delete a version that nothing uses, and return its ref. Raises NotFound, Conflict."""
    version = versions.row(session, ref)
    ref = _ref(version)

    users = list(uses(session, ref))
    if users:
        more = f" and {len(users) - MAX_NAMED} more" if len(users) > MAX_NAMED else ""
        names = ", ".join(map(str, users[:MAX_NAMED])) + more
        raise Conflict(
            f"{ref} is used by {names}.",
            hint="Archive it instead: it leaves the lists, and what uses it keeps working.",
        )

    about = {
        "rows": version.rows,
        "columns": version.columns,
        "hash": version.content_hash,
        "source": version.source,
        "note": version.note,
    }

    datasheets = delete_rows(DatasheetRevision).where(
        col(DatasheetRevision.dataset) == version.dataset,
        col(DatasheetRevision.version) == version.version,
    )
    session.execute(datasheets)
    quality_rows.delete_results(session, version.dataset, version.version)
    session.delete(version)
    session.flush()
    record(session, store, "deleted", "dataset", ref, before=about, reason=reason)
    return ref


def _save(session: Session, version: DatasetVersion) -> None:
    session.add(version)
    session.flush()


def _ref(version: DatasetVersion) -> str:
    return f"{version.dataset}@{version.version}"
