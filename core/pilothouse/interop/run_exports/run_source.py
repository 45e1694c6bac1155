"""The runs of an export as plain values, a page at a time, with their histories and files."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import case, func, or_, select
from sqlmodel import Session, col

from pilothouse.experiments import details
from pilothouse.experiments.details import RunInfo
from pilothouse.experiments.metrics import packed_history
from pilothouse.experiments.metrics.packed_history import SeriesColumns
from pilothouse.experiments.tables import (
    Experiment,
    LoggedModel,
    Run,
    RunArtifact,
    RunInput,
    RunMetric,
    RunTag,
    SourceUse,
)
from pilothouse.interop.importing.file_names import distinct, safe_path
from pilothouse.kit.errors import Invalid, NotFound, PilothouseError
from pilothouse.models.package import check_path
from pilothouse.storage import Store

PAGE = 200  # runs in memory at once
MAX_POINTS = 100_000  # points in memory at once, but for a longer series
SUMMED = ("points", "files", "media", "bytes", "inputs", "tags", "logged_models")
MAX_NAME_BYTES = 200  # of a part of a path; most file systems allow 255
OnProgress = Callable[[float, str], None]


@dataclass(frozen=True)
class RunTotals:
    """How much the runs of an export have; `bytes` are those of their files.

    `media` counts images and texts among the files, `outside` runs whose parent is not among them.
    """

    runs: int
    experiments: int
    points: int
    files: int
    media: int
    bytes: int
    inputs: int
    tags: int
    logged_models: int
    outside: int


class RunSource:
    """The runs of an export, oldest first."""

    def __init__(
        self,
        store: Store,
        ids: Sequence[str],
        on_progress: OnProgress = lambda _share, _message: None,
    ) -> None:
        self._store = store
        self.ids = tuple(ids)
        self._on_progress = on_progress
        self.lost: list[str] = []
        self.renamed: list[str] = []
        self._taken: set[str] = set()

    def read(self) -> AbstractContextManager[Session]:
        """A session that reads, for a format that asks more of the database."""
        return self._store.read()

    def totals(self) -> RunTotals:
        """How much there is, counted without reading it."""
        with self._store.read() as session:
            counts = [_counted(session, part) for part in _parts(self.ids)]
            names = {name for part in _parts(self.ids) for name in _experiments(session, part)}
        sums = {name: sum(part[name] for part in counts) for name in SUMMED}
        return RunTotals(len(self.ids), len(names), outside=self._outside(), **sums)

    def _outside(self) -> int:
        chosen = set(self.ids)
        with self._store.read() as session:
            parents = [
                parent
                for part in _parts(self.ids)
                for parent in session.scalars(
                    select(col(Run.parent_id)).where(col(Run.id).in_(part))
                )
            ]
        return sum(parent is not None and parent not in chosen for parent in parents)

    def runs(self) -> Iterator[RunInfo]:
        """The runs in full, with the progress of whoever takes them."""
        done = 0
        for part in _parts(self.ids):
            with self._store.read() as session:
                page = details.runs(session, part)
            for run in page:
                self._on_progress(done / max(len(self.ids), 1), f"run {done + 1:,}")
                yield run
                done += 1

    def histories(self, run: str) -> Iterator[tuple[str, SeriesColumns]]:
        """The histories of a run by metric, in the order of their names."""
        query = select(col(RunMetric.key), col(RunMetric.id), col(RunMetric.count))
        with self._store.read() as session:
            rows = session.execute(query.where(col(RunMetric.run_id) == run)).all()
        for part in _portions(sorted(rows)):
            with self._store.read() as session:
                columns = packed_history.read(session, [number for _, number in part])
            for key, number in part:
                if number in columns:
                    yield key, columns[number]

    def file(self, digest: str) -> Path | None:
        """A file on this machine; None for one that is damaged or gone, which `lost` names."""
        try:
            return self._store.artifacts.local_path(digest)
        except PilothouseError as damaged:
            self.lost.append(f"The file {digest[:12]}: {damaged.message}")
            return None

    def place(self, folder: str, path: str) -> str:
        """Where a file lies in an export: as it is called, unless no file may be called so.

        No two get one place; `renamed` names those that lie elsewhere.
        """
        own = f"{folder}/{path}"
        result = distinct(own if _is_possible(own) else f"{folder}/{safe_path(path)}", self._taken)
        self._taken.add(result)
        if result != own:
            self.renamed.append(f"The file {path!r} is `{result}`.")
        return result


def _is_possible(path: str) -> bool:
    """Whether a file may be called so on any machine."""
    try:
        check_path(path)
    except Invalid:
        return False
    return all(len(part.encode()) <= MAX_NAME_BYTES for part in path.split("/"))


def chosen_runs(session: Session, runs: Sequence[str], experiments: Sequence[str]) -> list[str]:
    """The given runs and those of whole experiments that are not archived, oldest first.

    Raises NotFound for a run or an experiment that is not there, Invalid when there is none.
    """
    ids: set[str] = set()
    for part in _parts(tuple(dict.fromkeys(runs))):
        existing = set(session.scalars(select(col(Run.id)).where(col(Run.id).in_(part))))
        if missing := [run for run in part if run not in existing]:
            raise NotFound(f"no run has the id {missing[0]!r}.")
        ids |= existing
    for name in experiments:
        query = select(col(Experiment.id)).where(col(Experiment.name) == name)
        number = session.scalars(query).first()
        if number is None:
            raise NotFound(f"no experiment is called {name!r}.")
        own = col(Run.experiment_id) == number, col(Run.archived_at).is_(None)
        ids |= set(session.scalars(select(col(Run.id)).where(*own)))
    if not ids:
        raise Invalid(
            "there is no run to export.", hint="Name runs, or experiments that have some."
        )
    ages: dict[str, Any] = {}
    age = select(col(Run.id), col(Run.created_at))
    for part in _parts(tuple(ids)):
        rows = session.execute(age.where(col(Run.id).in_(part)))
        ages |= {row[0]: row[1] for row in rows}
    return sorted(ids, key=lambda run: (ages[run], run))


def _parts(ids: Sequence[str]) -> Iterator[Sequence[str]]:
    return (ids[start : start + PAGE] for start in range(0, len(ids), PAGE))


def _portions(rows: Sequence[Any]) -> Iterator[list[tuple[str, int]]]:
    """Series in portions that are read at once."""
    portion: list[tuple[str, int]] = []
    points = 0
    for key, number, count in rows:
        if portion and points + count > MAX_POINTS:
            yield portion
            portion, points = [], 0
        portion.append((key, number))
        points += count
    if portion:
        yield portion


def _counted(session: Session, ids: Sequence[str]) -> dict[str, int]:
    def one(what: Any, owner: Any) -> int:
        return int(session.scalar(select(what).where(col(owner).in_(ids))) or 0)

    media = or_(
        col(RunArtifact.path).endswith(".png"),
        col(RunArtifact.path).startswith("text/") & col(RunArtifact.path).endswith(".md"),
    )
    return {
        "points": one(func.sum(RunMetric.count), RunMetric.run_id),
        "files": one(func.count(), RunArtifact.run_id),
        "media": one(func.count(case((media, 1))), RunArtifact.run_id),
        "bytes": one(func.sum(RunArtifact.size), RunArtifact.run_id),
        "inputs": one(func.count(), RunInput.run_id) + one(func.count(), SourceUse.run_id),
        "tags": one(func.count(), RunTag.run_id),
        "logged_models": one(func.count(), LoggedModel.run_id),
    }


def _experiments(session: Session, ids: Sequence[str]) -> set[int]:
    return set(session.scalars(select(col(Run.experiment_id)).where(col(Run.id).in_(ids))))
