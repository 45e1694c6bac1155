"""What a source returns, as plain values, and the protocol that every reader implements."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from sqlmodel import Session

from pilothouse.experiments.metrics.summary import Points
from pilothouse.experiments.run_changes import TagColumns
from pilothouse.interop.model_source import ModelSource

BATCH = 50_000  # points that a source hands over at once
INPUT, OUTPUT = "input", "output"


@dataclass(frozen=True)
class ExperimentRecord:
    """An experiment; `id` is the source's own."""

    id: str
    name: str
    note: str = ""
    deleted: bool = False
    created_at: datetime | None = None
    updated_at: datetime | None = None
    tags: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class DatasetRecord:
    """A dataset that a run read."""

    name: str
    digest: str
    source_type: str = ""
    source: str = ""
    columns: str = ""
    profile: str = ""
    tags: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class ModelUse:
    """A run read (`input`) or made (`output`) a logged model."""

    model_id: str
    direction: str
    step: int = 0


@dataclass(frozen=True)
class RunRecord:
    """A run without its histories and files; `fingerprint` changes when anything of it does."""

    id: str
    experiment: str
    status: str
    name: str = ""
    user: str = ""
    source: str = ""
    commit: str = ""
    started_at: datetime | None = None
    ended_at: datetime | None = None
    deleted: bool = False
    deleted_at: datetime | None = None
    params: Mapping[str, str] = field(default_factory=dict)
    tags: Mapping[str, str] = field(default_factory=dict)
    datasets: tuple[DatasetRecord, ...] = ()
    model_uses: tuple[ModelUse, ...] = ()
    metrics: tuple[str, ...] = ()
    artifact_uri: str = ""
    fingerprint: str = ""


@dataclass(frozen=True)
class MetricRecord:
    """A metric of a logged model."""

    key: str
    value: float
    at: datetime
    step: int
    run_id: str = ""
    dataset_name: str = ""
    dataset_digest: str = ""


@dataclass(frozen=True)
class LoggedModelRecord:
    """A model that a program logged."""

    id: str
    experiment: str
    name: str
    status: str
    kind: str = ""
    run_id: str = ""
    message: str = ""
    created_at: datetime | None = None
    updated_at: datetime | None = None
    deleted: bool = False
    params: Mapping[str, str] = field(default_factory=dict)
    tags: Mapping[str, str] = field(default_factory=dict)
    metrics: tuple[MetricRecord, ...] = ()
    artifact_uri: str = ""
    fingerprint: str = ""


@dataclass(frozen=True)
class VersionRecord:
    """A version of a registered model; `stage` is that of MLflow, in small letters."""

    version: int
    source: str
    stage: str
    run_id: str = ""
    model_id: str = ""
    note: str = ""
    run_link: str = ""
    created_at: datetime | None = None
    updated_at: datetime | None = None
    tags: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class ModelRecord:
    """A registered model with its versions, sorted by number."""

    name: str
    note: str = ""
    created_at: datetime | None = None
    updated_at: datetime | None = None
    tags: Mapping[str, str] = field(default_factory=dict)
    aliases: Mapping[str, int] = field(default_factory=dict)
    versions: tuple[VersionRecord, ...] = ()


@dataclass(frozen=True)
class FileRecord:
    """A file: its path below its owner, its size if known, and where the source reads it."""

    path: str
    size: int | None
    location: str


class ImportSource(Protocol):
    """Another tracker's store, read only. What cannot be read is reported, not raised."""

    @property
    def name(self) -> str:
        """What distinguishes this source from every other; no secrets."""
        ...

    @property
    def tracker(self) -> str:
        """The name of the tracker, as people know it."""
        ...

    @property
    def tag_columns(self) -> TagColumns:
        """Which of its run tags fill a column of a run, and which names the parent."""
        ...

    @property
    def kind(self) -> str:
        """What it is: a folder, a database, a server."""
        ...

    @property
    def written_by(self) -> str:
        """The version or schema that wrote it, if known."""
        ...

    def experiments(self) -> Iterator[ExperimentRecord]:
        """Every experiment, the deleted ones too."""
        ...

    def count(self, experiment: ExperimentRecord) -> int | None:
        """How many runs it has, None when counting means reading them all."""
        ...

    def runs(self, experiment: ExperimentRecord) -> Iterator[RunRecord]:
        """Its runs, deleted ones too, read in pages."""
        ...

    def points(self, run: RunRecord) -> Iterator[Points]:
        """Its histories in batches of at most `BATCH` points of one metric."""
        ...

    def logged_models(self, experiment: ExperimentRecord) -> Iterator[LoggedModelRecord]:
        """Its logged models, if the tracker has such a thing."""
        ...

    def files(self, owner: RunRecord | LoggedModelRecord) -> Iterator[FileRecord]:
        """The files of a run or a logged model."""
        ...

    def read(self, file: FileRecord) -> Iterator[bytes]:
        """The bytes of a file in chunks. Raises Unavailable when it cannot be read."""
        ...

    def models(self) -> Iterator[ModelRecord]:
        """Every registered model, without prompts."""
        ...

    def resolve(self, session: Session, version: VersionRecord) -> ModelSource | None:
        """Where a version's files are among those that were imported; None when they are not."""
        ...

    def unsupported(self) -> Mapping[str, int]:
        """How much there is of what is never imported (prompts, traces), by noun."""
        ...

    def size(self) -> int | None:
        """The bytes of all its files, None when counting means reading them."""
        ...

    def close(self) -> None:
        """Close files and connections."""
        ...
