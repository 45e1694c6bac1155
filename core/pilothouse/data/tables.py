"""The rows of datasets and their versions. The content lies in artifacts, named by digest."""

from __future__ import annotations

from datetime import datetime
from typing import Any, ClassVar

from sqlalchemy import Index, UniqueConstraint
from sqlmodel import Field

from pilothouse.storage import Json, Seal, Table, Utc
from pilothouse.storage.tables import OF_ARTIFACT


class Dataset(Table, table=True):
    """A name under which versions are counted."""

    __tablename__ = "data_dataset"
    seal: ClassVar[Seal | None] = Seal(group_by=("name",))

    id: int | None = Field(default=None, primary_key=True)
    name: str = Field(unique=True)
    created_at: datetime = Field(sa_type=Utc)
    created_by: str
    # The highest number ever used: that of a deleted version is not used again.
    last_number: int | None = None


class PersonalColumn(Table, table=True):
    """A column of a dataset that holds personal data, or that somebody said does not.

    `share` of `sampled` values match its kind; a column that was marked by hand has no share.
    `version` is the one that it was found in.
    """

    __tablename__ = "data_personal_column"
    seal: ClassVar[Seal | None] = Seal()

    dataset: str = Field(primary_key=True, foreign_key="data_dataset.name")
    column: str = Field(primary_key=True)
    kind: str
    state: str
    share: float | None = None
    sampled: int
    reason: str
    version: int
    decided_at: datetime | None = Field(default=None, sa_type=Utc)
    decided_by: str | None = None


class DatasetVersion(Table, table=True):
    """Content that never changes, with its profile; what people say of it can be corrected."""

    __tablename__ = "data_dataset_version"
    seal: ClassVar[Seal | None] = Seal(
        group_by=("dataset", "version"), former_names={"version": "number"}
    )
    __table_args__ = (
        UniqueConstraint(
            "dataset",
            "version",
            name="uq_data_dataset_version_dataset_number",  # see revision 0012
        ),
        UniqueConstraint("dataset", "content_hash"),
        Index(None, "created_at"),
    )

    id: int | None = Field(default=None, primary_key=True)
    dataset: str = Field(foreign_key="data_dataset.name")
    version: int
    content_hash: str = Field(index=True)
    digest: str = Field(sa_column_kwargs=OF_ARTIFACT)
    rows: int
    columns: int
    bytes: int
    columns_json: list[dict[str, Any]] = Field(default_factory=list, sa_type=Json)
    profile_json: list[dict[str, Any]] = Field(default_factory=list, sa_type=Json)
    contract_json: dict[str, Any] = Field(default_factory=dict, sa_type=Json)
    # How the content was read; versions of an earlier program have none.
    reading_json: dict[str, Any] | None = Field(default=None, sa_type=Json)
    parent: str | None = None
    source: str = ""
    licence: str = ""
    tags: dict[str, str] = Field(default_factory=dict, sa_type=Json)
    event_time: str | None = None
    note: str = ""
    created_at: datetime = Field(sa_type=Utc)
    created_by: str
    # How its data broke the contract in force, when it was registered all the same.
    breach: str | None = None
    # What its blocking quality checks say against it; it is held back until it is released.
    held_for: str | None = None
    released_at: datetime | None = Field(default=None, sa_type=Utc)
    released_by: str | None = None
    release_reason: str | None = None
    superseded_by: str | None = None
    archived_at: datetime | None = Field(default=None, sa_type=Utc)


class VersionErasure(Table, table=True):
    """An erasure that changed a version: the content keeps its number and is another file since.

    `erasure` is the id of the erasure. The rows were counted from 0 in the file before it.
    """

    __tablename__ = "data_version_erasure"
    seal: ClassVar[Seal | None] = Seal()

    dataset: str = Field(primary_key=True, foreign_key="data_dataset.name")
    version: int = Field(primary_key=True)
    erasure: str = Field(primary_key=True)
    rows: int
    digest_before: str
    digest_after: str
    hash_before: str
    hash_after: str
    at: datetime = Field(sa_type=Utc)
    by: str


class DatasheetRevision(Table, table=True):
    """What people wrote in the datasheet of a version, as a whole; each change is a new revision.

    `carried_from` is the version whose texts the first revision began with.
    """

    __tablename__ = "data_datasheet_revision"
    seal: ClassVar[Seal | None] = Seal()

    dataset: str = Field(primary_key=True, foreign_key="data_dataset.name")
    version: int = Field(primary_key=True)
    revision: int = Field(primary_key=True)
    texts: dict[str, str] = Field(sa_type=Json)
    carried_from: int | None = None
    reason: str = ""
    written_at: datetime = Field(sa_type=Utc)
    written_by: str


class DatasetSource(Table, table=True):
    """Where a dataset is refreshed from: a kind of source with its settings. It holds no password.

    `version` is the number of the version that was read from the source in the state `identity`;
    a source that cannot tell its state has an empty one.
    """

    __tablename__ = "data_dataset_source"
    seal: ClassVar[Seal | None] = Seal()

    dataset: str = Field(primary_key=True, foreign_key="data_dataset.name")
    kind: str
    settings: dict[str, Any] = Field(default_factory=dict, sa_type=Json)
    identity: str = ""
    version: int | None = None
    about: dict[str, Any] = Field(default_factory=dict, sa_type=Json)
    changed_at: datetime = Field(sa_type=Utc)
    changed_by: str


class DatasetCheck(Table, table=True):
    """A quality check of a dataset: a kind with its settings, and what a failure means."""

    __tablename__ = "data_quality_check"
    seal: ClassVar[Seal | None] = Seal()

    id: str = Field(primary_key=True)
    dataset: str = Field(foreign_key="data_dataset.name", index=True)
    kind: str
    settings: dict[str, Any] = Field(default_factory=dict, sa_type=Json)
    severity: str
    created_at: datetime = Field(sa_type=Utc)
    created_by: str
    changed_at: datetime = Field(sa_type=Utc)
    changed_by: str


class DatasetCheckResult(Table, table=True):
    """What a quality check measured of a version, with the limits and the severity of that day.

    `rows` are positions of failing rows; their values stay in the content of the version.
    """

    __tablename__ = "data_quality_result"
    seal: ClassVar[Seal | None] = Seal()

    check_id: str = Field(primary_key=True, foreign_key="data_quality_check.id")
    version: int = Field(primary_key=True)
    status: str
    severity: str
    value: float | None = None
    low: float | None = None
    high: float | None = None
    failing: int | None = None
    rows: list[int] = Field(default_factory=list, sa_type=Json)
    message: str = ""
    checked_at: datetime = Field(sa_type=Utc)
    checked_by: str
