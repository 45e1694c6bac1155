"""Previewing a source before anything is written: how much it has, and how much is here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy import func, select
from sqlmodel import col

from pilothouse.interop.importing import ledger
from pilothouse.interop.importing.records import ImportSource
from pilothouse.interop.importing.report import ReportBuilder, ReportLine
from pilothouse.interop.importing.sources import open_source
from pilothouse.interop.tables import Imported
from pilothouse.storage import Store

if TYPE_CHECKING:
    import pandas as pd

COLUMNS = ("name", "runs", "deleted", "created_at")


@dataclass(frozen=True)
class ImportPreview:
    """What a source has. `runs` and `bytes` are None where counting means reading everything."""

    source: str
    tracker: str
    kind: str
    written_by: str
    experiments: tuple[Mapping[str, Any], ...]
    runs: int | None
    known_runs: int
    models: int
    versions: int
    others: Mapping[str, int]
    bytes: int | None
    faults: tuple[ReportLine, ...]

    def frame(self) -> pd.DataFrame:
        """One row per experiment: its name, runs, whether it is deleted, when it was made."""
        import pandas as pd

        frame = pd.DataFrame(list(self.experiments), columns=list(COLUMNS))
        frame["created_at"] = pd.to_datetime(frame["created_at"], utc=True)
        return frame

    def to_json(self) -> dict[str, Any]:
        """The same as plain values."""
        fields = {name: value for name, value in vars(self).items() if name != "faults"}
        return fields | {"faults": [vars(line) for line in self.faults]}


def preview(store: Store, source: str, artifacts: str = "", tracker: str = "") -> ImportPreview:
    """Count what a source has. Raises NotFound, Invalid or Unavailable when it cannot be read."""
    report = ReportBuilder()
    opened = open_source(source, report, artifacts, tracker)
    try:
        return _look(store, opened, report)
    finally:
        opened.close()


def _look(store: Store, source: ImportSource, report: ReportBuilder) -> ImportPreview:
    experiments = [
        {
            "name": experiment.name,
            "runs": source.count(experiment),
            "deleted": experiment.deleted,
            "created_at": experiment.created_at,
        }
        for experiment in source.experiments()
    ]
    counts = [row["runs"] for row in experiments]
    models = list(source.models())
    others = {noun: count for noun, count in source.unsupported().items() if count}
    return ImportPreview(
        source=source.name,
        tracker=source.tracker,
        kind=source.kind,
        written_by=source.written_by,
        experiments=tuple(experiments),
        runs=None if None in counts else sum(count for count in counts if isinstance(count, int)),
        known_runs=_known_runs(store, source.name),
        models=len(models),
        versions=sum(len(model.versions) for model in models),
        others=others,
        bytes=source.size(),
        faults=report.build(source.name, source.kind).lines,
    )


def _known_runs(store: Store, source: str) -> int:
    query = select(func.count()).where(
        col(Imported.source) == source,
        col(Imported.kind) == ledger.RUN,
        col(Imported.state) == ledger.COMPLETE,
    )
    with store.read() as session:
        return int(session.execute(query).scalar_one())
