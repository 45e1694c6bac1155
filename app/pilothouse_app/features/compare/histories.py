"""Over steps: every metric that was logged more than once, all runs laid over each other."""

from __future__ import annotations

import streamlit as st

from pilothouse_app import charts
from pilothouse_app.components.charting import dark, figure
from pilothouse_app.components.empty_state import empty
from pilothouse_app.components.filters import choose_one, choose_or_all, filter_bar
from pilothouse_app.components.formats import plural
from pilothouse_app.components.header import section
from pilothouse_app.components.markdown import literal
from pilothouse_app.features.compare.cells import DIRECTION_NOTES
from pilothouse_app.features.compare.context import (
    MAX_DRAWN,
    ComparisonContext,
    image_format,
    note_undrawn_runs,
)

MAX_CHARTS = 8
X = {"step": "Step", "minutes": "Minutes since the run began"}
OVER = {"step": "Over steps", "minutes": "Over minutes since the run began"}


def histories_view(context: ComparisonContext) -> None:
    """A chart a metric, over steps or over time."""
    points = context.compared.history
    keys = list(dict.fromkeys(points["key"])) if not points.empty else []
    if not keys:
        empty(
            "No histories",
            "Every metric of these runs has a single value.",
            icon=":material/timeline:",
        )
        return

    only, x, log = _controls(context, keys)
    note_undrawn_runs(context)
    visible = [only] if only else keys[:MAX_CHARTS]
    if len(keys) > MAX_CHARTS and not only:
        left = plural(len(keys) - MAX_CHARTS, "metric")
        st.markdown(f":small[:gray[{left} more: choose one to see it.]]")

    height = 420 if len(visible) == 1 else 260
    grid = st.grid(min(2, len(visible)), min_column_width=400, gap="small")
    for key in visible:
        with grid.cell(), st.container(border=True):
            _chart(context, key, x, log=log, height=height)


def _controls(context: ComparisonContext, keys: list[str]) -> tuple[str, str, bool]:
    """The chosen metric (empty for all), what x counts, and whether y is logarithmic."""
    kinds = context.compared.kinds
    with filter_bar():
        only = choose_or_all(
            "compare_history",
            keys,
            "All metrics",
            format_func=lambda key: kinds.of(key).title,
            width=260,
        )
        x = choose_one(
            "compare_x",
            list(X),
            "Over",
            default="step",
            format_func=OVER.__getitem__,
        )
        log = st.toggle(
            "Logarithmic", key="compare_log", bind="query-params", persist_state="session"
        )
    return only, x, log


def _chart(context: ComparisonContext, key: str, x: str, *, log: bool, height: int) -> None:
    points, kind = context.compared.history, context.compared.kinds.of(key)
    section(literal(kind.title), DIRECTION_NOTES[kind.direction])
    figure(
        charts.over_steps(
            points[points["key"] == key],
            dark=dark(),
            title=kind.title,
            names={run: context.labels[run] for run in context.ids[:MAX_DRAWN]},
            x=x,
            x_title=X[x],
            baseline=context.compared.baseline,
            target=kind.target,
            log=log,
        ),
        key=f"compare_history_{key}",
        height=height,
        alt=f"{kind.title} by {X[x].lower()} and run",
        image_format=image_format(),
    )
