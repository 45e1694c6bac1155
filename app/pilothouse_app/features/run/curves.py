"""Courses of a run's metrics: which, over what, how smooth, which stretch; live while it runs.

Everything chosen is in the address. Dragging over a chart chooses a stretch of x for all of them,
and only that stretch is asked for again.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import pandas as pd
import streamlit as st

from pilothouse.experiments.metrics.smoothing import METRIC, RELATIVE, STEP, WALL, CurveOptions
from pilothouse_app import charts
from pilothouse_app.components.charting import CONFIG, dark
from pilothouse_app.components.empty_state import empty
from pilothouse_app.components.filters import choose_one, filter_bar, pager, switch
from pilothouse_app.components.formats import plural
from pilothouse_app.components.header import section
from pilothouse_app.components.live import live
from pilothouse_app.components.markdown import literal
from pilothouse_app.components.workspace import workspace
from pilothouse_app.features.experiments.formatting import order_metrics
from pilothouse_app.features.experiments.metric_definitions import metric_kinds

if TYPE_CHECKING:
    from datetime import datetime

    from pilothouse.experiments.details import RunInfo
    from pilothouse.experiments.metrics.definitions import MetricKinds
    from pilothouse.experiments.metrics.kinds import MetricKind
    from pilothouse.experiments.metrics.summary import MetricSummary

PAGE = 6
TOGETHER = 8
MAX_AXES = 100
AGAINST = "against "
FOLD = "fold_"  # these are the rows of a table, with the evaluation
AXIS_TITLES = {STEP: "Step", RELATIVE: "Seconds since the start", WALL: "Time of day"}
LAYOUTS = {"each": "Separate", "together": "Together"}
LOW, HIGH = "run_from", "run_to"
POLL_STATE = "run_growing"  # the points of a run that goes on, and of which metrics they are


@dataclass(frozen=True)
class CurveRequest:
    """The choices of the controls."""

    keys: tuple[str, ...]
    options: CurveOptions
    together: bool
    log_x: bool
    log_y: bool
    began: datetime
    kinds: MetricKinds

    @property
    def x(self) -> str:
        """The title of the x axis."""
        over = self.options.x_axis
        return self.title(self.options.x_metric) if over == METRIC else AXIS_TITLES[over]

    def title(self, key: str) -> str:
        """What a metric is called."""
        return self.kinds.of(key).title


def metrics_with_history(run: RunInfo) -> list[str]:
    """The metrics with more than one point, the well-known ones first."""
    keys = [key for key, s in run.metrics.items() if s.count > 1 and not key.startswith(FOLD)]
    return order_metrics(keys)


def draw(run: RunInfo) -> None:
    """Draw the view."""
    keys, running = metrics_with_history(run), run.status == "running"
    if not keys and not running:
        empty(
            "No curves", "Every metric of this run has a single value.", icon=":material/timeline:"
        )
        return

    request = _controls(run, keys)
    body, foot = st.container(), st.container(horizontal=True, horizontal_alignment="right")
    with foot:
        visible = _page(list(request.keys), request.together)

    with body:
        if running:
            live(lambda: _live_charts(run.id, keys, visible, request), key="run_live", busy=True)
        else:
            st.session_state.pop(POLL_STATE, None)
            points = workspace().experiments.curves(run.id, visible, request.options)
            _charts(run, visible, request, points)


def _page(keys: list[str], together: bool) -> list[str]:
    """The metrics of the page: as many as one looks at, and never all of hundreds."""
    if together:
        return keys[:TOGETHER]
    page = pager(len(keys), key="run_page", size=PAGE)
    return keys[(page - 1) * PAGE : page * PAGE]


def _controls(run: RunInfo, keys: list[str]) -> CurveRequest:
    with filter_bar():
        chosen = _metrics(keys)
        layout = switch("run_layout", list(LAYOUTS), "Charts", format_func=LAYOUTS.__getitem__)
        over = _axis_input(keys)
        weight = st.slider(
            "Smoothing", 0.0, 0.99, 0.0, 0.01, key="run_smooth", width=140, bind="query-params",
            persist_state="session", help="Exponential moving average; the raw line stays visible",
        )  # fmt: skip
        log_x, log_y = _axes(run.status != "running")

    options = CurveOptions(
        x_axis=METRIC if over.startswith(AGAINST) else over,
        x_metric=over.removeprefix(AGAINST) if over.startswith(AGAINST) else "",
        smoothing=weight,
        low=st.session_state.get(LOW),
        high=st.session_state.get(HIGH),
    )

    began = run.started_at or run.created_at
    selected = tuple(chosen or keys)
    return CurveRequest(
        selected, options, layout == "together", log_x, log_y, began, metric_kinds()
    )


def _metrics(keys: list[str]) -> list[str]:
    _forget_unknown("run_metrics", keys)
    return st.multiselect(
        "Metrics",
        keys,
        key="run_metrics",
        placeholder=f"All {plural(len(keys), 'metric')}" if len(keys) > 1 else "Its one metric",
        label_visibility="collapsed",
        width=244,
        on_change=_first_page,
        bind="query-params",
    )


def _axis_input(keys: list[str]) -> str:
    options = [STEP, RELATIVE, WALL, *(f"{AGAINST}{key}" for key in keys[:MAX_AXES])]
    if st.session_state.get("run_x", STEP) not in options:
        del st.session_state["run_x"]  # of another run
    return choose_one(
        "run_x", options, "Over", default=STEP, width=168,
        format_func=lambda name: AXIS_TITLES.get(name, name.capitalize()),
    )  # fmt: skip


def _forget_unknown(key: str, options: Sequence[str]) -> None:
    selected = st.session_state.get(key)
    if selected and not set(selected) <= set(options):
        st.session_state[key] = [name for name in selected if name in options]


def _axes(zooms: bool) -> tuple[bool, bool]:
    with st.popover("Axes", icon=":material/straighten:"):
        log_x = st.toggle("Logarithmic x", key="run_log_x", bind="query-params")
        log_y = st.toggle("Logarithmic y", key="run_log_y", bind="query-params")
        if zooms:
            st.markdown(":gray[Range of x; drag over a chart to select one]")
            left, right = st.columns(2)
            with left:
                _bound("From", LOW)
            with right:
                _bound("To", HIGH)
    if zooms and (st.session_state.get(LOW), st.session_state.get(HIGH)) != (None, None):
        st.button(
            "Reset zoom", icon=":material/zoom_out_map:", key="run_whole", on_click=_reset_zoom
        )
    return log_x, log_y


def _bound(label: str, key: str) -> None:
    st.number_input(
        label, value=None, format="%.6g", key=key, placeholder="none", bind="query-params"
    )


def _reset_zoom() -> None:
    st.session_state[LOW] = st.session_state[HIGH] = None


def _first_page() -> None:
    st.session_state["run_page"] = 1


def _live_charts(run_id: str, keys: list[str], visible: list[str], request: CurveRequest) -> bool:
    """Draw the charts of a running run; return whether it still runs."""
    run = workspace().experiments.run(run_id)
    if set(metrics_with_history(run)) != set(keys):
        st.rerun()  # the controls are to offer what has begun
    if visible:
        _charts(run, visible, request, _poll(run_id, visible, request.options))
    else:
        st.markdown(":gray[Waiting for the first points.]")
    return run.status == "running"


def _poll(run_id: str, visible: list[str], options: CurveOptions) -> pd.DataFrame:
    """The courses so far; of points that were read before, none is read again."""
    what = [run_id, *visible, options.x_metric]
    stored = st.session_state.get(POLL_STATE)
    previous = stored[1] if stored and stored[0] == what else None
    points, previous = workspace().experiments.poll(run_id, visible, options, previous)
    st.session_state[POLL_STATE] = (what, previous)
    return points


def _charts(run: RunInfo, visible: list[str], request: CurveRequest, points: pd.DataFrame) -> None:
    if request.together:
        _overlaid(run, visible, points, request)
    else:
        _separate(run, visible, points, request)


def _overlaid(
    run: RunInfo, keys: Sequence[str], points: pd.DataFrame, request: CurveRequest
) -> None:
    if len(request.keys) > len(keys):
        st.markdown(f":gray[The first {len(keys)} of {len(request.keys)}; choose others above.]")
    with st.container(border=True):
        _chart(run, keys, points, request, height=460)


def _separate(
    run: RunInfo, keys: Sequence[str], points: pd.DataFrame, request: CurveRequest
) -> None:
    columns = 2 if len(keys) > 1 else 1
    with st.grid(columns, min_column_width=380, gap="small") as grid:
        pass
    for index, key in enumerate(keys):
        summary = run.metrics[key]
        with grid.cell(), st.container(border=True):
            kind = request.kinds.of(key)
            section(literal(kind.title), _best(kind, summary))
            height = 220 if columns == 2 else 400
            _chart(run, [key], points[points["key"] == key], request, height=height, first=index)


def _best(kind: MetricKind, summary: MetricSummary) -> str:
    """The best value and its step; empty when none is, as without a direction."""
    if summary.best_step is None:
        return ""
    return f"best {kind.format_value(summary.best)} at step {summary.best_step:,}"


def _chart(
    run: RunInfo,
    keys: Sequence[str],
    points: pd.DataFrame,
    request: CurveRequest,
    *,
    height: int,
    first: int = 0,
) -> None:
    if points.empty:
        st.markdown(":gray[No points in this range.]")
        return

    figure = charts.smoothed(
        points,
        dark=dark(),
        titles={key: request.title(key) for key in keys},
        x=request.x,
        smooth=request.options.smoothing > 0,
        instants=request.options.x_axis == WALL,
        log_x=request.log_x,
        log_y=request.log_y,
        first=first,
    )

    key = f"run_curve_{'_'.join(keys)}"
    titles = ", ".join(map(request.title, keys))
    zooms: dict[str, Any] = {}
    if run.status != "running":
        began = request.began if request.options.x_axis == WALL else None
        zooms = {"on_select": partial(_zoom, key, began), "selection_mode": "box"}
    st.plotly_chart(
        figure,
        theme=None,
        config=CONFIG,
        key=key,
        height=height,
        alt=f"{titles} over {request.x.lower()}",
        **zooms,
    )


def _zoom(key: str, began: datetime | None) -> None:
    """Take the stretch that was dragged over as the one to show."""
    boxes: list[Any] = st.session_state[key]["selection"].get("box") or []
    ends = boxes[-1].get("x") if boxes else None
    if ends and len(ends) == 2:
        low, high = sorted(_number(end, began) for end in ends)
        if low < high:
            st.session_state[LOW], st.session_state[HIGH] = low, high


def _number(end: Any, began: datetime | None) -> float:
    if began is None:
        return float(end)
    at = pd.Timestamp(end)
    at = at.tz_localize("UTC") if at.tzinfo is None else at
    return float((at - pd.Timestamp(began)).total_seconds())
