"""Importing a source: experiments, then logged models, then runs, then the registry.

A run is one transaction, a very long one a few, so that other writers wait for at most `MAX_POINTS`
points. What was imported is recorded in the same transaction: an import that was killed continues
where it was, and one that is repeated finds nothing to do.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from typing import Any

from sqlalchemy import select
from sqlmodel import Session, col

from pilothouse.activity import record
from pilothouse.experiments import experiment_changes
from pilothouse.experiments.experiment_changes import DEFAULT_NAME, NewExperiment
from pilothouse.experiments.metrics.summary import Points
from pilothouse.experiments.tables import Experiment, LoggedModel, Run
from pilothouse.interop import notifications
from pilothouse.interop.importing import ledger, records, write_logged_models, write_runs
from pilothouse.interop.importing.artifacts import ImportedFiles, store_files
from pilothouse.interop.importing.coerce import fingerprint
from pilothouse.interop.importing.ledger import COMPLETE, PARTIAL, STARTED, ImportLedger
from pilothouse.interop.importing.records import ImportSource
from pilothouse.interop.importing.report import ImportReport, ReportBuilder
from pilothouse.interop.importing.sanitise import is_valid_key, truncated, valid_pairs
from pilothouse.interop.importing.sources import open_source
from pilothouse.interop.importing.write_registry import RegistryImporter
from pilothouse.interop.limits import MAX_EXPERIMENT_NAME_LENGTH, MAX_EXPERIMENT_TAG_LENGTH
from pilothouse.jobs import Progress
from pilothouse.kit.errors import Cancelled, NotFound, PilothouseError
from pilothouse.storage import Store

MAX_POINTS = 200_000  # points in one transaction: a second or so of writing
PAGE = 200
PROGRESS_INTERVAL_S = 0.3
DELETED = "it came before and was deleted here since"
ProgressCallback = Callable[[float, str], None]


def import_job(
    store: Store,
    progress: Progress,
    *,
    source: str,
    experiments: Sequence[str] = (),
    into: str = "",
    artifacts: str = "",
    tracker: str = "",
) -> dict[str, Any]:
    """The job of an import, in a child process; the result is the report as JSON."""
    return run_import(
        store,
        source,
        experiments=experiments,
        prefix=into,
        artifacts=artifacts,
        tracker=tracker,
        on_progress=progress,
    ).to_json()


def run_import(
    store: Store,
    source: str,
    *,
    experiments: Sequence[str] = (),
    prefix: str = "",
    artifacts: str = "",
    tracker: str = "",
    on_progress: ProgressCallback = lambda _share, _message: None,
) -> ImportReport:
    """Import a folder, a database or a server, and report what was imported and what was not.

    `tracker` names the reader; without it the reader is the one that recognises the source.
    `on_progress` may raise to stop it: what was imported until then stays. Raises NotFound, Invalid
    or Unavailable when the source cannot be read.
    """
    report = ReportBuilder()
    opened = open_source(source, report, artifacts, tracker)
    try:
        return import_from(
            store, opened, report, experiments=experiments, prefix=prefix, on_progress=on_progress
        )
    finally:
        opened.close()


def import_from(
    store: Store,
    source: ImportSource,
    report: ReportBuilder,
    *,
    experiments: Sequence[str] = (),
    prefix: str = "",
    on_progress: ProgressCallback = lambda _share, _message: None,
) -> ImportReport:
    """Import an opened source; its reader writes to the same `report`."""
    return _Import(store, source, report, prefix, on_progress).run(experiments)


class _Import:
    """An import while it runs."""

    def __init__(
        self,
        store: Store,
        source: ImportSource,
        report: ReportBuilder,
        prefix: str,
        on_progress: ProgressCallback,
    ) -> None:
        self._store = store
        self._source = source
        self._report = report
        self._prefix = prefix.strip().strip("/")
        self._on_progress = on_progress
        self._reported_at = 0.0
        self._done, self._expected, self._message = 0, 0, "reading"
        self._experiment_ids: dict[str, int] = {}
        self._recorded: set[int] = set()
        with store.read() as session:
            self._ledger = ImportLedger(session, source.name)

    def run(self, selected: Sequence[str]) -> ImportReport:
        """Import the selected experiments, or all; what others refer to comes first."""
        self._report_progress("looking")
        chosen = self._selected_experiments(selected)
        counts = [self._source.count(experiment) for experiment in chosen]
        self._expected = sum(count or 0 for count in counts)
        for experiment in chosen:
            self._import_experiment(experiment)
        for experiment in chosen:
            self._import_logged_models(experiment)
        for experiment in chosen:
            self._import_runs(experiment)
        for experiment_id in dict.fromkeys(self._experiment_ids.values()):
            self._link_parents(experiment_id)
        self._import_registry(all_runs=not selected)
        for noun, count in self._source.unsupported().items():
            if count:
                self._report.skipped(noun, f"{count:,} in all", "they have no place here")
        return self._report.build(self._source.name, self._source.kind)

    def _report_progress(self, message: str) -> None:
        """Report how far it is, a few times a second; the callback may raise to stop the import."""
        now = time.monotonic()
        if now - self._reported_at >= PROGRESS_INTERVAL_S:
            self._reported_at = now
            share = self._done / self._expected if self._expected else 0.0
            self._on_progress(min(share, 0.99), message)

    def _selected_experiments(self, selected: Sequence[str]) -> list[records.ExperimentRecord]:
        experiments = list(self._source.experiments())
        known_names = {experiment.name for experiment in experiments}
        if missing := [name for name in selected if name not in known_names]:
            names = ", ".join(sorted(known_names)[:10]) or "none"
            raise NotFound(f"there is no experiment named {missing[0]!r}.", hint=f"Known: {names}.")
        return [
            experiment for experiment in experiments if not selected or experiment.name in selected
        ]

    def _import_experiment(self, experiment: records.ExperimentRecord) -> None:
        """Find or make the experiment for its runs; an empty `Default` is skipped."""
        name = f"{self._prefix}/{experiment.name}" if self._prefix else experiment.name
        if len(name) > MAX_EXPERIMENT_NAME_LENGTH or not name.strip():
            message = f"a name has 1 to {MAX_EXPERIMENT_NAME_LENGTH} characters"
            self._report.broken("experiment", name, message)
            return
        if experiment.name == DEFAULT_NAME and self._is_empty(experiment):
            return
        digest = fingerprint(name, dict(experiment.tags))
        with self._store.read() as session:
            entry = self._ledger.entry(session, ledger.EXPERIMENT, experiment.id)
            experiment_id = _existing_experiment(session, entry, name)
        if experiment_id is not None and entry is not None and entry.is_unchanged(digest):
            self._report.already_imported["experiments"] += 1
        else:
            with self._store.write() as session:
                # Another import of the same source may have made it since.
                experiment_id = _existing_experiment(session, entry, name)
                experiment_id = self._make_experiment(session, experiment, name, experiment_id)
                self._ledger.record(
                    session,
                    self._store,
                    ledger.EXPERIMENT,
                    experiment.id,
                    str(experiment_id),
                    digest=digest,
                )
        self._experiment_ids[experiment.id] = experiment_id

    def _is_empty(self, experiment: records.ExperimentRecord) -> bool:
        runs_of, models_of = self._source.runs, self._source.logged_models
        return not any(True for reader in (runs_of, models_of) for _ in reader(experiment))

    def _make_experiment(
        self,
        session: Session,
        experiment: records.ExperimentRecord,
        name: str,
        experiment_id: int | None,
    ) -> int:
        """The experiment of that name, made with the source's note and dates when there is none."""
        if experiment_id is None and name == DEFAULT_NAME:
            experiment_changes.ensure_default(session, self._store)
            experiment_id = _experiment_named(session, name)
        if experiment_id is None:
            experiment_id = self._create_experiment(session, experiment, name)
            self._report.imported["experiments"] += 1
        else:
            self._report.changed["experiments"] += 1
        tags = valid_pairs(experiment.tags, self._report, "tag", name, MAX_EXPERIMENT_TAG_LENGTH)
        experiment_changes.set_tags(session, experiment_id, tags)
        return experiment_id

    def _create_experiment(
        self, session: Session, experiment: records.ExperimentRecord, name: str
    ) -> int:
        new = NewExperiment(
            name=name,
            note=truncated(experiment.note, MAX_EXPERIMENT_TAG_LENGTH, self._report, "note", name),
            created_at=experiment.created_at,
            updated_at=experiment.updated_at,
            archived_at=(experiment.updated_at or self._store.now())
            if experiment.deleted
            else None,
        )
        return experiment_changes.create(session, self._store, new, self._reason).id or 0

    @property
    def _reason(self) -> str:
        return f"imported from {self._source.name}"

    def _record_once(self, session: Session, experiment_id: int) -> None:
        """Write one activity for all that an import adds to an experiment."""
        row = session.get(Experiment, experiment_id)
        if row is not None and experiment_id not in self._recorded:
            from_where = {"source": self._source.name}
            record(session, self._store, "imported", "experiment", row.name, after=from_where)
            self._recorded.add(experiment_id)

    def _import_logged_models(self, experiment: records.ExperimentRecord) -> None:
        experiment_id = self._experiment_ids.get(experiment.id)
        if experiment_id is None:
            return
        for model in self._source.logged_models(experiment):
            self._message = f"{experiment.name}: logged model {model.name}"
            self._report_progress(self._message)
            with self._store.read() as session:
                entry = self._ledger.entry(session, ledger.LOGGED_MODEL, model.id)
                is_here = session.get(LoggedModel, model.id) is not None
            if entry is not None and not is_here:
                self._report.skipped("logged model", model.id, DELETED)
            elif entry is not None and entry.is_unchanged(model.fingerprint):
                self._report.already_imported["logged_models"] += 1
            elif is_here and entry is None:
                message = "a logged model with this id is here already, from elsewhere"
                self._report.conflict("logged model", model.id, message)
            else:
                files = store_files(
                    self._store, self._source, self._report, model, self._repeat_progress
                )
                self._write_logged_model(model, experiment_id, files, is_new=not is_here)

    def _write_logged_model(
        self,
        model: records.LoggedModelRecord,
        experiment_id: int,
        files: ImportedFiles,
        *,
        is_new: bool,
    ) -> None:
        with self._store.write() as session:
            self._record_once(session, experiment_id)
            write_logged_models.write(
                session, self._store, self._report, model, experiment_id, files.stored
            )
            self._mark_imported(
                session, ledger.LOGGED_MODEL, model.id, model.fingerprint, whole=files.complete
            )
        self._count("logged_models", files, is_new=is_new)

    def _mark_imported(
        self, session: Session, kind: str, number: str, digest: str, *, whole: bool
    ) -> None:
        self._ledger.record(
            session,
            self._store,
            kind,
            number,
            number,
            state=COMPLETE if whole else PARTIAL,
            digest=digest,
        )

    def _count(self, noun: str, files: ImportedFiles, *, is_new: bool) -> None:
        (self._report.imported if is_new else self._report.changed)[noun] += 1
        self._report.imported["files"] += len(files.stored)
        self._report.imported["bytes"] += sum(file.size for file in files.stored)

    def _import_runs(self, experiment: records.ExperimentRecord) -> None:
        experiment_id = self._experiment_ids.get(experiment.id)
        if experiment_id is None:
            return
        for page in _pages(self._source.runs(experiment), PAGE):
            ids = [run.id for run in page]
            with self._store.read() as session:
                entries = self._ledger.entries(session, ledger.RUN, ids)
                here = {row.id: row for row in session.scalars(_rows(ids))}
            for run in page:
                self._done += 1
                total = f" of {self._expected:,}" if self._expected else ""
                self._message = f"{experiment.name}: run {self._done:,}{total}"
                self._report_progress(self._message)
                self._import_run(run, experiment_id, entries.get(run.id), here.get(run.id))

    def _import_run(
        self,
        run: records.RunRecord,
        experiment_id: int,
        entry: ledger.LedgerEntry | None,
        here: Run | None,
    ) -> None:
        if here is None and entry is not None:
            self._report.skipped("run", run.id, DELETED)
        elif entry is not None and entry.is_unchanged(run.fingerprint):
            self._report.already_imported["runs"] += 1
        elif here is not None and entry is None:
            message = "a run with this id is here already, from elsewhere"
            self._report.conflict("run", run.id, message)
        elif here is not None and here.archived_at is not None and not run.deleted:
            message = "it is archived here: restore it to bring what is new"
            self._report.skipped("run", run.id, message)
        else:
            self._write_run(run, experiment_id, is_new=entry is None or entry.state == STARTED)

    def _write_run(self, run: records.RunRecord, experiment_id: int, *, is_new: bool) -> None:
        files = store_files(self._store, self._source, self._report, run, self._repeat_progress)
        is_first, points = True, 0
        try:
            for portion, is_last in write_runs.batches(self._valid_points(run), MAX_POINTS):
                self._repeat_progress("")
                with self._store.write() as session:
                    if is_first:
                        self._record_once(session, experiment_id)
                        write_runs.begin(
                            session,
                            self._store,
                            self._report,
                            run,
                            experiment_id,
                            self._source.tag_columns,
                        )
                        self._mark_started(session, run)
                    write_runs.log_points_and_files(
                        session, self._store, run.id, portion, files.stored if is_last else ()
                    )
                    if is_last:
                        write_runs.finish(session, self._store, run)
                        self._mark_imported(
                            session, ledger.RUN, run.id, run.fingerprint, whole=files.complete
                        )
                is_first = False
                points += sum(len(stretch.steps) for stretch in portion)
        except Cancelled:
            raise
        except PilothouseError as broken:
            self._report.broken("run", run.id, f"not all of it came: {broken.message}")
            return
        self._report.imported["points"] += points
        self._count("runs", files, is_new=is_new)

    def _repeat_progress(self, _path: str) -> None:
        self._report_progress(self._message)

    def _mark_started(self, session: Session, run: records.RunRecord) -> None:
        self._ledger.record(session, self._store, ledger.RUN, run.id, run.id, state=STARTED)

    def _valid_points(self, run: records.RunRecord) -> Iterator[Points]:
        """The run's points of the metrics that have a valid name."""
        for stretch in self._source.points(run):
            if is_valid_key(stretch.key):
                yield stretch
            else:
                message = "it cannot name a metric here"
                self._report.broken("metric", f"{run.id}/{stretch.key}", message)

    def _link_parents(self, experiment_id: int) -> None:
        """Put runs below their parents; without such runs nothing is written."""
        parent_key = self._source.tag_columns.parent
        with self._store.read() as session:
            waits = write_runs.has_unlinked_runs(session, experiment_id, parent_key)
        if waits:
            with self._store.write() as session:
                write_runs.link_parents(session, self._report, experiment_id, parent_key)

    def _import_registry(self, *, all_runs: bool) -> None:
        importer = RegistryImporter(
            self._store, self._source, self._report, self._ledger, all_runs=all_runs
        )
        for model in self._source.models():
            self._report_progress(f"registered model {model.name}")
            with notifications.suppressed(), self._store.write() as session:
                counts = importer.import_model(session, model)
            self._report.imported["models"] += counts.models
            self._report.imported["versions"] += counts.versions
            self._report.already_imported["versions"] += counts.unchanged
            self._report.changed["versions"] += counts.changed


def _pages(runs: Iterator[records.RunRecord], size: int) -> Iterator[list[records.RunRecord]]:
    while page := list(islice(runs, size)):
        yield list({run.id: run for run in page}.values())  # a server may tell one twice


def _rows(ids: Sequence[str]) -> Any:
    return select(Run).where(col(Run.id).in_(ids))


def _existing_experiment(
    session: Session, entry: ledger.LedgerEntry | None, name: str
) -> int | None:
    """The experiment that it was imported as, unless it was renamed; else the one of that name."""
    if entry is not None and (row := session.get(Experiment, int(entry.local_id))) is not None:
        return row.id if row.name == name else _experiment_named(session, name)
    return _experiment_named(session, name)


def _experiment_named(session: Session, name: str) -> int | None:
    return session.scalars(select(col(Experiment.id)).where(col(Experiment.name) == name)).first()
