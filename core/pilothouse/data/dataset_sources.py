"""Where each dataset is refreshed from, and what a refresh would change."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import TYPE_CHECKING, Any

from sqlmodel import Session, select

from pilothouse.activity import record
from pilothouse.data import versions
from pilothouse.data.quality.quality_info import QualityResult, blocking_text
from pilothouse.data.sources import DataSource, sources
from pilothouse.data.tables import DatasetSource, DatasetVersion
from pilothouse.kit.errors import NotFound
from pilothouse.kit.parameters import Params, read_params
from pilothouse.storage import Store

if TYPE_CHECKING:
    import pyarrow as pa

    from pilothouse.data.diff import DataDiff
    from pilothouse.data.info import ContractReport


@dataclass(frozen=True)
class DatasetSourceInfo:
    """Where a dataset is refreshed from.

    `identity` is the state that was read last, `about` what is stored with each new version.
    """

    dataset: str
    kind: str
    settings: Mapping[str, Any]
    identity: str
    changed_at: datetime
    changed_by: str
    about: Mapping[str, Any] = field(default_factory=dict)

    @property
    def title(self) -> str:
        """The kind's name for people."""
        return sources.get(self.kind).title

    @property
    def place(self) -> str:
        """Where the rows are, in a few words and without secrets."""
        return sources.get(self.kind).place(self.params)

    @property
    def params(self) -> Params:
        """The settings, checked as those of the kind."""
        return read_settings(self.kind, self.settings)[1]


@dataclass(frozen=True, eq=False)
class RefreshCheck:
    """What a refresh would make of a dataset, before it is registered.

    `diff` is against the newest version in use, `report` the verdict of its contract, `quality`
    what the quality checks say; `identity` is the state of the source that was read.
    """

    dataset: str
    newest: str
    rows: int
    diff: DataDiff
    report: ContractReport
    identity: str = ""
    quality: tuple[QualityResult, ...] = ()

    @property
    def held_for(self) -> str:
        """What would hold the version back; empty when nothing does."""
        return blocking_text(self.quality)

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
            "identity": self.identity,
            "unchanged": self.unchanged,
            "diff": self.diff.message,
            "contract": "kept" if self.report.ok else self.report.message,
            "contract_kept": self.report.ok,
            "quality": [result.to_json() for result in self.quality],
            "held_for": self.held_for,
        }


def read_settings(kind: str, settings: Mapping[str, Any]) -> tuple[DataSource, Params]:
    """The kind of that name and its settings, checked. Raises NotFound, Invalid."""
    source = sources.get(kind)
    params = read_params(source.title, source.parameters, settings)
    source.check(params)
    return source, params


def keep(session: Session, store: Store, source: DatasetSourceInfo, version: str) -> None:
    """Remember where a dataset is refreshed from, and the state that `version` was read from."""
    row = session.get(DatasetSource, source.dataset)
    values: dict[str, Any] = {
        "kind": source.kind,
        "settings": dict(source.settings),
        "identity": source.identity,
        "version": int(version.partition("@")[2]),
        "about": dict(source.about),
    }
    before = {} if row is None else {name: getattr(row, name) for name in values}
    if before == values:
        return
    if row is None:
        row = DatasetSource(
            dataset=source.dataset, changed_at=store.now(), changed_by=store.actor, **values
        )
    else:
        for name, value in values.items():
            setattr(row, name, value)
        row.changed_at, row.changed_by = store.now(), store.actor
    session.add(row)
    session.flush()
    record(session, store, "set source of", "dataset", source.dataset, before=before, after=values)


def find(session: Session, dataset: str) -> DatasetSourceInfo | None:
    """Where a dataset is refreshed from, or None."""
    row = session.get(DatasetSource, dataset)
    return None if row is None else _info(row)


def of_kind(session: Session, kind: str) -> list[DatasetSourceInfo]:
    """Where datasets of a kind of source are refreshed from, by the dataset's name."""
    query = select(DatasetSource).where(DatasetSource.kind == kind)
    return [_info(row) for row in session.exec(query.order_by(DatasetSource.dataset))]


def _info(row: DatasetSource) -> DatasetSourceInfo:
    return DatasetSourceInfo(
        row.dataset,
        row.kind,
        row.settings,
        row.identity,
        row.changed_at,
        row.changed_by,
        row.about,
    )


def require(session: Session, dataset: str) -> DatasetSourceInfo:
    """Where a dataset is refreshed from. Raises NotFound."""
    source = find(session, dataset)
    if source is None:
        versions.require(session, dataset)  # which says that there is no such dataset
        raise NotFound(
            f"{dataset!r} is not registered from a place that can be read again.",
            hint="Register it once with `pilothouse datasets add-from`.",
        )
    return source


def version_read_as(session: Session, dataset: str, identity: str) -> DatasetVersion | None:
    """The version read from the source in this very state, if it is the newest or held back."""
    row = session.get(DatasetSource, dataset)
    newest = versions.newest(session, dataset)
    if row is None or newest is None or not identity or row.identity != identity:
        return None
    if newest.version == row.version:
        return newest
    read = versions.find_number(session, dataset, row.version)
    return read if read is not None and versions.status_of(read) == "held" else None


def check(
    session: Session,
    dataset: str,
    table: pa.Table,
    identity: str = "",
    quality: Sequence[QualityResult] = (),
) -> RefreshCheck:
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
    return RefreshCheck(
        dataset, before.ref, table.num_rows, changes, report, identity, tuple(quality)
    )
