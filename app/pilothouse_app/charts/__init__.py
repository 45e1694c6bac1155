"""Charts: pure functions from a frame to a figure, light or dark; no Streamlit, no workspace."""

from pilothouse_app.charts.bars import (
    frequencies,
    grouped,
    histogram,
    ranked,
    stacked_over_time,
    two_distributions,
)
from pilothouse_app.charts.comparison import over_steps, param_importance
from pilothouse_app.charts.curves import calibration, cost, history, precision_recall, roc
from pilothouse_app.charts.documents import figure_of, overlay_of
from pilothouse_app.charts.explanation_charts import (
    contributions,
    dependence_curves,
    rates_by_group,
    rows_height,
)
from pilothouse_app.charts.group_shares import cells_height, group_cells, group_lines
from pilothouse_app.charts.intervals import intervals
from pilothouse_app.charts.live import counts_over_time
from pilothouse_app.charts.matrix import (
    association_height,
    association_matrix,
    confusion,
    confusion_height,
)
from pilothouse_app.charts.parallel import Axis, parallel
from pilothouse_app.charts.quality_by_version import checked_versions
from pilothouse_app.charts.series import by_group, over_time, states_over_time
from pilothouse_app.charts.smoothed import smoothed

__all__ = [
    "Axis",
    "association_height",
    "association_matrix",
    "by_group",
    "calibration",
    "cells_height",
    "checked_versions",
    "confusion",
    "confusion_height",
    "contributions",
    "cost",
    "counts_over_time",
    "dependence_curves",
    "figure_of",
    "frequencies",
    "group_cells",
    "group_lines",
    "grouped",
    "histogram",
    "history",
    "intervals",
    "over_steps",
    "over_time",
    "overlay_of",
    "parallel",
    "param_importance",
    "precision_recall",
    "ranked",
    "rates_by_group",
    "roc",
    "rows_height",
    "smoothed",
    "stacked_over_time",
    "states_over_time",
    "two_distributions",
]
