"""Registering content as versions of a dataset, and finding them again.

Profiling and storing happen before the transaction (`draft`); `register` only writes rows.
"""

from __future__ import annotations

import re
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sqlmodel import Session, col, func, select

from pilothouse.activity import record
from pilothouse.data.facts import DatasetVersionInfo
from pilothouse.data.schema import Column
from pilothouse.data.tables import Dataset, DatasetVersion
from pilothouse.kit.errors import Invalid, NotFound
from pilothouse.storage import Store

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
NUMBER = re.compile(r"[0-9]{1,9}")


@dataclass(frozen=True)
class Draft:
    """Content that lies in the artifacts and has been looked at, but has no name yet."""

    content_hash: str
    digest: str
    rows: int
    bytes: int
    schema: tuple[Column, ...]
    profile: list[dict[str, Any]]
    contract: dict[str, Any]


@dataclass(frozen=True)
class Origin:
    """What people say of a version: where it came from and what it may be used for."""

    source: str = ""
    licence: str = ""
    tags: Mapping[str, str] | None = None
    parent: str | None = None
    event_time: str | None = None
    note: str = ""


def draft(
    store: Store,
    table: pa.Table,
    content_hash: str,
    words: Mapping[str, tuple[str, str]] | None = None,
) -> Draft:
    """Keep a canonical table and look at it; `words` are those of its yes/no columns."""
    from pilothouse.data import contract, profile
    from pilothouse.data.canonical import schema_of

    digest, size = _keep(store, table)
    return Draft(
        content_hash=content_hash,
        digest=digest,
        rows=table.num_rows,
        bytes=size,
        schema=schema_of(table, words),
        profile=[column.to_json() for column in profile.profile(table).columns],
        contract=contract.infer(table),
    )


def register(
    session: Session, store: Store, name: str, content: Draft, origin: Origin
) -> DatasetVersionInfo:
    """Give content its number under a name; content that is there already keeps the one it has.

    Raises Invalid for a bad name or event time, NotFound for an unknown parent.
    """
    check_name(name)
    _check_event_time(content, origin.event_time)
    existing = find(session, name, content.content_hash)
    if existing:
        return existing
    parent = require(session, origin.parent).ref if origin.parent else None
    _dataset(session, store, name)
    version = DatasetVersion(
        dataset=name,
        number=_latest(session, name) + 1,
        content_hash=content.content_hash,
        digest=content.digest,
        rows=content.rows,
        columns=len(content.schema),
        bytes=content.bytes,
        columns_json=[column.to_json() for column in content.schema],
        profile_json=content.profile,
        contract_json=content.contract,
        parent=parent,
        source=origin.source,
        licence=origin.licence,
        tags=dict(origin.tags or {}),
        event_time=origin.event_time,
        note=origin.note,
        created_at=store.now(),
        created_by=store.actor,
    )
    session.add(version)
    session.flush()
    about = {"rows": version.rows, "columns": version.columns, "hash": version.content_hash}
    ref = f"{name}@{version.number}"
    record(session, store, "registered", "dataset", ref, after=about, reason=origin.note)
    return info(version)


def find(session: Session, name: str, content_hash: str) -> DatasetVersionInfo | None:
    """The version of a dataset that has some content, if there is one."""
    query = select(DatasetVersion).where(
        DatasetVersion.dataset == name, DatasetVersion.content_hash == content_hash
    )
    version = session.exec(query).first()
    return info(version, existed=True) if version else None


def require(session: Session, ref: str) -> DatasetVersionInfo:
    """The version that "flights@2" names, or the latest that "flights" does. Raises NotFound."""
    return info(row(session, ref))


def row(session: Session, ref: str) -> DatasetVersion:
    """The row of a version. Raises NotFound, Invalid."""
    name, _, number = ref.partition("@")
    latest = _latest(session, name)
    if not latest:
        raise NotFound(
            f"no dataset {name!r}.", hint="Register one, or look at what there is under Data."
        )
    if "@" in ref and not NUMBER.fullmatch(number):
        raise Invalid(f"{ref!r} names no dataset version.", hint="Write it as name@number.")
    query = select(DatasetVersion).where(
        DatasetVersion.dataset == name, DatasetVersion.number == int(number or latest)
    )
    found = session.exec(query).first()
    if found is None:
        raise NotFound(f"no version {number} of the dataset {name!r}; the latest is {latest}.")
    return found


def read_frame(
    store: Store, session: Session, ref: str, columns: Sequence[str] | None = None
) -> pd.DataFrame:
    """The rows of a version as a frame, or some of its columns.

    Times are UTC; integers with missing values are floats, booleans with them objects.
    Raises NotFound for a version or column that is not there, Unavailable for damaged content.
    """
    import pyarrow.parquet as pq

    version = require(session, ref)
    unknown = [name for name in columns or () if name not in version.column_names]
    if unknown:
        raise NotFound(
            f"{version.ref} has no column {unknown[0]!r}.",
            hint=f"It has {', '.join(version.column_names)}.",
        )
    # One file, read as one: a path's parent folder named a=b would become a column.
    chosen = list(version.column_names if columns is None else columns)
    table = pq.ParquetFile(store.artifacts.local_path(version.digest)).read(columns=chosen)
    frame: pd.DataFrame = table.to_pandas(split_blocks=True)
    return frame[chosen]


def info(version: DatasetVersion, *, existed: bool = False) -> DatasetVersionInfo:
    """A row as a fact."""
    same = (
        "dataset number content_hash digest rows columns bytes parent source licence tags "
        "event_time note created_at created_by"
    )
    return DatasetVersionInfo(
        ref=f"{version.dataset}@{version.number}",
        schema=tuple(map(Column.from_json, version.columns_json)),
        existed=existed,
        **{name: getattr(version, name) for name in same.split()},
    )


def check_name(name: str) -> None:
    """Raises Invalid when a dataset cannot be called so."""
    if not NAME.fullmatch(name):
        raise Invalid(
            f"a dataset cannot be called {name!r}.",
            hint="Use letters, digits, dots, dashes and underscores; begin with a letter or digit.",
            fields={"name": "not a name"},
        )


def _check_event_time(content: Draft, name: str | None) -> None:
    types = {column.name: column.type for column in content.schema}
    if name and types.get(name) != "time":
        what = f"holds {types[name]}s, not times" if name in types else "is no column of it"
        raise Invalid(f"the event time {name!r} {what}.", fields={"event_time": f"{name} {what}"})


def _keep(store: Store, table: pa.Table) -> tuple[str, int]:
    from pilothouse.data.reading import write_parquet

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "content.parquet"
        write_parquet(table, path)
        return store.artifacts.put_file(path), path.stat().st_size


def _dataset(session: Session, store: Store, name: str) -> None:
    if session.exec(select(Dataset).where(Dataset.name == name)).first() is None:
        session.add(Dataset(name=name, created_at=store.now(), created_by=store.actor))
        session.flush()


def _latest(session: Session, name: str) -> int:
    query = select(func.max(DatasetVersion.number)).where(col(DatasetVersion.dataset) == name)
    return session.exec(query).one() or 0
