"""A source that has runs and their files, and no logged models and no registry."""

from __future__ import annotations

from collections.abc import Iterator

from sqlmodel import Session

from pilothouse.interop.importing.records import (
    ExperimentRecord,
    LoggedModelRecord,
    ModelRecord,
    VersionRecord,
)
from pilothouse.interop.model_source import ModelSource


class RunsOnly:
    """What a reader of runs says of models: that there are none."""

    def logged_models(self, experiment: ExperimentRecord) -> Iterator[LoggedModelRecord]:
        """None."""
        yield from ()

    def models(self) -> Iterator[ModelRecord]:
        """None."""
        yield from ()

    def resolve(self, session: Session, version: VersionRecord) -> ModelSource | None:
        """There are no versions."""
        return None
