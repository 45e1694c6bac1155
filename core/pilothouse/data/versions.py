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

from sqlmodel import Session, and_, case, col, func, or_, select

from pilothouse.activity import record
from pilothouse.data.info import ColumnProfile, DatasetVersionInfo
from pilothouse.data.quality import quality_rows
from pilothouse.data.quality.quality_info import QualityResult, blocking_text
from pilothouse.data.reading_report import ReadingReport
from pilothouse.data.schema import Column
from pilothouse.data.tables import Dataset, DatasetVersion
from pilothouse.kit import names
from pilothouse.kit.errors import Conflict, Invalid, NotFound, Unavailable
from pilothouse.storage import Store

if TYPE_CHECKING:
    from datetime import datetime

    import pandas as pd
    import pyarrow as pa
    from sqlalchemy import ColumnElement
    from sqlmodel.sql.expression import SelectOfScalar

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
    reading: dict[str, Any] | None = None
    contract_ref: str = ""
    breach: str = ""
    quality: tuple[QualityResult, ...] = ()


@dataclass(frozen=True)
class ContractOutcome:
    """The outcome of checking new data against a dataset's contract.

    `contract_ref` is the version whose contract was used (empty for the first version), `contract`
    the one of the new version, `breach` what the data broke (empty when it broke nothing).
    """

    contract_ref: str = ""
    contract: dict[str, Any] | None = None
    breach: str = ""


@dataclass(frozen=True)
class VersionMetadata:
    """The metadata of a version: where it came from and what it may be used for."""

    source: str = ""
    licence: str = ""
    tags: Mapping[str, str] | None = None
    parent: str | None = None
    event_time: str | None = None
    note: str = ""
    release_reason: str = ""


def draft(
    store: Store,
    table: pa.Table,
    content_hash: str,
    boolean_words: Mapping[str, tuple[str, str]] | None = None,
    contract_outcome: ContractOutcome | None = None,
    reading: ReadingReport | None = None,
    quality: Sequence[QualityResult] = (),
) -> Draft:
    """Store a canonical table and compute what is stored of it.

    `boolean_words` are the spellings of its yes/no columns; `contract_outcome` is what the check
    against the dataset's contract gave;
    `reading` is how it was read, and `quality` what the dataset's checks measured of it.
    """
    from pilothouse.data import profile
    from pilothouse.data.canonical import schema_of
    from pilothouse.data.contracts import contract

    contract_outcome = contract_outcome or ContractOutcome()
    digest, size = store_content(store, table)
    return Draft(
        content_hash=content_hash,
        digest=digest,
        rows=table.num_rows,
        bytes=size,
        schema=schema_of(table, boolean_words),
        profile=[column.to_json() for column in profile.profile(table).columns],
        contract=contract_outcome.contract or contract.infer(table),
        reading=reading.to_json() if reading else None,
        contract_ref=contract_outcome.contract_ref,
        breach=contract_outcome.breach,
        quality=tuple(quality),
    )


def register(
    session: Session, store: Store, name: str, content: Draft, origin: VersionMetadata
) -> DatasetVersionInfo:
    """Register content as the next version; content that exists already is the version that it is.

    Content that fails a blocking quality check is held back, unless the origin has a reason to
    release it. Raises Invalid for a bad name or event time, NotFound for an unknown parent,
    Conflict when another version was registered since the content was checked against the contract.
    """
    names.DATASET.check(name)
    check_event_time(content.schema, origin.event_time)

    existing = find(session, name, content.content_hash)
    if existing:
        return existing

    current = newest(session, name)
    if content.contract_ref != (f"{name}@{current.version}" if current else ""):
        raise Conflict(
            f"another version of the dataset {name!r} was registered, archived or superseded "
            "in the meantime.",
            hint="Register again, so that the data is checked against the contract in force.",
        )

    parent = require(session, origin.parent).ref if origin.parent else None
    dataset = _dataset(session, store, name)

    # The number of a deleted version is not used again.
    number = max(_latest(session, name), dataset.last_number or 0) + 1
    dataset.last_number = number
    session.add(dataset)

    version = DatasetVersion(
        dataset=name,
        version=number,
        content_hash=content.content_hash,
        digest=content.digest,
        rows=content.rows,
        columns=len(content.schema),
        bytes=content.bytes,
        columns_json=[column.to_json() for column in content.schema],
        profile_json=content.profile,
        contract_json=content.contract,
        reading_json=content.reading,
        parent=parent,
        source=origin.source,
        licence=origin.licence,
        tags=dict(origin.tags or {}),
        event_time=origin.event_time,
        note=origin.note,
        breach=content.breach or None,
        held_for=blocking_text(content.quality) or None,
        created_at=store.now(),
        created_by=store.actor,
    )

    session.add(version)
    session.flush()
    quality_rows.store_results(session, store, number, content.quality)

    about: dict[str, Any] = {
        "rows": version.rows,
        "columns": version.columns,
        "hash": version.content_hash,
    }
    if content.breach:
        about["accepted breach"] = content.breach
    if failed := [result.title for result in content.quality if not result.ok]:
        about["failed checks"] = failed

    ref = f"{name}@{version.version}"
    record(session, store, "registered", "dataset", ref, after=about, reason=origin.note)
    if version.held_for and origin.release_reason:
        release(session, store, ref, origin.release_reason)
    elif version.held_for:
        held = {"held for": version.held_for}
        record(session, store, "held back", "dataset", ref, after=held)
    return info(version)


def release(session: Session, store: Store, ref: str, reason: str) -> DatasetVersion:
    """Put a version into use that is held back. Raises NotFound; Conflict when it is not."""
    version = row(session, ref)
    if version.held_for is None or version.released_at is not None:
        raise Conflict(f"{ref} is not held back by a quality check.")
    version.released_at, version.released_by = store.now(), store.actor
    version.release_reason = reason
    session.add(version)
    session.flush()
    ref = f"{version.dataset}@{version.version}"
    about = {"held for": version.held_for}
    record(session, store, "released", "dataset", ref, before=about, reason=reason)
    return version


def find(session: Session, name: str, content_hash: str) -> DatasetVersionInfo | None:
    """The version of a dataset that has some content, if there is one."""
    query = select(DatasetVersion).where(
        DatasetVersion.dataset == name, DatasetVersion.content_hash == content_hash
    )
    version = session.exec(query).first()
    return info(version, existed=True) if version else None


def require(session: Session, ref: str) -> DatasetVersionInfo:
    """The version that "flights@2" names, or the newest in use of "flights". Raises NotFound."""
    return info(row(session, ref))


def require_name(session: Session, ref: str) -> str:
    """The name of the dataset that a ref is of. Raises NotFound when there is none."""
    name = ref.partition("@")[0]
    if not _latest(session, name):
        row(session, name)  # which says that there is none
    return name


def newest(session: Session, name: str) -> DatasetVersion | None:
    """The newest version in use: neither archived nor superseded nor held back."""
    query = (
        select(DatasetVersion)
        .where(DatasetVersion.dataset == name, in_use())
        .order_by(col(DatasetVersion.version).desc())
    )
    return session.exec(query.limit(1)).first()


def newest_ids() -> SelectOfScalar[int | None]:
    """The ids of the newest versions in use, one a dataset."""
    return (
        select(func.max(col(DatasetVersion.id)))
        .where(in_use())
        .group_by(col(DatasetVersion.dataset))
    )


def in_use() -> ColumnElement[bool]:
    """The condition for versions in use, which the dataset's name alone may refer to."""
    return and_(
        col(DatasetVersion.archived_at).is_(None),
        col(DatasetVersion.superseded_by).is_(None),
        or_(col(DatasetVersion.held_for).is_(None), col(DatasetVersion.released_at).is_not(None)),
    )


def held_for() -> ColumnElement[str | None]:
    """What holds a version back; NULL for one that nothing does, or that was released."""
    return case((col(DatasetVersion.released_at).is_(None), col(DatasetVersion.held_for)))


def rows_before(session: Session, name: str, number: int) -> int | None:
    """The rows of the version before one, without those that are held back; None for the first."""
    query = select(DatasetVersion.rows).where(
        DatasetVersion.dataset == name, DatasetVersion.version < number, held_for().is_(None)
    )
    return session.exec(query.order_by(col(DatasetVersion.version).desc()).limit(1)).first()


def find_number(session: Session, name: str, number: int | None) -> DatasetVersion | None:
    """The version of a dataset with that number, if there is one."""
    query = select(DatasetVersion).where(
        DatasetVersion.dataset == name, DatasetVersion.version == number
    )
    return session.exec(query).first()


def row(session: Session, ref: str) -> DatasetVersion:
    """The row of a version. Raises NotFound, Invalid; Conflict when none is in use."""
    name, _, number = ref.partition("@")
    latest = _latest(session, name)

    if not latest:
        raise NotFound(
            f"no dataset {name!r}.", hint="Register one, or look at what there is under Data."
        )
    if "@" in ref and not NUMBER.fullmatch(number):
        raise Invalid(f"{ref!r} is not a dataset version.", hint="Write it as name@number.")

    if "@" not in ref:
        current = newest(session, name)
        if current is None:
            raise Conflict(
                f"every version of the dataset {name!r} is archived, superseded or held back.",
                hint=f"Restore one, or name one, such as {name}@{latest}.",
            )
        return current

    version = find_number(session, name, int(number))
    if version is None:
        raise NotFound(f"no version {number} of the dataset {name!r}; the latest is {latest}.")
    return version


def latest_row(session: Session, ref: str) -> DatasetVersion:
    """The version that a ref names; of a name alone the newest one, in use or not.

    Raises NotFound.
    """
    if "@" in ref:
        return row(session, ref)
    return row(session, f"{ref}@{_latest(session, ref)}")


def read_first(store: Store, session: Session, ref: str, limit: int) -> pd.DataFrame:
    """The first rows of a version, of which no more are read. Raises as `read_frame` does."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    version = require(session, ref)
    file = pq.ParquetFile(content(store, version))
    first = next(file.iter_batches(batch_size=max(1, limit)), None)
    rows = pa.Table.from_batches([] if first is None else [first], file.schema_arrow)
    frame: pd.DataFrame = rows.slice(0, limit).to_pandas()
    return frame


def read_frame(
    store: Store, session: Session, ref: str, columns: Sequence[str] | None = None
) -> pd.DataFrame:
    """The rows of a version as a frame, or some of its columns.

    Times are UTC; integers with missing values are floats, booleans with them objects.
    Raises NotFound for a version or column that is not there, Unavailable for damaged content.
    """
    table = read_table(store, session, ref, columns)
    frame: pd.DataFrame = table.to_pandas(split_blocks=True)
    names: list[str] = table.column_names
    return frame[names]


def read_table(
    store: Store, session: Session, ref: str, columns: Sequence[str] | None = None
) -> pa.Table:
    """The rows of a version as they are stored, or some of its columns."""
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
    file = pq.ParquetFile(content(store, version))
    table: pa.Table = file.read(columns=chosen).select(chosen)
    return table


def content(store: Store, version: DatasetVersionInfo) -> Path:
    """The verified file of a version. Raises Unavailable when it cannot be read."""
    try:
        return store.artifacts.local_path(version.digest)
    except NotFound as gone:
        raise _unreadable(version, "is missing from the artifacts") from gone
    except Unavailable as damaged:
        raise _unreadable(version, "is damaged") from damaged
    except OSError as broken:
        raise _unreadable(version, f"cannot be read ({broken.strerror or broken})") from broken


def _unreadable(version: DatasetVersionInfo, problem: str) -> Unavailable:
    return Unavailable(
        f"the content of {version.ref} {problem} (artifact {version.digest[:12]}…).",
        hint="Register the same file again, which stores it again, or restore the artifact from a "
        "backup. What was computed when it was registered can still be looked at.",
    )


def repair(store: Store, version: DatasetVersionInfo, table: pa.Table) -> None:
    """Store the content of a version again when its file is missing or damaged."""
    try:
        content(store, version)
    except Unavailable as lost:
        digest, _ = store_content(store, table)
        if digest != version.digest:  # written by another release of the Parquet library
            raise Unavailable(
                f"{lost.message.removesuffix('.')}, and the same rows written again have other "
                "bytes.",
                hint="Restore the artifact from a backup.",
            ) from lost


def info(version: DatasetVersion, *, existed: bool = False) -> DatasetVersionInfo:
    """A row as a frozen value."""
    same = (
        "dataset version content_hash digest rows columns bytes parent source licence tags "
        "event_time note created_at created_by superseded_by released_by release_reason"
    )
    return DatasetVersionInfo(
        ref=f"{version.dataset}@{version.version}",
        schema=tuple(map(Column.from_json, version.columns_json)),
        status=status_of(version),
        held_for=version.held_for or "",
        breach=version.breach or "",
        existed=existed,
        **{name: getattr(version, name) for name in same.split()},
    )


def column_profiles(version: DatasetVersion) -> tuple[ColumnProfile, ...]:
    """The profile of every column, as it was made when the version was registered."""
    return tuple(map(ColumnProfile.from_json, version.profile_json))


def status_of(version: DatasetVersion) -> str:
    """Whether a version is active, held, superseded or archived."""
    held = None if version.released_at else version.held_for
    return status(version.archived_at, version.superseded_by, held)


def status(archived_at: datetime | None, superseded_by: str | None, held: str | None) -> str:
    """The status of a version that `held` holds back, if anything does."""
    if archived_at is not None:
        return "archived"
    if superseded_by:
        return "superseded"
    return "held" if held else "active"


def check_event_time(schema: Sequence[Column], name: str | None) -> None:
    """Raises Invalid when a version with these columns cannot have the event time."""
    types = {column.name: column.type for column in schema}
    if name and types.get(name) != "time":
        what = f"holds {types[name]}s, not times" if name in types else "is not a column of it"
        raise Invalid(f"the event time {name!r} {what}.", fields={"event_time": f"{name} {what}"})


def store_content(store: Store, table: pa.Table) -> tuple[str, int]:
    """Store a canonical table among the artifacts; its digest and size."""
    from pilothouse.data.reading.reader import write_parquet

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "content.parquet"
        write_parquet(table, path)
        return store.artifacts.put_file(path), path.stat().st_size


def _dataset(session: Session, store: Store, name: str) -> Dataset:
    dataset = session.exec(select(Dataset).where(Dataset.name == name)).first()
    if dataset is None:
        dataset = Dataset(name=name, created_at=store.now(), created_by=store.actor)
        session.add(dataset)
        session.flush()
    return dataset


def _latest(session: Session, name: str) -> int:
    query = select(func.max(DatasetVersion.version)).where(col(DatasetVersion.dataset) == name)
    return session.exec(query).one() or 0
