"""Training jobs, as a child process runs them.

A job can be run again after a kill: its finished runs are read back by the job's id, not repeated.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

from pilothouse.experiments.metrics.kinds import metric_kind
from pilothouse.jobs.backends import PartRunner, part_runner
from pilothouse.storage import Store
from pilothouse.training import runs
from pilothouse.training.candidate import fit_candidate
from pilothouse.training.fits import Fit, Fits
from pilothouse.training.fitted_model import training_calls
from pilothouse.training.progress import Report, TrainingProgress, reading_phase
from pilothouse.training.search import Search
from pilothouse.training.spec import TrainingSpec
from pilothouse.training.trainers import Value, trainers
from pilothouse.training.training_data import TrainingData, build, read_training_table

TRAINING_DATA_FIELDS = (
    "dataset",
    "target",
    "features",
    "positive",
    "split",
    "time_column",
    "test_share",
    "folds",
    "cv_rows",
    "seed",
    "task",
    "levels",
    "unit",
    "threshold",
    "groups",
    "evaluation",
)


def train_job(
    store: Store, progress: Report, *, spec: Mapping[str, Any], job_id: str
) -> dict[str, Any]:
    """Train one spec.

    The result is a plain value: `run` (of a search the best trial), `parent` (the search's own run,
    or None), `runs` (all that have a model), `metric`, `value` (by which the best was chosen) and
    `metrics` of the best run.
    """
    return train_all_job(store, progress, specs=[spec], job_id=job_id)["trainings"][0]  # type: ignore[no-any-return]


def train_all_job(
    store: Store, progress: Report, *, specs: Sequence[Mapping[str, Any]], job_id: str
) -> dict[str, Any]:
    """Train several specs in one process: a result each in `trainings`, the best in `run`."""
    training_specs = [TrainingSpec.from_json(spec) for spec in specs]
    reporter = TrainingProgress(progress, sum(max(spec.trials, 1) for spec in training_specs))
    with part_runner(store.settings) as runner, reporter.reporting():
        context = TrainingContext(store, job_id, reporter, runner)
        trainings = [context.train(spec, str(slot)) for slot, spec in enumerate(training_specs)]
    best = max(trainings, key=lambda result: rank_value(result["metric"], result["value"]))
    return {
        "trainings": trainings,
        "run": best["run"],
        "metrics": best["metrics"],
        "runs": [run for result in trainings for run in result["runs"]],
    }


def rank_value(metric: str, value: float) -> float:
    """The value of a metric so that the greater one is better."""
    return value if metric_kind(metric).direction == "higher" else -value


def _value(metric: str, metrics: Mapping[str, float]) -> float:
    """The value to rank candidates by: the folds' mean, without folds the held-out metric."""
    return metrics.get(f"cv_{metric}_mean", metrics[metric])


@dataclass
class TrainingContext:
    """The state of one training job; specs with the same data settings share the loaded rows."""

    store: Store
    job_id: str
    progress: TrainingProgress
    runner: PartRunner
    fits: dict[str, tuple[TrainingData, Fits]] = field(default_factory=dict)

    def train(self, spec: TrainingSpec, slot: str) -> dict[str, Any]:
        """Train one spec in a slot of the job; the result is that of `train_job`."""
        location = runs.RunLocation(self.job_id, slot, spec.name or None)
        if spec.trials:
            return self._search(spec, location)
        run, metrics = self._fit_run(spec, location)
        return _result(self._metric(spec), run, None, [run], metrics)

    def _metric(self, spec: TrainingSpec) -> str:
        """The metric that decides: the spec's, or the primary one of the target's task."""
        return spec.metric or self._load_data(spec).spec.metric or ""

    def _fit_run(
        self,
        spec: TrainingSpec,
        location: runs.RunLocation,
        chosen: Mapping[str, Value] | None = None,
        made: Iterator[Fit] | None = None,
    ) -> tuple[str, Mapping[str, float]]:
        """One run; with `chosen` that of the parameters that the spec's search chose.

        `made` has its fits, when they were asked for with those of other trials.
        """
        self.progress.begin_fit(_title(spec, location.slot, self.runner.where))
        ticket = runs.resume_or_start(self.store, spec, location)
        if ticket.metrics is not None:
            return ticket.run, ticket.metrics
        with runs.finish_run_on_exit(self.store, ticket.run):
            params = {**(spec.params if chosen is None else chosen)}
            trials = 0 if chosen is None else spec.trials
            self.progress(reading_phase(spec.dataset))
            data = self._load_data(spec)
            candidate = fit_candidate(
                data, params, self.progress, trials=trials, fits=self._fits(spec), made=made
            )
            runs.write_candidate(self.store, ticket.run, spec, params, candidate)
        return ticket.run, candidate.metrics

    def _search(self, spec: TrainingSpec, location: runs.RunLocation) -> dict[str, Any]:
        parent = runs.resume_or_start(self.store, spec, location)
        with runs.finish_run_on_exit(self.store, parent.run):
            data = self._load_data(spec)
            if data.by_folds:
                self.progress.add_fit()
            trials, values, best, params = self._trials(spec, location, parent.run)
            if data.by_folds:
                # The best of many is the best partly by chance: it is measured without its choice.
                last = _best_location(spec, location, parent.run)
                trials.append(self._fit_run(spec, last, params))
                best = -1
            run, metrics = trials[best]
            if parent.metrics is None:
                settled = replace(data.spec, evaluation=data.evaluation)
                runs.write_search(self.store, parent.run, settled, data.dataset, values, run)
        return _result(self._metric(spec), run, parent.run, [trial for trial, _ in trials], metrics)

    def _trials(
        self, spec: TrainingSpec, location: runs.RunLocation, parent: str
    ) -> tuple[list[tuple[str, Mapping[str, float]]], list[float], int, Mapping[str, Value]]:
        """The trials' runs with their metrics and values, the best one's number and parameters."""
        metric = self._metric(spec)
        direction = metric_kind(metric).direction
        search = Search(trainers.get(spec.trainer), spec.params, direction, spec.seed)

        trials: list[tuple[str, Mapping[str, float]]] = []
        suggested: list[Mapping[str, Value]] = []
        values: list[float] = []
        while len(trials) < spec.trials:
            batch = [
                _trial_location(spec, location, parent, number, params)
                for number, params in enumerate(
                    search.suggest(spec.trials - len(trials)), start=len(trials)
                )
            ]
            suggested += [trial.params for trial, _ in batch]
            with self._made(batch) as made:
                for trial, run_location in batch:
                    trials.append(self._fit_run(trial, run_location, made=made))
                    values.append(_value(metric, trials[-1][1]))
                    search.report(values[-1])

        return trials, values, search.best, suggested[search.best]

    @contextmanager
    def _made(
        self, batch: Sequence[tuple[TrainingSpec, runs.RunLocation]]
    ) -> Iterator[Iterator[Fit] | None]:
        """The fits of trials that are not done yet, at the same time where the runner can.

        None when folds answer the rows: then each trial is a training for each fold.
        """
        data, fits = self._load_data(batch[0][0]), self._fits(batch[0][0])
        if data.by_folds:
            yield None
            return
        left = [
            trial for trial, run_location in batch if not runs.is_finished(self.store, run_location)
        ]
        settled = [self._load_data(trial) for trial in left]
        calls = [
            call
            for trial, trial_data in zip(left, settled, strict=True)
            for call in training_calls(fits, trial_data, trial.params)
        ]
        with fits.made(calls) as made:
            yield made

    def _fits(self, spec: TrainingSpec) -> Fits:
        """The maker of fits of the spec's rows."""
        return self._shared(spec)[1]

    def _load_data(self, spec: TrainingSpec) -> TrainingData:
        return self._shared(spec)[0].with_spec(spec)

    def _shared(self, spec: TrainingSpec) -> tuple[TrainingData, Fits]:
        """The rows of every spec with the same data settings, and the maker of their fits."""
        value = spec.to_json()
        key = repr(
            [value[name] for name in TRAINING_DATA_FIELDS] + [not spec.folds and spec.trials > 0]
        )
        if key not in self.fits:
            data = build(read_training_table(self.store, spec.dataset), spec)
            self.fits[key] = data, Fits(data, self.runner, self.progress.check)
        return self.fits[key]


def _trial_location(
    spec: TrainingSpec,
    location: runs.RunLocation,
    parent: str,
    number: int,
    params: Mapping[str, Value],
) -> tuple[TrainingSpec, runs.RunLocation]:
    """A trial's spec, and where its run belongs."""
    name, slot = f"{spec.name or spec.trainer}-{number + 1}", f"{location.slot}/{number}"
    return replace(spec, params=params), replace(location, slot=slot, name=name, parent=parent)


def _best_location(spec: TrainingSpec, location: runs.RunLocation, parent: str) -> runs.RunLocation:
    """Where the run of a search's best parameters belongs: after the trials."""
    name = f"{spec.name or spec.trainer}-best"
    return replace(location, slot=f"{location.slot}/{spec.trials}", name=name, parent=parent)


def _title(spec: TrainingSpec, slot: str, where: str) -> str:
    """The trainer's title, where its fits are made, and of a search which trial of it."""
    title = trainers.get(spec.trainer).title + (f" on {where}" if where else "")
    number = int(slot.partition("/")[2] or 0) + 1
    if number > max(spec.trials, 1):
        return f"{title}, the best parameters with a search in each fold"
    return f"{title}, trial {number} of {spec.trials}" if spec.trials else title


def _result(
    metric: str,
    run: str,
    parent: str | None,
    runs: list[str],
    metrics: Mapping[str, float],
) -> dict[str, Any]:
    return {
        "run": run,
        "parent": parent,
        "runs": runs,
        "metric": metric,
        "value": _value(metric, metrics),
        "metrics": dict(metrics),
    }
