"""The progress of a training: it moves during one long fit, and never backwards."""

from __future__ import annotations

import logging
import threading
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline

from pilothouse.jobs import Progress
from pilothouse.kit.errors import Cancelled, Unavailable
from pilothouse.training import TrainingSpec
from pilothouse.training import progress as training_progress
from pilothouse.training.encoding import Encoder
from pilothouse.training.fit import train_job
from pilothouse.training.progress import (
    TrainingProgress,
    evaluation_phase,
    fitting_phases,
    phase_share,
    reading_phase,
)
from pilothouse.training.trainers import (
    Estimator,
    FeatureColumns,
    Hyperparameter,
    Value,
    trainers,
)
from pilothouse.workspace import Workspace

WAIT_SECONDS = 20.0


class Reports:
    """Every report of a training; a fit can wait until so many more have come."""

    def __init__(self) -> None:
        self.items: list[tuple[float, str]] = []
        self._more = threading.Condition()

    def __call__(self, fraction: float, message: str = "") -> None:
        with self._more:
            self.items.append((fraction, message))
            self._more.notify_all()

    def wait_for_more(self, count: int) -> None:
        with self._more:
            enough = len(self.items) + count
            assert self._more.wait_for(lambda: len(self.items) >= enough, WAIT_SECONDS)


class SlowModel(LogisticRegression):  # type: ignore[misc]  # scikit-learn has no types
    """A model whose fit goes on until five more reports have come."""

    def fit(self, x: Any, y: Any, sample_weight: Any = None) -> SlowModel:
        SlowTrainer.reports.wait_for_more(5)
        super().fit(x, y, sample_weight)
        return self


class SlowTrainer:
    """A trainer that reports nothing itself while it fits."""

    title = "Slow model"
    description = "Fits until enough reports have come."
    estimators: tuple[Estimator, ...] = ("classifier",)
    needs = ""
    is_baseline = False
    parameters: tuple[Hyperparameter, ...] = ()
    reports = Reports()

    @staticmethod
    def build(
        columns: FeatureColumns,
        params: Mapping[str, Value],
        seed: int,
        estimator: Estimator = "classifier",
        levels: Sequence[float] = (),
    ) -> Pipeline:
        return Pipeline([("encode", Encoder(columns.numbers, ())), ("model", SlowModel())])


@pytest.fixture
def slow(monkeypatch: pytest.MonkeyPatch) -> Reports:
    """The slow trainer, registered for one test."""
    monkeypatch.setattr(training_progress, "REPORT_SECONDS", 0.01)
    monkeypatch.setattr(SlowTrainer, "reports", Reports())
    original = trainers.get
    monkeypatch.setattr(
        trainers, "get", lambda name: SlowTrainer if name == "slow" else original(name)
    )
    return SlowTrainer.reports


@pytest.fixture
def data(workspace: Workspace) -> str:
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"x": rng.normal(size=400), "bought": rng.integers(0, 2, 400)})
    return workspace.data.register("visits", frame).ref


def test_one_long_fit_shows_progress_that_moves(
    workspace: Workspace, data: str, slow: Reports
) -> None:
    spec = TrainingSpec(data, "bought", trainer="slow", folds=2, evaluation="held_out").to_json()
    train_job(workspace.store, slow, spec=spec, job_id="j")
    fractions = [fraction for fraction, _ in slow.items]
    assert fractions == sorted(fractions)
    assert fractions[0] >= 0
    assert fractions[-1] < 1
    for phase in ("fold 1 of 2", "fold 2 of 2", "fitting the final model on"):
        during = [fraction for fraction, message in slow.items if phase in message]
        assert len(set(during)) >= 5  # the report at its begin, and beats while it fits
    text = " ".join(message for _, message in slow.items)
    assert "reading visits@1" in text
    assert "held-out rows" in text


def test_the_bar_of_a_stored_job_moves_during_one_fit(
    workspace: Workspace, data: str, slow: Reports, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pilothouse.jobs.progress.SECONDS_BETWEEN", 0.0)
    job = workspace.training.submit(TrainingSpec(data, "bought", trainer="random_forest"))
    stored: list[float] = []
    write = Progress(workspace.store, job)

    def report(fraction: float, message: str) -> None:
        write(fraction, message)
        stored.append(workspace.jobs.job(job).progress)
        slow(fraction, message)

    spec = TrainingSpec(data, "bought", trainer="slow", folds=0, evaluation="held_out").to_json()
    train_job(workspace.store, report, spec=spec, job_id="j")
    assert stored == sorted(stored)
    assert len(set(stored)) >= 5


class Clock:
    """Seconds that a test sets."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def __call__(self) -> float:
        return self.seconds


def test_the_final_fit_is_expected_to_take_as_long_by_its_rows_as_the_folds_did() -> None:
    reports, clock = Reports(), Clock()
    progress = TrainingProgress(reports, 1, clock=clock)
    progress.begin_fit("Forest")
    progress(reading_phase("visits@1"))
    fold, final = fitting_phases([100_000], 800_000)
    progress(fold)
    clock.seconds = 5.0
    progress(final)
    clock.seconds = 17.0
    progress.report()
    fraction, message = reports.items[-1]
    assert message == "Forest: fitting the final model on 800,000 rows, 12 s of about 40 s"
    assert final.start < fraction < final.end
    clock.seconds = 100.0
    progress.report()
    assert reports.items[-1][1].endswith("rows, 95 s")  # longer than expected: no promise is left
    assert fraction < reports.items[-1][0] < final.end
    progress(evaluation_phase(200_000))
    assert reports.items[-1][0] == pytest.approx(final.end)
    assert reports.items[-1][1] == "Forest: evaluating on 200,000 held-out rows"


def test_each_try_of_a_search_has_the_same_share() -> None:
    reports = Reports()
    progress = TrainingProgress(reports, 4, clock=Clock())
    for title in ("trial 1", "trial 2", "trial 3", "trial 4"):
        progress.begin_fit(title)
        progress(reading_phase("visits@1"))
    assert [fraction for fraction, _ in reports.items] == [0.0, 0.25, 0.5, 0.75]


def test_a_cancel_seen_during_a_fit_stops_the_work_at_the_next_phase() -> None:
    cancelled = threading.Event()

    def report(fraction: float, message: str) -> None:
        if threading.current_thread() is not threading.main_thread():
            cancelled.set()
            raise Cancelled("the job was cancelled.")

    progress = TrainingProgress(report, 1, report_seconds=0.01)
    progress.begin_fit("Forest")
    with progress.reporting():
        progress(reading_phase("visits@1"))
        assert cancelled.wait(WAIT_SECONDS)
    with pytest.raises(Cancelled):
        progress(evaluation_phase(10))


def test_a_report_that_cannot_be_written_does_not_end_a_fit(
    caplog: pytest.LogCaptureFixture,
) -> None:
    failures = threading.Semaphore(0)

    def report(fraction: float, message: str) -> None:
        if threading.current_thread() is not threading.main_thread():
            failures.release()
            raise Unavailable("the database is busy.")

    progress = TrainingProgress(report, 1, report_seconds=0.01)
    progress.begin_fit("Forest")
    with caplog.at_level(logging.WARNING), progress.reporting():
        progress(reading_phase("visits@1"))
        assert failures.acquire(timeout=WAIT_SECONDS)
        assert failures.acquire(timeout=WAIT_SECONDS)  # the beats go on
    progress(evaluation_phase(10))
    assert "the database is busy" in caplog.text


@pytest.mark.parametrize(
    ("folds", "rows"), [([], 1), ([13_333] * 3, 800_000), ([1, 2, 3, 10**7], 7)]
)
def test_phases_follow_each_other_and_share_the_bar_by_rows(folds: list[int], rows: int) -> None:
    phases = [reading_phase("d@1"), *fitting_phases(folds, rows), evaluation_phase(1)]
    assert phases[0].start == 0
    assert phases[-1].end == 1
    for before, after in pairwise(phases):
        assert before.end == pytest.approx(after.start)
    fits = phases[1:-1]
    total = sum(phase.rows for phase in fits)
    width = fits[-1].end - fits[0].start
    for phase in fits:
        assert phase.end - phase.start == pytest.approx(width * phase.rows / total, abs=1e-9)


@given(st.floats(0, 1e6), st.floats(0.001, 1e6), st.floats(0.001, 1e5))
def test_the_share_of_a_phase_grows_and_stays_within_it(
    seconds: float, more: float, expected: float
) -> None:
    assert 0 <= phase_share(seconds, expected) <= phase_share(seconds + more, expected) <= 1
