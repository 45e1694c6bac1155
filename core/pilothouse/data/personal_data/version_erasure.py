"""Erasure of an entity's rows from dataset versions, each of which keeps its number.

The new file lies among the artifacts before one transaction turns the version to it, so a kill
leaves the old version or the new one; the old file is removed after that, once no row names it.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from hashlib import sha256
from typing import TYPE_CHECKING, Any

from sqlmodel import Session, col, select

from pilothouse.activity import record
from pilothouse.data import versions
from pilothouse.data.info import DatasetVersionInfo
from pilothouse.data.personal_data.personal_columns import masking_of
from pilothouse.data.tables import DatasetVersion, VersionErasure
from pilothouse.kit.errors import PilothouseError
from pilothouse.storage import Store
from pilothouse.storage.artifact_names import is_named

if TYPE_CHECKING:
    import pyarrow as pa

Holds = Callable[[Any], bool]


@dataclass(frozen=True)
class EntityVersion:
    """A version that has rows of an entity: how many, in which columns its values are.

    `problem` says why a version could not be searched; then it has no count.
    """

    ref: str
    columns: tuple[str, ...]
    rows: int
    problem: str = ""


@dataclass(frozen=True)
class ErasedVersion:
    """A version that an erasure changed, with its file before and after it."""

    ref: str
    erasure: str
    at: datetime
    rows: int
    digest_before: str
    digest_after: str
    hash_before: str
    hash_after: str

    def to_json(self) -> dict[str, Any]:
        """A plain value."""
        return {**vars(self), "at": self.at.isoformat()}


def search(store: Store, columns: Sequence[str], holds: Holds) -> Iterator[EntityVersion]:
    """The versions of all datasets that have rows of an entity, archived ones too.

    Without `columns` those are looked into that hold personal data.
    """
    with store.read() as session:
        refs = [
            f"{name}@{number}"
            for name, number in session.exec(
                select(DatasetVersion.dataset, DatasetVersion.version).order_by(
                    col(DatasetVersion.id)
                )
            )
        ]
    for ref in refs:
        result = search_version(store, ref, columns, holds)
        if result is not None:
            yield result


def search_version(
    store: Store, ref: str, columns: Sequence[str], holds: Holds
) -> EntityVersion | None:
    """What one version has of an entity; None when it has nothing."""
    import pyarrow.compute as pc

    with store.read() as session:
        names = _looked_into(session, ref, columns)
        if not names:
            return None
        try:
            table = versions.read_table(store, session, ref, names)
        except PilothouseError as unreadable:
            return EntityVersion(ref, tuple(names), 0, unreadable.message)
    by_column = {name: _rows_of(table[name], holds) for name in names}
    matching = tuple(name for name, rows in by_column.items() if pc.any(rows).as_py())
    if not matching:
        return None
    return EntityVersion(ref, matching, int(pc.sum(_any_of(by_column)).as_py()))


def erase(
    store: Store, ref: str, columns: Sequence[str], holds: Holds, erasure: str, reason: str
) -> None:
    """Rewrite a version without the rows of an entity, and record it. Raises Unavailable."""
    import pyarrow.compute as pc

    from pilothouse.data import profile
    from pilothouse.data.canonical import canonical, content_hash
    from pilothouse.data.canonical import schema_of as schema_of_table

    with store.read() as session:
        before = versions.require(session, ref)
        names = _looked_into(session, ref, columns)
        table = versions.read_table(store, session, ref)
    is_erased = _any_of({name: _rows_of(table[name], holds) for name in names})
    if not pc.any(is_erased).as_py():
        return
    left = table.filter(pc.invert(is_erased))
    left = canonical(left) if left.num_rows else left
    spellings = {c.name: c.boolean_words for c in before.schema if c.boolean_words}
    digest, size = versions.store_content(store, left)
    content = content_hash(left, spellings)
    profiles = [column.to_json() for column in profile.profile(left).columns]
    nullable = {column.name: column.nullable for column in schema_of_table(left, spellings)}
    with store.write(durable=True) as session:
        row = versions.row(session, ref)
        row.contract_json = _contract(session, row, left, names)
        schema = (replace(c, nullable=nullable[c.name]) for c in before.schema)
        row.columns_json = [column.to_json() for column in schema]
        row.digest, row.bytes, row.rows = digest, size, left.num_rows
        row.profile_json = profiles
        row.content_hash = _own_hash(session, row, content)
        _record(session, store, row, before, erasure, reason)
    remove_replaced(store, erasure)


def erased_versions(session: Session, erasure: str) -> list[ErasedVersion]:
    """What an erasure has changed so far."""
    query = select(VersionErasure).where(VersionErasure.erasure == erasure)
    return [_info(row) for row in session.exec(query)]


def erasures_of(session: Session, ref: str) -> list[ErasedVersion]:
    """The erasures that changed a version, the first one first."""
    name, _, number = ref.partition("@")
    query = select(VersionErasure).where(
        VersionErasure.dataset == name, VersionErasure.version == int(number)
    )
    return [_info(row) for row in session.exec(query.order_by(col(VersionErasure.at)))]


def remove_replaced(store: Store, erasure: str) -> list[str]:
    """Remove the files that versions had before an erasure; those that other rows still name.

    Idempotent: an erasure that was killed before it calls this again.
    """
    still_named: list[str] = []
    with store.read() as session:
        for item in erased_versions(session, erasure):
            if is_named(session, item.digest_before):
                still_named.append(item.digest_before)
            else:
                store.artifacts.delete(item.digest_before)
    return still_named


def _looked_into(session: Session, ref: str, columns: Sequence[str]) -> list[str]:
    version = versions.require(session, ref)
    personal: Collection[str] = columns or masking_of(session, version.dataset).kinds
    return [name for name in version.column_names if name in personal]


def _rows_of(column: pa.ChunkedArray, holds: Holds) -> pa.ChunkedArray:
    """Whether each value is the entity's; each distinct value is looked at once."""
    import pyarrow as pa
    import pyarrow.compute as pc

    own = [value for value in column.unique().to_pylist() if value is not None and holds(value)]
    return pc.is_in(column, pa.array(own, column.type))


def _any_of(by_column: Mapping[str, pa.ChunkedArray]) -> pa.ChunkedArray:
    import pyarrow.compute as pc

    rows = list(by_column.values())
    whole = rows[0]
    for more in rows[1:]:
        whole = pc.or_(whole, more)
    return whole


def _contract(
    session: Session, row: DatasetVersion, left: pa.Table, columns: Collection[str]
) -> dict[str, Any]:
    """The contract without values of personal columns that no row has any more."""
    from pilothouse.data.contracts import changes, contract

    before = contract.read(versions.info(row), row.contract_json)
    personal = {*columns, *masking_of(session, row.dataset).kinds}
    rules = []
    for rule in before.rules:
        if rule.categories and rule.column in personal and rule.column in left.column_names:
            present = set(left[rule.column].unique().to_pylist())
            categories = tuple(value for value in rule.categories if value in present)
            if categories != rule.categories:
                rules.append(replace(rule, categories=categories or None))
    return changes.replace_rules(before, rules) if rules else dict(row.contract_json)


def _own_hash(session: Session, row: DatasetVersion, content: str) -> str:
    """The hash of the content; where another version has the same now, of both names too."""
    other = versions.find(session, row.dataset, content)
    if other is None or other.version == row.version:
        return content
    return sha256(f"{content} {row.dataset}@{row.version}".encode()).hexdigest()


def _record(
    session: Session,
    store: Store,
    row: DatasetVersion,
    before: DatasetVersionInfo,
    erasure: str,
    reason: str,
) -> None:
    session.add(row)
    change = VersionErasure(
        dataset=row.dataset,
        version=row.version,
        erasure=erasure,
        rows=before.rows - row.rows,
        digest_before=before.digest,
        digest_after=row.digest,
        hash_before=before.content_hash,
        hash_after=row.content_hash,
        at=store.now(),
        by=store.actor,
    )
    session.add(change)
    session.flush()
    record(
        session, store, "erased rows of", "dataset", before.ref,
        before={"rows": before.rows, "hash": before.content_hash, "digest": before.digest},
        after={"rows": row.rows, "hash": row.content_hash, "digest": row.digest},
        reason=reason,
    )  # fmt: skip


def _info(row: VersionErasure) -> ErasedVersion:
    return ErasedVersion(
        f"{row.dataset}@{row.version}",
        row.erasure,
        row.at,
        row.rows,
        row.digest_before,
        row.digest_after,
        row.hash_before,
        row.hash_after,
    )
