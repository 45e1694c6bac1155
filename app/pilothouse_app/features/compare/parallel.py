"""Parallel and importance: runs as lines and rows that pick each other; what a metric follows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pandas as pd
import streamlit as st

from pilothouse.experiments.run_table.filters import RunFilter
from pilothouse_app import charts
from pilothouse_app.components.charting import dark, echart, figure
from pilothouse_app.components.filters import choose_one, choose_or_all, filter_bar
from pilothouse_app.components.formats import plural
from pilothouse_app.components.header import section
from pilothouse_app.components.markdown import literal
from pilothouse_app.components.table import name_column, number_column, table, text_column, ticked
from pilothouse_app.components.workspace import workspace
from pilothouse_app.features.compare.context import ComparisonContext, image_format
from pilothouse_app.features.experiments.formatting import trainer_title

if TYPE_CHECKING:
    from collections.abc import Sequence

MAX_AXES = 8
MAX_LABEL_LENGTH = 12
HEIGHT = 400


def parallel_view(context: ComparisonContext) -> None:
    """Lines and rows of the same runs, then the influence of parameters over the experiment."""
    compared = context.compared
    frame = compared.axes.assign(
        trainer=[trainer_title(run.trainer or "none") for run in compared.runs]
    )
    axes = _axes(context, frame)
    with filter_bar():
        within = _selected_range(context, frame, axes)
    picked = [run for run in ticked("compare_lines") if run in set(context.ids)]
    chosen = [run for run in context.ids if run in within and (not picked or run in picked)]

    section(
        "Parameters and metrics that all runs have",
        f"{plural(len(chosen), 'run')} highlighted: ticked in the table and inside the range",
    )
    names = {context.labels[run] for run in chosen}

    with st.container(border=True):
        echart(
            charts.parallel(
                frame,
                axes,
                dark=dark(),
                names="label",
                baseline=context.baseline_label,
                chosen=names if len(chosen) < len(context.ids) else None,
            ),
            key="compare_parallel",
            height=HEIGHT,
            alt="Parameters and metrics of each run as a line through parallel axes",
            image_format=image_format(),
        )

    _run_table(context, frame, axes, within)
    _importance(context)


def _axes(context: ComparisonContext, frame: pd.DataFrame) -> list[charts.Axis]:
    """The trainer, then what every run has: a line may not jump over an axis."""
    names = [name for name in frame.columns if name.startswith(("params.", "metrics."))]
    names = [name for name in names if frame[name].notna().all()]
    names = [name for name in names if not name.endswith(("_std", "_seconds"))]
    names = [name for name in names if _is_short(frame[name])][:MAX_AXES]
    trainers = sorted(frame["trainer"].unique())
    first = charts.Axis("trainer", "Trainer", trainers)
    return [first, *(_axis(context, frame, name) for name in names)]


def _is_short(column: pd.Series[Any]) -> bool:
    """Whether the words of a column fit between two axes."""
    return column.dtype.kind in "fiu" or all(
        len(str(value)) <= MAX_LABEL_LENGTH for value in column
    )


def _axis(context: ComparisonContext, frame: pd.DataFrame, name: str) -> charts.Axis:
    kind, _, key = name.partition(".")
    axis_title = context.compared.kinds.of(key).title if kind == "metrics" else key
    if frame[name].dtype.kind in "fiu":
        return charts.Axis(name, axis_title)
    return charts.Axis(name, axis_title, sorted({str(value) for value in frame[name]}))


def _selected_range(
    context: ComparisonContext, frame: pd.DataFrame, axes: Sequence[charts.Axis]
) -> set[str]:
    """The runs inside the chosen range of the chosen axis; all of them without one."""
    numeric = {axis.title: axis.column for axis in axes if not axis.categories}
    ranged = [name for name, column in numeric.items() if frame[column].nunique() > 1]
    axis = choose_or_all("compare_axis", ranged, "Filter by an axis", width=240)
    if not axis:
        st.markdown(
            ":gray[Choose an axis to filter by a range, or tick rows below.]", width="content"
        )
        return set(context.ids)

    values = frame[numeric[axis]].astype(float)
    low, high = float(values.min()), float(values.max())
    step = (high - low) / 100
    chosen = st.slider(
        axis,
        min_value=low,
        max_value=high,
        value=(low, high),
        step=step,
        format="%.4g",
        key=f"compare_range_{numeric[axis]}",
        label_visibility="collapsed",
        width=420,
        bind="query-params",
        persist_state="session",
    )

    selected = (values >= chosen[0] - step / 2) & (values <= chosen[1] + step / 2)
    return set(frame[selected]["run"])


def _run_table(
    context: ComparisonContext, frame: pd.DataFrame, axes: Sequence[charts.Axis], within: set[str]
) -> None:
    rows = frame.assign(
        id=frame["run"],
        name=frame["label"],
        inside=["yes" if run in within else "no" for run in frame["run"]],
    )
    inside = [run in within for run in rows["run"]]
    rows = pd.concat([rows[inside], rows[[not is_inside for is_inside in inside]]])
    columns: dict[str, Any] = {"name": name_column("Run", width=210)}
    if len(within) < len(context.ids):
        columns["inside"] = text_column("In range", width=80)

    for axis in axes:
        if axis.categories:
            columns[axis.column] = text_column(axis.title, width=140)
        else:
            whole = bool((rows[axis.column] % 1 == 0).all())
            columns[axis.column] = number_column(axis.title, 0 if whole else 4, width=128)

    table(
        rows,
        columns,
        key="compare_lines",
        alt="Compared runs; a tick highlights their lines",
        opens=("run", "id"),
        select="many",
    )


def _importance(context: ComparisonContext) -> None:
    compared = context.compared
    keys = list(dict.fromkeys(context.compared.metrics["metric"]))
    experiment = compared.runs[0].experiment
    if not keys:
        return

    section("Parameter importance", f"over the finished runs of {literal(experiment)}")
    metric = choose_one(
        "compare_influence",
        keys,
        "Metric",
        default=compared.deciding or keys[0],
        format_func=lambda key: compared.kinds.of(key).title,
        width=260,
    )

    frame, message, fit = _param_importance(
        str(workspace().folder), experiment, metric, _cache_stamp(experiment, metric)
    )

    with st.container(border=True):
        st.markdown(f"**{literal(compared.kinds.of(metric).title)}** :gray[{literal(message)}]")
        if frame.empty:
            return
        _importance_charts(context, frame, fit)


def _importance_charts(context: ComparisonContext, frame: pd.DataFrame, fit: float) -> None:
    left, right = st.columns(2, gap="medium")
    named = frame.assign(param=list(frame["param"]))

    with left:
        section("Parameters", "blue: the metric increases with it, orange: decreases, grey: text")
        figure(
            charts.param_importance(named, dark=dark()),
            key="compare_influence_chart",
            height=max(220, 60 + 26 * min(len(named), 14)),
            alt=f"Influence of parameters; {named['param'].iloc[0]} matters most, fit {fit:.2f}",
            image_format=image_format(),
        )

    with right:
        _columns(context)


def _columns(context: ComparisonContext) -> None:
    """The permutation importance of the features, as each run stored it."""
    importance = context.compared.curves.get("importance")
    if importance is None or importance.empty:
        st.markdown(":gray[No run stored feature importances.]")
        return

    section("Feature importance", "permutation importance on the held-out rows")
    figure(
        charts.grouped(
            importance, dark=dark(), label="column", value="importance", group="label",
            order=context.drawn_labels,
        ),
        key="compare_importance",
        height=360,
        alt="Importance of columns by run",
        image_format=image_format(),
    )  # fmt: skip


def _cache_stamp(experiment: str, metric: str) -> tuple[int, str]:
    """What changes when a run with this metric joins: how many there are, and the newest."""
    runs = workspace().experiments
    which = RunFilter(experiment=experiment, statuses=("finished",), metric=metric)
    newest = runs.runs(which, size=1, columns=["id"])
    return runs.count(which), str(newest["id"].iloc[0]) if len(newest) else ""


@st.cache_data(show_spinner="Computing parameter importance", max_entries=64)
def _param_importance(
    folder: str, experiment: str, metric: str, stamp: Any
) -> tuple[pd.DataFrame, str, float]:
    """Plain values, for a class is made anew when its module is."""
    which = RunFilter(experiment=experiment, statuses=("finished",), metric=metric)
    importance = workspace().comparison.param_importance(metric, which)
    return importance.frame, importance.message, importance.fit
