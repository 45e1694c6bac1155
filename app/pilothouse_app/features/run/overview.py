"""The overview of a run: note, metrics, parameters, tags and attributes."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import pandas as pd
import streamlit as st

from pilothouse.experiments.metrics.name_rules import SYSTEM
from pilothouse_app.components.diff import pairs_table
from pilothouse_app.components.empty_state import empty
from pilothouse_app.components.filters import search
from pilothouse_app.components.formats import duration, number, parameter, plural, when
from pilothouse_app.components.header import section
from pilothouse_app.components.kpis import Kpi, kpi_row
from pilothouse_app.components.table import name_column, number_column, table, text_column
from pilothouse_app.components.table_height import limited_height, table_height
from pilothouse_app.features.experiments.formatting import order_metrics
from pilothouse_app.features.files.viewers import markdown_text
from pilothouse_app.features.run.actions import note_button, tags_button, visible_tags
from pilothouse_app.features.run.signature import run_metric_kinds
from pilothouse_app.features.run.training import training_summary

if TYPE_CHECKING:
    from pilothouse.experiments.details import RunInfo
    from pilothouse.experiments.metrics.definitions import MetricKinds
    from pilothouse.experiments.metrics.kinds import MetricKind
    from pilothouse.experiments.metrics.summary import MetricSummary

MAX_KPIS = 6
DIRECTIONS = {"higher": "higher is better", "lower": "lower is better", "unknown": ""}
SIDE = 15  # rows of a table beside the metrics, before it scrolls


def draw(run: RunInfo) -> None:
    """Draw the view."""
    kinds = run_metric_kinds(run)
    if run.metrics:
        metric_tiles(run, kinds)
    training_summary(run)
    _note(run)
    left, right = st.columns([62, 38], gap="medium")
    with left:
        _metrics(run, kinds)
    with right:
        _params(run)
        _tags(run)
        _attributes(run)


def metric_tiles(run: RunInfo, kinds: MetricKinds) -> None:
    """The most important metrics as a row of tiles."""
    keys = [k for k, s in run.metrics.items() if not k.endswith("_std") and not math.isnan(s.last)]
    keys = [key for key in keys if not SYSTEM.match(key)] or keys  # load of the machine comes last
    singles = [key for key in keys if run.metrics[key].count == 1]
    kpi_row(
        [_kpi(run, kinds.of(key)) for key in order_metrics(singles or keys)[:MAX_KPIS]],
        columns=MAX_KPIS,
    )


def _kpi(run: RunInfo, kind: MetricKind) -> Kpi:
    key = kind.key
    spread, mean = run.metrics.get(f"cv_{key}_std"), run.metrics.get(f"cv_{key}_mean")
    summary = run.metrics[key]
    if mean and spread:
        context = f"CV {number(mean.last)} ± {number(spread.last)}"
    elif summary.count > 1:
        context = (
            f"best {kind.format_value(summary.best)}" if kind.direction != "unknown" else "last"
        )
    else:
        context = DIRECTIONS[kind.direction]
    return Kpi(kind.title, kind.format_value(summary.last), context)


def _note(run: RunInfo) -> None:
    if not run.note:
        return
    with st.container(border=True, key="run_note_box"):
        with st.container(
            horizontal=True, horizontal_alignment="distribute", vertical_alignment="center"
        ):
            section("Note")
            note_button(run)
        markdown_text(run.note)


def _metrics(run: RunInfo, kinds: MetricKinds) -> None:
    with st.container(
        horizontal=True, horizontal_alignment="distribute", vertical_alignment="center"
    ):
        section("Metrics", plural(len(run.metrics), "metric"))
        query = search("run_metric_q", "Metric", width=200).lower() if len(run.metrics) > 8 else ""

    keys = order_metrics(run.metrics)
    matching = [k for k in keys if query in k.lower() or query in kinds.of(k).title.lower()]
    if not matching:
        quiet = (
            "No metrics were logged." if not run.metrics else "Clear the search to see the others."
        )
        empty("No metrics", quiet, icon=":material/monitoring:", key="run_no_metrics")
        return

    singles = [key for key in matching if run.metrics[key].count == 1]
    histories = [key for key in matching if run.metrics[key].count > 1]
    _values(run, singles, kinds, beside=bool(histories))
    _histories(run, histories, kinds, beside=bool(singles))


def _values(run: RunInfo, keys: list[str], kinds: MetricKinds, *, beside: bool) -> None:
    """The metrics that were logged once: a name and a value each."""
    if not keys:
        return
    frame = pd.DataFrame([_row(kinds.of(key), run.metrics[key]) for key in keys])
    looks = {"name": name_column("Metric", width=260), "last": _number_column("Value", width=110)}
    if beside:
        most = limited_height(len(frame), SIDE)
        table(frame, looks, key="run_metrics_table", ids="id", alt="Metrics", height=most)
        return
    with table_height("run_metrics", len(frame), reserve=16) as height:
        table(frame, looks, key="run_metrics_table", ids="id", alt="Metrics", height=height)


def _histories(run: RunInfo, keys: list[str], kinds: MetricKinds, *, beside: bool) -> None:
    """The metrics that were logged over steps, with what their histories add up to."""
    if not keys:
        return
    if beside:
        section("Over steps", plural(len(keys), "metric"))
    frame = pd.DataFrame([_row(kinds.of(key), run.metrics[key]) for key in keys])
    looks = {
        "name": name_column("Metric", width=190),
        "last": _number_column("Last"),
        "best": _number_column("Best"),
        "best_step": number_column("at step", 0, width=66),
        "first": _number_column("First"),
        "min": _number_column("Min"),
        "max": _number_column("Max"),
        "count": number_column("Points", 0, width=62),
    }

    with table_height("run_histories", len(frame), reserve=16) as height:
        table(
            frame,
            looks,
            key="run_histories_table",
            ids="id",
            alt="Metrics over steps",
            height=height,
        )


def _row(kind: MetricKind, summary: MetricSummary) -> dict[str, object]:
    name = f"{kind.title}, {kind.unit}" if kind.unit else kind.title
    row: dict[str, object] = {"id": kind.key, "name": name, "last": summary.last}
    if summary.count > 1:  # else the rest would say the same again
        names = ("best", "best_step", "first", "min", "max")
        row |= {name: getattr(summary, name) for name in names}
    return row | {"count": summary.count}


def _number_column(title: str, *, width: int = 76) -> object:
    return st.column_config.NumberColumn(title, format="%.5g", width=width)


def _params(run: RunInfo) -> None:
    with st.container(
        horizontal=True, horizontal_alignment="distribute", vertical_alignment="center"
    ):
        section("Parameters", plural(len(run.params), "parameter"))
        query = search("run_param_q", "Parameter", width=132).lower() if len(run.params) > 8 else ""
    matching = {k: v for k, v in run.params.items() if query in f"{k}\n{v}".lower()}
    if not matching:
        st.markdown(":gray[No parameter matches.]" if run.params else ":gray[None were logged.]")
        return
    _value_table(matching, "Parameter", "run_params", "Parameters")


def _value_table(values: dict[str, str], title: str, key: str, alt: str) -> None:
    frame = pd.DataFrame({"name": list(values), "value": [parameter(v) for v in values.values()]})
    looks = {"name": name_column(title, width=150), "value": text_column("Value")}
    height = limited_height(len(frame), SIDE)
    table(frame, looks, key=key, ids="name", alt=alt, height=height)


def _tags(run: RunInfo) -> None:
    tags = visible_tags(run)
    with st.container(
        horizontal=True, horizontal_alignment="distribute", vertical_alignment="center"
    ):
        section("Tags", plural(len(tags), "tag") if tags else "")
        tags_button(run)
    if tags:
        _value_table(tags, "Tag", "run_tags", "Tags")
    else:
        st.markdown(":gray[None yet.]")


def _attributes(run: RunInfo) -> None:
    section("Attributes")
    attributes = {
        "id": run.id,
        "experiment": run.experiment,
        "started by": run.user,
        "source": run.source,
        "seed": None if run.seed is None else str(run.seed),
        "created": when(run.created_at),
        "ended": when(run.ended_at),
        "duration": duration(run.duration_s),
        "archived": when(run.archived_at) if run.archived_at else None,
    }
    pairs_table({name: value for name, value in attributes.items() if value}, alt="Attributes")
