"""What every trainer promises: an honest parameter space, and a pipeline that always answers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from sklearn.pipeline import Pipeline

from pilothouse.models.signature import Signature
from pilothouse.testing.parameters import check_described, edges
from pilothouse.training.answers import predict_raw
from pilothouse.training.encoding import Encoder
from pilothouse.training.trainers import (
    Estimator,
    FeatureColumns,
    Hyperparameter,
    Trainer,
    Value,
    is_installed,
    resolve_params,
)

ROWS = 240
COLUMNS = FeatureColumns(numbers=("distance", "hour", "blank"), categories=("carrier",))


SIGNATURES: dict[Estimator, Signature] = {
    "classifier": Signature((), "late", ("on time", "late", "very late"), task="multiclass"),
    "regressor": Signature((), "delay", task="regression", gives="value"),
    "quantiles": Signature((), "delay", task="quantile", gives="value", levels=(0.1, 0.5, 0.9)),
}


def flights() -> tuple[pd.DataFrame, npt.NDArray[np.float64]]:
    """Rows with holes, a column without any value, a category, and a delay one can learn."""
    draw = np.random.default_rng(7)
    hour = draw.integers(5, 23, ROWS)
    carriers = draw.choice(["AA", "B6", "UA"], ROWS).tolist()
    frame = pd.DataFrame(
        {
            "distance": np.where(draw.random(ROWS) < 0.1, np.nan, draw.normal(900, 300, ROWS)),
            "hour": hour.astype(float),
            "blank": np.full(ROWS, np.nan),
            "carrier": [None if at == 7 else who for at, who in zip(hour, carriers, strict=True)],
        }
    )
    return frame, hour + draw.normal(0, 3, ROWS)


def target_of(estimator: Estimator, delay: npt.NDArray[np.float64], classes: int) -> Any:
    """What an estimator is fitted on: positions of two or three classes, or the delay itself."""
    if estimator != "classifier":
        return delay
    return np.digitize(delay, np.quantile(delay, np.linspace(0, 1, classes + 1)[1:-1]))


def check_trainer(name: str, trainer: Trainer) -> None:
    """Raise AssertionError, with what is wrong, unless the trainer keeps every promise."""
    check_described(name, trainer)
    assert trainer.estimators, f"{name} says not which estimators it builds"
    assert set(trainer.estimators) <= set(SIGNATURES), f"{name} builds an unknown estimator"
    for hyper in trainer.parameters:
        _check_hyper(name, hyper)
    if not is_installed(trainer):
        return
    defaults = resolve_params(trainer, {})
    for estimator in trainer.estimators:
        for classes in (2, 3) if estimator == "classifier" else (0,):
            _check_pipeline(_Case(name, trainer, defaults, estimator, classes))
        for hyper in trainer.parameters:
            for edge in edges(hyper):
                _build(trainer, defaults | {hyper.name: edge}, estimator)


def _check_hyper(name: str, hyper: Hyperparameter) -> None:
    what = f"the parameter {hyper.name} of {name}"
    assert not hyper.required, f"{what} needs a default"
    if hyper.tuned and hyper.type != "choice":
        assert hyper.low is not None, f"{what} is tuned and has no lowest value"
        assert hyper.high is not None, f"{what} is tuned and has no highest value"
        assert not hyper.log or hyper.low > 0, f"{what} is drawn on a log scale from 0"


@dataclass(frozen=True)
class _Case:
    """One trainer with one estimator, and how many classes it is fitted on."""

    name: str
    trainer: Trainer
    params: Mapping[str, Value]
    estimator: Estimator
    classes: int

    @property
    def title(self) -> str:
        return f"{self.name} as {self.estimator}"

    def fit(self, frame: pd.DataFrame, target: Any) -> Pipeline:
        pipeline = _build(self.trainer, self.params, self.estimator)
        assert isinstance(pipeline[0], Encoder), f"{self.title}: its first step is no Encoder"
        return pipeline.fit(frame, target)

    def answers(self, pipeline: Pipeline, rows: Any) -> npt.NDArray[np.float64]:
        """The pipeline's answers, checked: shares of classes, numbers, or rising quantiles."""
        signature = SIGNATURES[self.estimator]
        raw = predict_raw(pipeline, signature, rows)
        width = {"classifier": self.classes, "regressor": 1}.get(
            self.estimator, len(signature.levels)
        )
        count = len(rows["hour"])
        assert raw.shape == (count, width), f"{self.title} must give {width} numbers a row"
        assert np.isfinite(raw).all(), f"{self.title} gives an answer that is no number"
        if self.estimator == "classifier":
            assert ((raw >= 0) & (raw <= 1)).all(), f"{self.title} gives a share outside of 0 to 1"
            ones = np.ones(count)
            message = f"{self.title}: shares must add up to 1"
            np.testing.assert_allclose(raw.sum(axis=1), ones, rtol=1e-5, err_msg=message)
        assert self.estimator != "quantiles" or (np.diff(raw, axis=1) >= 0).all(), (
            f"{self.title}: the quantiles of a row must not cross"
        )
        return raw


def _build(trainer: Trainer, params: Mapping[str, Value], estimator: Estimator) -> Pipeline:
    return trainer.build(COLUMNS, params, 3, estimator, SIGNATURES[estimator].levels)


def _check_pipeline(case: _Case) -> None:
    frame, delay = flights()
    target, before = target_of(case.estimator, delay, case.classes), frame.copy()
    fitted = case.fit(frame, target)
    answers = case.answers(fitted, frame)
    pd.testing.assert_frame_equal(frame, before)

    again = case.answers(case.fit(frame, target), frame)
    np.testing.assert_array_equal(answers, again, f"{case.title}: one seed must give one model")
    if not case.trainer.is_baseline:
        _check_learned(case, answers, target)

    lists = {key: [None if pd.isna(v) else v for v in frame[key].tolist()] for key in frame}
    np.testing.assert_allclose(
        case.answers(fitted, lists), answers, err_msg=f"{case.title}: plain lists"
    )
    odd = {"distance": [None, 1e9], "hour": [None, -5.0], "blank": [None, 1.0]}
    case.answers(fitted, odd | {"carrier": [None, "never seen"]})
    _check_weights(case, frame, target)


def _check_learned(case: _Case, answers: npt.NDArray[np.float64], target: Any) -> None:
    """What it answers rises with what it was fitted on: the last class, or the middle quantile."""
    column = answers[:, -1] if case.estimator == "classifier" else answers[:, answers.shape[1] // 2]
    late = target == target.max() if case.estimator == "classifier" else target > np.median(target)
    margin = 0.05 * (1 if case.estimator == "classifier" else float(np.std(target)))
    assert column[late].mean() > column[~late].mean() + margin, (
        f"{case.title} has learned nothing from an easy sample"
    )


def _check_weights(case: _Case, frame: pd.DataFrame, target: Any) -> None:
    """The last step takes weights of rows."""
    pipeline = _build(case.trainer, case.params, case.estimator)
    weights = {f"{pipeline.steps[-1][0]}__sample_weight": np.ones(len(frame))}
    case.answers(pipeline.fit(frame, target, **weights), frame)
