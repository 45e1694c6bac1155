"""What every trainer promises: an honest parameter space, and a pipeline that always answers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from sklearn.pipeline import Pipeline

from pilothouse.testing.parameters import check_described, check_unit, edges
from pilothouse.training.encoding import Encoder
from pilothouse.training.trainers import (
    FeatureColumns,
    Hyperparameter,
    Trainer,
    Value,
    resolve_params,
)

ROWS = 240
COLUMNS = FeatureColumns(numbers=("distance", "hour", "blank"), categories=("carrier",))


def flights() -> tuple[pd.DataFrame, npt.NDArray[np.int64]]:
    """Rows with holes, a column without any value, a category, and a target one can learn."""
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
    return frame, (hour + draw.normal(0, 3, ROWS) > 14).astype(np.int64)


def check_trainer(name: str, trainer: Trainer) -> None:
    """Raise AssertionError, with what is wrong, unless the trainer keeps every promise."""
    check_described(name, trainer)
    check_unit(name, trainer)
    for hyper in trainer.parameters:
        _check_hyper(name, hyper)
    defaults = resolve_params(trainer, {})
    _check_pipeline(name, trainer, defaults)
    for hyper in trainer.parameters:
        for edge in edges(hyper):
            trainer.build(COLUMNS, defaults | {hyper.name: edge}, seed=0)


def _check_hyper(name: str, hyper: Hyperparameter) -> None:
    what = f"the parameter {hyper.name} of {name}"
    assert not hyper.required, f"{what} needs a default"
    if hyper.tuned and hyper.type != "choice":
        assert hyper.low is not None, f"{what} is tuned and has no lowest value"
        assert hyper.high is not None, f"{what} is tuned and has no highest value"
        assert not hyper.log or hyper.low > 0, f"{what} is drawn on a log scale from 0"


def _check_pipeline(name: str, trainer: Trainer, params: Mapping[str, Value]) -> None:
    frame, target = flights()
    before = frame.copy()
    fitted = _fit(trainer, params, frame, target)
    scores = _scores(name, fitted, frame)
    pd.testing.assert_frame_equal(frame, before)
    again = _scores(name, _fit(trainer, params, frame, target), frame)
    np.testing.assert_array_equal(scores, again, f"{name}: one seed must give one model")
    late, early = scores[target == 1].mean(), scores[target == 0].mean()
    assert late > early + 0.05, f"{name} has learned nothing from an easy sample"
    lists = {key: [None if pd.isna(v) else v for v in frame[key].tolist()] for key in frame}
    np.testing.assert_allclose(_scores(name, fitted, lists), scores, err_msg=f"{name}: plain lists")
    odd = {"distance": [None, 1e9], "hour": [None, -5.0], "blank": [None, 1.0]}
    _scores(name, fitted, odd | {"carrier": [None, "never seen"]})


def _fit(
    trainer: Trainer, params: Mapping[str, Value], frame: pd.DataFrame, target: Any
) -> Pipeline:
    pipeline = trainer.build(COLUMNS, params, seed=3)
    assert isinstance(pipeline[0], Encoder), f"{trainer.title}: its first step is no Encoder"
    return pipeline.fit(frame, target)


def _scores(name: str, pipeline: Pipeline, rows: Any) -> npt.NDArray[np.float64]:
    both = pipeline.predict_proba(rows)
    assert both.shape == (len(rows["hour"]), 2), f"{name} must give two shares a row"
    assert np.isfinite(both).all(), f"{name} gives a score that is no number"
    assert ((both >= 0) & (both <= 1)).all(), f"{name} gives a share outside of 0 to 1"
    np.testing.assert_allclose(both.sum(axis=1), 1, err_msg=f"{name}: shares must add up to 1")
    scores: npt.NDArray[np.float64] = both[:, 1]
    return scores
