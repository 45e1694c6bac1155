"""Bringing everything of a source: experiments, logged models, runs, then the registry.

A run is one transaction, and a very long one a few: nobody who writes beside us waits for more
than a portion of points. Each thing that has come is remembered in the same transaction, so an
import that was killed goes on where it was, and one that is done again finds nothing to do.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from typing import Any

from sqlalchemy import select
from sqlmodel import Session, col

from pilothouse.activity import record
from pilothouse.experiments.metrics.summary import Points
from pilothouse.experiments.tables import Experiment, ExperimentTag, LoggedModel, Run
from pilothouse.interop.importing import ledger, records, write_logged_models, write_runs
from pilothouse.interop.importing.artifacts import ImportedFiles, keep_files
from pilothouse.interop.importing.coerce import stamp
from pilothouse.interop.importing.ledger import BEGUN, PARTLY, WHOLE, ImportLedger
from pilothouse.interop.importing.records import ImportSource
from pilothouse.interop.importing.report import ImportReport, Notes
from pilothouse.interop.importing.sanitise import cut, is_fit_key, pairs
from pilothouse.interop.importing.sources import open_source
from pilothouse.interop.importing.write_registry import Shelf
from pilothouse.interop.mlflow import webhooks
from pilothouse.interop.mlflow.experiments import (
    MAX_NAME_LENGTH,
    MAX_VALUE_LENGTH,
    ensure_default,
)
from pilothouse.interop.mlflow.run_serialisation import NOTE
from pilothouse.jobs import Progress
from pilothouse.kit.errors import Cancelled, NotFound, PilothouseError
from pilothouse.storage import Store

PORTION = 200_000  # points in one transaction: a second or so of writing
PAGE = 200
PATIENCE_S = 0.3
DEFAULT_NAME = "Default"
DELETED = "it came before and was deleted here since"
Tell = Callable[[float, str], None]


def import_job(
    store: Store,
    progress: Progress,
    *,
    source: str,
    experiments: Sequence[str] = (),
    into: str = "",
    artifacts: str = "",
) -> dict[str, Any]:
    """Bring a source in a child process; the result is the report as JSON."""
    return run_import(
        store, source, experiments=experiments, into=into, artifacts=artifacts, tell=progress
    ).to_json()


def run_import(
    store: Store,
    source: str,
    *,
    experiments: Sequence[str] = (),
    into: str = "",
    artifacts: str = "",
    tell: Tell = lambda _share, _message: None,
) -> ImportReport:
    """Bring what a folder, database or server holds, and say what came and what did not.

    `tell` hears how far it is, and may raise to stop it: what came until then stays. Raises
    NotFound, Invalid or Unavailable when nothing of the source can be read.
    """
    notes = Notes()
    opened = open_source(source, notes, artifacts)
    try:
        return import_from(store, opened, notes, experiments=experiments, into=into, tell=tell)
    finally:
        opened.close()


def import_from(
    store: Store,
    source: ImportSource,
    notes: Notes,
    *,
    experiments: Sequence[str] = (),
    into: str = "",
    tell: Tell = lambda _share, _message: None,
) -> ImportReport:
    """Bring what an opened source holds; `notes` are those that its reader tells."""
    return _Import(store, source, notes, into, tell).everything(experiments)


class _Import:
    """One import on its way."""

    def __init__(
        self, store: Store, source: ImportSource, notes: Notes, into: str, tell: Tell
    ) -> None:
        self._store = store
        self._source = source
        self._notes = notes
        self._into = into.strip().strip("/")
        self._tell = tell
        self._told_at = 0.0
        self._done, self._expected, self._words = 0, 0, "reading"
        self._places: dict[str, int] = {}
        self._noted: set[int] = set()
        with store.read() as session:
            self._memory = ImportLedger(session, source.name)

    def everything(self, selected: Sequence[str]) -> ImportReport:
        """Bring what was asked for, in the order in which one thing needs the other."""
        self._go_on("looking")
        chosen = self._chosen(selected)
        counts = [self._source.count(experiment) for experiment in chosen]
        self._expected = sum(count or 0 for count in counts)
        for experiment in chosen:
            self._experiment(experiment)
        for experiment in chosen:
            self._logged_models(experiment)
        for experiment in chosen:
            self._runs(experiment)
        for experiment_id in dict.fromkeys(self._places.values()):
            self._link(experiment_id)
        self._registry(all_runs=not selected)
        for noun, count in self._source.others().items():
            if count:
                self._notes.skipped(noun, f"{count:,} in all", "they have no place here")
        return self._notes.report(self._source.name, self._source.kind)

    def _go_on(self, message: str) -> None:
        """Tell how far we are, a few times a second; whoever listens may stop us."""
        now = time.monotonic()
        if now - self._told_at >= PATIENCE_S:
            self._told_at = now
            share = self._done / self._expected if self._expected else 0.0
            self._tell(min(share, 0.99), message)

    def _chosen(self, selected: Sequence[str]) -> list[records.ExperimentRecord]:
        experiments = list(self._source.experiments())
        known_names = {experiment.name for experiment in experiments}
        if missing := [name for name in selected if name not in known_names]:
            names = ", ".join(sorted(known_names)[:10]) or "none"
            raise NotFound(f"there is no experiment named {missing[0]!r}.", hint=f"Known: {names}.")
        return [
            experiment for experiment in experiments if not selected or experiment.name in selected
        ]

    def _experiment(self, experiment: records.ExperimentRecord) -> None:
        """See to it that there is an experiment for its runs; an empty Default is none."""
        name = f"{self._into}/{experiment.name}" if self._into else experiment.name
        if len(name) > MAX_NAME_LENGTH or not name.strip():
            message = f"a name has 1 to {MAX_NAME_LENGTH} characters"
            self._notes.broken("experiment", name, message)
            return
        if experiment.name == DEFAULT_NAME and self._is_empty(experiment):
            return
        digest = stamp(name, dict(experiment.tags))
        with self._store.read() as session:
            entry = self._memory.one(session, ledger.EXPERIMENT, experiment.id)
            experiment_id = _place(session, entry, name)
        if experiment_id is not None and entry is not None and entry.is_as(digest):
            self._notes.known["experiments"] += 1
        else:
            with self._store.write() as session:
                experiment_id = self._made(session, experiment, name, experiment_id)
                self._memory.keep(
                    session,
                    self._store,
                    ledger.EXPERIMENT,
                    experiment.id,
                    str(experiment_id),
                    digest=digest,
                )
        self._places[experiment.id] = experiment_id

    def _is_empty(self, experiment: records.ExperimentRecord) -> bool:
        runs_of, models_of = self._source.runs, self._source.logged_models
        return not any(True for reader in (runs_of, models_of) for _ in reader(experiment))

    def _made(
        self,
        session: Session,
        experiment: records.ExperimentRecord,
        name: str,
        experiment_id: int | None,
    ) -> int:
        """The experiment of that name, made with their facts when it is not there."""
        if experiment_id is None and name == DEFAULT_NAME:
            ensure_default(session, self._store)
            experiment_id = _named(session, name)
        if experiment_id is None:
            experiment_id = self._new(session, experiment, name)
            self._notes.brought["experiments"] += 1
        else:
            self._notes.changed["experiments"] += 1
        tags = pairs(experiment.tags, self._notes, "tag", name, MAX_VALUE_LENGTH)
        for key, value in tags.items():
            session.merge(ExperimentTag(experiment_id=experiment_id, key=key, value=value))
        session.flush()
        return experiment_id

    def _new(self, session: Session, experiment: records.ExperimentRecord, name: str) -> int:
        created = experiment.created_at or self._store.now()
        row = Experiment(
            name=name,
            note=cut(experiment.tags.get(NOTE, ""), MAX_VALUE_LENGTH, self._notes, "note", name),
            created_at=created,
            updated_at=experiment.updated_at or created,
            created_by=self._store.actor,
        )
        if experiment.deleted:
            row.archived_at = experiment.updated_at or self._store.now()
        session.add(row)
        session.flush()
        record(session, self._store, "created", "experiment", name, reason=self._reason)
        return row.id or 0

    @property
    def _reason(self) -> str:
        return f"imported from {self._source.name}"

    def _note_once(self, session: Session, experiment_id: int) -> None:
        """One entry of the log for all that an import brings into an experiment."""
        row = session.get(Experiment, experiment_id)
        if row is not None and experiment_id not in self._noted:
            from_where = {"source": self._source.name}
            record(session, self._store, "imported", "experiment", row.name, after=from_where)
            self._noted.add(experiment_id)

    def _logged_models(self, experiment: records.ExperimentRecord) -> None:
        experiment_id = self._places.get(experiment.id)
        if experiment_id is None:
            return
        for model in self._source.logged_models(experiment):
            self._words = f"{experiment.name}: logged model {model.name}"
            self._go_on(self._words)
            with self._store.read() as session:
                entry = self._memory.one(session, ledger.LOGGED_MODEL, model.id)
                is_here = session.get(LoggedModel, model.id) is not None
            if entry is not None and not is_here:
                self._notes.skipped("logged model", model.id, DELETED)
            elif entry is not None and entry.is_as(model.stamp):
                self._notes.known["logged_models"] += 1
            elif is_here and entry is None:
                message = "a logged model with this id is here already, from elsewhere"
                self._notes.conflict("logged model", model.id, message)
            else:
                files = keep_files(self._store, self._source, self._notes, model, self._still)
                self._write_model(model, experiment_id, files, is_new=not is_here)

    def _write_model(
        self,
        model: records.LoggedModelRecord,
        experiment_id: int,
        files: ImportedFiles,
        *,
        is_new: bool,
    ) -> None:
        with self._store.write() as session:
            self._note_once(session, experiment_id)
            write_logged_models.write(
                session, self._store, self._notes, model, experiment_id, files.stored
            )
            self._remember(session, ledger.LOGGED_MODEL, model.id, model.stamp, whole=files.whole)
        self._count("logged_models", files, is_new=is_new)

    def _remember(
        self, session: Session, kind: str, number: str, digest: str, *, whole: bool
    ) -> None:
        self._memory.keep(
            session,
            self._store,
            kind,
            number,
            number,
            state=WHOLE if whole else PARTLY,
            digest=digest,
        )

    def _count(self, noun: str, files: ImportedFiles, *, is_new: bool) -> None:
        (self._notes.brought if is_new else self._notes.changed)[noun] += 1
        self._notes.brought["files"] += len(files.stored)
        self._notes.brought["bytes"] += sum(file.size for file in files.stored)

    def _runs(self, experiment: records.ExperimentRecord) -> None:
        experiment_id = self._places.get(experiment.id)
        if experiment_id is None:
            return
        for page in _pages(self._source.runs(experiment), PAGE):
            ids = [run.id for run in page]
            with self._store.read() as session:
                entries = self._memory.of(session, ledger.RUN, ids)
                here = {row.id: row for row in session.scalars(_rows(ids))}
            for run in page:
                self._done += 1
                total = f" of {self._expected:,}" if self._expected else ""
                self._words = f"{experiment.name}: run {self._done:,}{total}"
                self._go_on(self._words)
                self._run(run, experiment_id, entries.get(run.id), here.get(run.id))

    def _run(
        self,
        run: records.RunRecord,
        experiment_id: int,
        entry: ledger.LedgerEntry | None,
        here: Run | None,
    ) -> None:
        if here is None and entry is not None:
            self._notes.skipped("run", run.id, DELETED)
        elif entry is not None and entry.is_as(run.stamp):
            self._notes.known["runs"] += 1
        elif here is not None and entry is None:
            message = "a run with this id is here already, from elsewhere"
            self._notes.conflict("run", run.id, message)
        elif here is not None and here.archived_at is not None and not run.deleted:
            message = "it is archived here: restore it to bring what is new"
            self._notes.skipped("run", run.id, message)
        else:
            self._bring(run, experiment_id, is_new=entry is None or entry.state == BEGUN)

    def _bring(self, run: records.RunRecord, experiment_id: int, *, is_new: bool) -> None:
        files = keep_files(self._store, self._source, self._notes, run, self._still)
        is_first, points = True, 0
        try:
            for portion, is_last in write_runs.portions(self._fit(run), PORTION):
                self._still("")
                with self._store.write() as session:
                    if is_first:
                        self._note_once(session, experiment_id)
                        write_runs.begin(session, self._store, self._notes, run, experiment_id)
                        self._begun(session, run)
                    write_runs.log(
                        session, self._store, run.id, portion, files.stored if is_last else ()
                    )
                    if is_last:
                        write_runs.end(session, self._store, run)
                        self._remember(session, ledger.RUN, run.id, run.stamp, whole=files.whole)
                is_first = False
                points += sum(len(stretch.steps) for stretch in portion)
        except Cancelled:
            raise
        except PilothouseError as broken:
            self._notes.broken("run", run.id, f"not all of it came: {broken.message}")
            return
        self._notes.brought["points"] += points
        self._count("runs", files, is_new=is_new)

    def _still(self, _path: str) -> None:
        self._go_on(self._words)

    def _begun(self, session: Session, run: records.RunRecord) -> None:
        self._memory.keep(session, self._store, ledger.RUN, run.id, run.id, state=BEGUN)

    def _fit(self, run: records.RunRecord) -> Iterator[Points]:
        """The run's points, of the metrics that have a fit name."""
        for stretch in self._source.points(run):
            if is_fit_key(stretch.key):
                yield stretch
            else:
                message = "it cannot name a metric here"
                self._notes.broken("metric", f"{run.id}/{stretch.key}", message)

    def _link(self, experiment_id: int) -> None:
        """Put runs below their parents; when there are none to put, nothing is written."""
        with self._store.read() as session:
            waits = write_runs.waits_for_parent(session, experiment_id)
        if waits:
            with self._store.write() as session:
                write_runs.link(session, self._notes, experiment_id)

    def _registry(self, *, all_runs: bool) -> None:
        shelf = Shelf(self._store, self._notes, self._memory, all_runs=all_runs)
        for model in self._source.models():
            self._go_on(f"registered model {model.name}")
            with webhooks.quiet(), self._store.write() as session:
                counts = shelf.put(session, model)
            self._notes.brought["models"] += counts.models
            self._notes.brought["versions"] += counts.versions
            self._notes.known["versions"] += counts.unchanged
            self._notes.changed["versions"] += counts.changed


def _pages(runs: Iterator[records.RunRecord], size: int) -> Iterator[list[records.RunRecord]]:
    while page := list(islice(runs, size)):
        yield list({run.id: run for run in page}.values())  # a server may tell one twice


def _rows(ids: Sequence[str]) -> Any:
    return select(Run).where(col(Run.id).in_(ids))


def _place(session: Session, entry: ledger.LedgerEntry | None, name: str) -> int | None:
    """The experiment that it became before, when that is meant; else the one of that name."""
    if entry is not None and (row := session.get(Experiment, int(entry.local_id))) is not None:
        return row.id if row.name == name else _named(session, name)
    return _named(session, name)


def _named(session: Session, name: str) -> int | None:
    return session.scalars(select(col(Experiment.id)).where(col(Experiment.name) == name)).first()
