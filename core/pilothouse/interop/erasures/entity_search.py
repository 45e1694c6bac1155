"""Where a workspace has an entity: looked for twice, before an erasure and after it.

An entity is known by keyed hashes of its value, as the prediction log's erasure has them, so that
neither a job nor a certificate holds what was to be forgotten.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from sqlmodel import Session, col, select

from pilothouse.data.personal_data import version_erasure
from pilothouse.data.personal_data.personal_columns import masking_of_all
from pilothouse.data.personal_data.version_erasure import EntityVersion
from pilothouse.data.uploads import search_uploads
from pilothouse.deployments import commands
from pilothouse.deployments.log_rules.erasure import ErasureCount, counted
from pilothouse.deployments.masked_log import masking_of_log
from pilothouse.deployments.prediction_log import column_hashes
from pilothouse.deployments.prediction_log.entity_rows import EntitySelection, find_rows
from pilothouse.deployments.tables import Deployment
from pilothouse.interop.events import set_aside
from pilothouse.kit.errors import Unavailable
from pilothouse.storage import Store

MAX_TRIES = 20  # while files of a log are being merged


@dataclass(frozen=True)
class SearchedEntity:
    """An entity by hashes of its value. Without `columns` those with personal data are meant."""

    columns: tuple[str, ...]
    hashes: frozenset[str]
    key: bytes

    def holds(self, value: Any) -> bool:
        """Whether a value is its."""
        return column_hashes.value_hash(self.key, value) in self.hashes


@dataclass(frozen=True)
class EntityLog:
    """What a deployment's log has of an entity, by an input or, without one, by prediction ids."""

    deployment: str
    column: str
    count: ErasureCount

    @property
    def rows(self) -> int:
        """Its predictions, labels and rewards."""
        count = self.count
        return count.predictions + count.waiting + count.labels + count.rewards


@dataclass(frozen=True)
class EntityPlaces:
    """Everything that a workspace has of an entity, and what could not be searched."""

    datasets: tuple[EntityVersion, ...]
    logs: tuple[EntityLog, ...]
    messages: tuple[str, ...]
    uploads: tuple[str, ...]
    unsearched: tuple[str, ...]

    @property
    def rows(self) -> int:
        """All rows, messages and uploads together."""
        of_rows = sum(item.rows for item in self.datasets) + sum(log.rows for log in self.logs)
        return of_rows + len(self.messages) + len(self.uploads)

    def to_json(self) -> dict[str, Any]:
        """The counts by place."""
        return {
            "datasets": {item.ref: item.rows for item in self.datasets},
            "logs": {f"{log.deployment} by {log.column or 'id'}": log.rows for log in self.logs},
            "messages": len(self.messages),
            "uploads": len(self.uploads),
        }


def entity_of(store: Store, columns: Sequence[str], hashes: Sequence[str]) -> SearchedEntity:
    """An entity as a job has it."""
    key = column_hashes.read_key(store.folder / "journal")
    return SearchedEntity(tuple(columns), frozenset(hashes), key)


def find_entity(store: Store, entity: SearchedEntity) -> EntityPlaces:
    """Look in every dataset version, log, message that is set aside, and upload."""
    versions = list(version_erasure.search(store, entity.columns, entity.holds))
    logs = [log for name, column in log_columns(store, entity)
            if (log := search_log(store, name, column, entity))]  # fmt: skip
    with store.read() as session:
        messages = set_aside.holding(session, entity.holds)
        columns = entity.columns or tuple(masking_of_all(session).kinds)
    uploads, unreadable = search_uploads(store, columns, entity.holds)
    unsearched = [f"{item.ref}: {item.problem}" for item in versions if item.problem]
    unsearched += [part for log in logs for part in log.count.unsearched]
    return EntityPlaces(
        tuple(item for item in versions if not item.problem),
        tuple(log for log in logs if log.rows),
        tuple(messages),
        tuple(uploads),
        tuple(sorted({*unsearched, *unreadable})),
    )


def log_columns(store: Store, entity: SearchedEntity) -> list[tuple[str, str]]:
    """Each deployment with each input that is looked into, and with "" for prediction ids."""
    with store.read() as session:
        names = session.exec(select(Deployment.name).order_by(col(Deployment.name)))
        return [(name, column) for name in names for column in _columns(session, name, entity)]


def search_log(
    store: Store, deployment: str, column: str, entity: SearchedEntity
) -> EntityLog | None:
    """What a log has of an entity; None when nothing, and every file could be read."""
    selection = EntitySelection(column, entity.hashes, entity.key)
    for _ in range(MAX_TRIES):
        try:
            count = counted(find_rows(store.folder, deployment, selection))
        except FileNotFoundError:  # merged meanwhile
            continue
        log = EntityLog(deployment, column, count)
        return log if log.rows or count.unsearched else None
    raise Unavailable(f"the log of {deployment!r} changes faster than it can be read.")


def _columns(session: Session, deployment: str, entity: SearchedEntity) -> Iterator[str]:
    row = commands.require(session, deployment)
    signature = commands.signature_of(session, deployment, row.model, row.version)
    personal = entity.columns or tuple(masking_of_log(session, deployment).kinds)
    yield ""
    yield from (name for name in signature.names if name in personal)
