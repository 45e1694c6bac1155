"""Evaluation documents of predicted numbers: JSON values that screens draw by their `type`.

A document has a `type` ("line", "bars", "scatter", "histogram" or "table"), a `title`, titles of
its axes and its values; the screen that draws it knows nothing of the task.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Floats = npt.NDArray[np.float64]

MAX_POINTS = 1_000
HISTOGRAM_BINS = 40
PERIODS = 24


def in_unit(title: str, unit: str) -> str:
    """The title of an axis with its unit."""
    return f"{title} ({unit})" if unit else title


def predicted_against_actual(y: Floats, predicted: Floats, unit: str) -> dict[str, Any]:
    """A sample of rows, evenly spaced over the observed values, with the diagonal."""
    import numpy as np

    order = np.argsort(y, kind="stable")
    chosen = order[np.unique(np.linspace(0, len(y) - 1, min(MAX_POINTS, len(y))).astype(int))]
    return {
        "type": "scatter",
        "title": "Predicted against actual",
        "x_title": in_unit("Actual", unit),
        "y_title": in_unit("Predicted", unit),
        "x": y[chosen].tolist(),
        "y": predicted[chosen].tolist(),
        "diagonal": True,
    }


def residual_histogram(error: Floats, unit: str) -> dict[str, Any]:
    """How often which error occurs; the outermost half percent on each side share its end bin."""
    import numpy as np

    low, high = np.quantile(error, [0.005, 0.995])
    count, edges = np.histogram(np.clip(error, low, high), bins=HISTOGRAM_BINS if high > low else 1)
    return {
        "type": "histogram",
        "title": "Errors (predicted less actual)",
        "x_title": in_unit("Error", unit),
        "y_title": "Rows",
        "edges": edges.tolist(),
        "count": count.tolist(),
    }


def error_by_decile(y: Floats, predicted: Floats, unit: str) -> dict[str, Any]:
    """The mean absolute error in each tenth of the rows by rising prediction."""
    import numpy as np

    from pilothouse.models.metrics.number_metrics import by_decile

    centre, error, rows = by_decile(predicted, np.abs(predicted - y))
    return {
        "type": "bars",
        "title": "Error by decile of the prediction",
        "x_title": in_unit("Mean prediction of the decile", unit),
        "y_title": in_unit("Mean absolute error", unit),
        "x": [f"{value:.4g}" for value in centre],
        "y": error,
        "rows": rows,
    }


def error_over_time(y: Floats, predicted: Floats, at: Sequence[int], unit: str) -> dict[str, Any]:
    """The mean absolute error and the bias in spans of equal length; `at` in milliseconds."""
    import numpy as np

    times = np.asarray(at, dtype=np.int64)
    edges = np.linspace(times.min(), times.max() + 1, PERIODS + 1)
    span = np.clip(np.searchsorted(edges, times, side="right") - 1, 0, PERIODS - 1)
    count = np.bincount(span, minlength=PERIODS)
    filled = count > 0
    starts = edges[:-1][filled].astype(np.int64).tolist()
    error = predicted - y

    def line(name: str, value: Floats) -> dict[str, Any]:
        mean = np.bincount(span, value, PERIODS)[filled] / count[filled]
        return {"name": name, "x": starts, "y": mean.tolist()}

    lines = [line("Mean absolute error", np.abs(error)), line("Mean error (bias)", error)]
    return {
        "type": "line",
        "title": "Error over time",
        "x_title": "Event time",
        "x_is_time": True,
        "y_title": in_unit("Error", unit),
        "lines": lines,
    }
