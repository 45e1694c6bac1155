"""Training of every trainer that fits a task, on the same rows. It runs in child processes only."""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping, Sequence
from typing import Any

from pilothouse.jobs.backends import part_runner
from pilothouse.kit.errors import Cancelled
from pilothouse.storage import Store
from pilothouse.training.fit import TrainingContext, rank_value
from pilothouse.training.leaderboard import Leaderboard, LeaderboardRow
from pilothouse.training.progress import Report, TrainingProgress
from pilothouse.training.spec import TrainingSpec
from pilothouse.training.trainers import trainers

log = logging.getLogger(__name__)


def try_all_job(
    store: Store,
    progress: Report,
    *,
    specs: Sequence[Mapping[str, Any]],
    job_id: str,
    seconds: float,
) -> dict[str, Any]:
    """Train specs that differ in their trainers, in order, and rank them.

    No trainer is started after `seconds`. One that fails leaves a row with its error; when all
    fail, the first error is raised. The result is a plain value: `leaderboard`, and of its best row
    `run`, `metric` and `metrics`, as `train_job` has them; `runs` are all that have a model.
    """
    training_specs = [TrainingSpec.from_json(spec) for spec in specs]
    fits = sum(max(spec.trials, 1) for spec in training_specs)
    reporter = TrainingProgress(progress, fits)
    with part_runner(store.settings) as runner, reporter.reporting():
        context = TrainingContext(store, job_id, reporter, runner)
        attempts = _Attempts(context, time.monotonic() + seconds).run(training_specs)

    results = {row.run: result for row, result in attempts if result is not None}
    metric = str(next(iter(results.values()))["metric"])
    board = Leaderboard(metric, _ranked(metric, [row for row, _ in attempts]))
    best = results[board.rows[0].run]
    return {
        "leaderboard": board.to_json(),
        "run": best["run"],
        "metric": metric,
        "metrics": best["metrics"],
        "runs": [run for result in results.values() for run in result["runs"]],
    }


Attempt = tuple[LeaderboardRow, dict[str, Any] | None]


class _Attempts:
    """The trainings of one job, until its deadline."""

    def __init__(self, context: TrainingContext, deadline: float) -> None:
        self._context = context
        self._deadline = deadline
        self._errors: list[Exception] = []

    def run(self, specs: Sequence[TrainingSpec]) -> list[Attempt]:
        attempts = [self._attempt(spec, str(slot)) for slot, spec in enumerate(specs)]
        if not any(result for _, result in attempts):
            raise self._errors[0]
        return attempts

    def _attempt(self, spec: TrainingSpec, slot: str) -> Attempt:
        is_baseline = trainers.get(spec.trainer).is_baseline
        started = time.monotonic()
        # The first is always tried, or a short limit would end without a result.
        if started > self._deadline and slot != "0":
            return LeaderboardRow(spec.trainer, is_baseline=is_baseline), None

        try:
            result = self._context.train(spec, slot)
        except Cancelled:
            raise
        except Exception as error:  # one library that fails must not end the others' trainings
            log.exception("%s failed", spec.trainer)
            self._errors.append(error)
            message = str(error) or type(error).__name__
            return LeaderboardRow(spec.trainer, is_baseline=is_baseline, error=message), None
        seconds = time.monotonic() - started
        return _row(spec.trainer, result, seconds, is_baseline), result


def _row(
    trainer: str, result: Mapping[str, Any], seconds: float, is_baseline: bool
) -> LeaderboardRow:
    metric, metrics = result["metric"], result["metrics"]
    return LeaderboardRow(
        trainer=trainer,
        run=result["run"],
        value=result["value"],
        spread=metrics.get(f"cv_{metric}_std"),
        held_out=metrics[metric],
        seconds=round(seconds, 3),
        is_baseline=is_baseline,
    )


def _ranked(metric: str, rows: Sequence[LeaderboardRow]) -> tuple[LeaderboardRow, ...]:
    """The best first; those without a value last, in the order that they were tried."""

    def rank(row: LeaderboardRow) -> float:
        return float("inf") if row.value is None else -rank_value(metric, row.value)

    return tuple(sorted(rows, key=rank))
