"""Which table or query a dataset is refreshed from, and what a refresh would change."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import TYPE_CHECKING, Any

from sqlmodel import Session

from pilothouse.activity import record
from pilothouse.data import versions
from pilothouse.data.sql.sql_connection import SqlQuery, place_of
from pilothouse.data.tables import SqlSource
from pilothouse.kit.errors import NotFound
from pilothouse.storage import Store

if TYPE_CHECKING:
    import pyarrow as pa

    from pilothouse.data.diff import DataDiff
    from pilothouse.data.info import ContractReport


@dataclass(frozen=True)
class SqlSourceInfo:
    """Where a dataset is refreshed from; `about` is what is stored with each new version."""

    dataset: str
    query: SqlQuery
    changed_at: datetime
    changed_by: str
    about: Mapping[str, Any] = field(default_factory=dict)

    @property
    def place(self) -> str:
        """The database in words, without a user or a password."""
        return place_of(self.query)


@dataclass(frozen=True, eq=False)
class RefreshCheck:
    """What a refresh would make of a dataset, before it is registered.

    `diff` is against the newest version in use, `report` the verdict of its contract.
    """

    dataset: str
    newest: str
    rows: int
    diff: DataDiff
    report: ContractReport

    @property
    def unchanged(self) -> bool:
        """Whether the rows are those of the newest version."""
        return self.diff.identical

    def to_json(self) -> dict[str, Any]:
        """The findings as plain values."""
        return {
            "dataset": self.dataset,
            "newest": self.newest,
            "rows": self.rows,
            "unchanged": self.unchanged,
            "diff": self.diff.message,
            "contract": "kept" if self.report.ok else self.report.message,
            "contract_kept": self.report.ok,
        }


def keep(
    session: Session, store: Store, dataset: str, query: SqlQuery, about: Mapping[str, Any]
) -> None:
    """Remember where a dataset is refreshed from, in place of what was remembered."""
    row = session.get(SqlSource, dataset)
    before = {} if row is None else {"url": row.url, "statement": row.statement}
    values = {**query.to_json(), "about": dict(about)}
    if row is not None and all(getattr(row, name) == value for name, value in values.items()):
        return
    if row is None:
        row = SqlSource(dataset=dataset, changed_at=store.now(), changed_by=store.actor, **values)
    else:
        for name, value in values.items():
            setattr(row, name, value)
        row.changed_at, row.changed_by = store.now(), store.actor
    session.add(row)
    session.flush()
    after = {"url": query.url, "statement": query.statement, "secret": query.secret}
    record(session, store, "set source of", "dataset", dataset, before=before, after=after)


def find(session: Session, dataset: str) -> SqlSourceInfo | None:
    """Where a dataset is refreshed from, or None."""
    row = session.get(SqlSource, dataset)
    if row is None:
        return None
    query = SqlQuery(row.url, row.statement, row.secret, row.max_rows, row.max_seconds)
    return SqlSourceInfo(row.dataset, query, row.changed_at, row.changed_by, row.about)


def require(session: Session, dataset: str) -> SqlSourceInfo:
    """Where a dataset is refreshed from. Raises NotFound."""
    source = find(session, dataset)
    if source is None:
        versions.require(session, dataset)  # which says that there is no such dataset
        raise NotFound(
            f"{dataset!r} is not registered from a database.",
            hint="Register it once with `pilothouse datasets add-sql`.",
        )
    return source


def check(session: Session, dataset: str, table: pa.Table) -> RefreshCheck:
    """What canonical rows would change. Raises NotFound without a version in use."""
    from pilothouse.data import profile
    from pilothouse.data.canonical import content_hash, schema_of
    from pilothouse.data.contracts import check as contract_check
    from pilothouse.data.contracts import contract
    from pilothouse.data.diff import diff
    from pilothouse.data.info import Profile

    row = versions.row(session, dataset)
    before = versions.info(row)
    boolean_words = {c.name: c.boolean_words for c in before.schema if c.boolean_words}
    after = replace(
        before,
        ref=f"{dataset} (refreshed)",
        content_hash=content_hash(table, boolean_words),
        rows=table.num_rows,
        columns=table.num_columns,
        schema=schema_of(table, boolean_words),
    )
    refreshed = Profile(table.num_rows, tuple(profile.profile(table).columns))
    current = Profile(row.rows, versions.column_profiles(row))
    report = contract_check.check_table(contract.read(before, row.contract_json), table)
    changes = diff(before, after, current, refreshed)
    return RefreshCheck(dataset, before.ref, table.num_rows, changes, report)
