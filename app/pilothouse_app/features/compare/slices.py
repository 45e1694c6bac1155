"""Slices and disagreements: where runs are weak, which rows they classify differently."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pandas as pd
import streamlit as st

from pilothouse.kit import spreadsheets
from pilothouse_app.components.empty_state import empty
from pilothouse_app.components.filters import choose_one, choose_or_all, filter_bar, pager
from pilothouse_app.components.formats import DASH, count, is_missing, number, plural, share, title
from pilothouse_app.components.header import section
from pilothouse_app.components.markdown import literal
from pilothouse_app.components.table import number_column, table, text_column
from pilothouse_app.components.workspace import workspace
from pilothouse_app.features.compare.cells import delta_text, no_break, rounds_to_zero, run_name
from pilothouse_app.features.compare.context import ComparisonContext, note_missing_predictions
from pilothouse_app.features.compare.threshold import shared_threshold

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pilothouse.experiments.metrics.kinds import MetricKind

PAGE = 20
LARGE = 1_000  # a number is written without decimals from here on
MIN_ROWS_CHOICES = (20, 50, 100, 200, 500, 1000)


def slices_view(context: ComparisonContext) -> None:
    """The slice table, worst first, and under it the flips."""
    if not context.with_predictions:
        empty(
            "No predictions",
            "Slices and disagreements need predictions on held-out rows; these runs stored none.",
            icon=":material/splitscreen:",
        )
        return

    metrics = workspace().comparison.slice_metrics(context.with_predictions[0])
    metric, column, least = "", "", 0
    if metrics:
        with filter_bar():
            metric, column, least = _controls(context, list(metrics))
    threshold = shared_threshold(context) if context.with_threshold else None
    note_missing_predictions(context)
    if metrics:
        at = threshold if metrics[metric] else None  # others do not ask for one
        _slices(context, metric, column, at, least)
    _disagreements(context, threshold)


def _controls(context: ComparisonContext, metrics: list[str]) -> tuple[str, str, int]:
    kinds = context.compared.kinds
    deciding = context.compared.deciding
    metric = choose_one(
        "compare_slice_metric",
        metrics,
        "Metric",
        default=deciding if deciding in metrics else metrics[0],
        format_func=lambda key: kinds.of(key).title,
        resets="compare_slice_page",
        width=220,
    )

    columns = workspace().comparison.slice_columns(context.with_predictions[0])
    column = choose_or_all(
        "compare_slice",
        columns,
        "All columns, worst first",
        format_func=title,
        resets="compare_slice_page",
        width=260,
    )

    least = choose_one(
        "compare_least",
        [str(rows) for rows in MIN_ROWS_CHOICES],
        "Minimum rows",
        default="50",
        format_func=lambda rows: f"At least {rows} rows",
        resets="compare_slice_page",
        width=190,
    )

    return metric, column, int(least)


def _slices(
    context: ComparisonContext, metric: str, column: str, threshold: float | None, least: int
) -> None:
    kind = context.compared.kinds.of(metric)
    frame, small, actual = _sliced(
        str(workspace().folder),
        context.key,
        tuple(context.with_predictions),
        metric,
        column,
        threshold,
        least,
    )

    parts = frame[["column", "segment"]].drop_duplicates()
    section(
        f"{kind.title} by slice",
        f"{plural(len(parts), 'slice')}, largest shortfall against the whole run first",
    )
    if small:
        noun = plural(small, "slice")
        st.markdown(f":small[:gray[{noun} with fewer than {least} rows not shown.]]")
    if frame.empty:
        return

    page = int(st.session_state.get("compare_slice_page", 1))
    page = min(page, max(1, -(-len(parts) // PAGE)))
    visible = parts.iloc[(page - 1) * PAGE : page * PAGE]

    st.table(
        _slice_cells(context, frame, visible, kind, actual),
        border="horizontal",
        hide_index=True,
        alt="Metric by slice and run, worst slice first",
    )

    pager(len(parts), key="compare_slice_page", size=PAGE)


@st.cache_data(show_spinner="Computing slices", max_entries=64)
def _sliced(
    folder: str,
    key: Any,
    runs: tuple[str, ...],
    metric: str,
    column: str,
    at: float | None,
    least: int,
) -> tuple[pd.DataFrame, int, tuple[str, bool]]:
    """Plain values, for a class is made anew when its module is.

    The last part is the title of what the labels are like, and whether it is a share.
    """
    report = workspace().comparison.slices(
        runs, metric, columns=[column] if column else None, threshold=at, min_rows=least
    )
    return report.frame, report.too_small, (report.actual_title, report.actual_is_share)


def _slice_cells(
    context: ComparisonContext,
    frame: pd.DataFrame,
    visible: pd.DataFrame,
    kind: MetricKind,
    actual: tuple[str, bool],
) -> pd.DataFrame:
    by_part = {
        part: {row["run"]: row for row in rows.to_dict("records")}
        for part, rows in frame.groupby(["column", "segment"], sort=False)
    }
    cells = []
    runs = [run for run in context.with_predictions if run in set(frame["run"])]

    for column, segment in visible.itertuples(index=False):
        by_run = by_part[column, segment]
        first = next(iter(by_run.values()))
        cells.append(
            {
                "Slice": f"**{literal(column)}** {literal(segment)}",
                "Rows": no_break(f"{count(first['rows'])} :small[:gray[{share(first['share'])}]]"),
                **_actual(first["actual"], *actual),
                **{run_name(context, run): _value(context, by_run.get(run), kind) for run in runs},
            }
        )

    return pd.DataFrame(cells)


def _actual(value: float, title: str, is_share: bool) -> dict[str, str]:
    """The cell of what the labels of a slice are like; none where one number does not tell."""
    if not title:
        return {}
    return {
        literal(title): no_break(
            share(value) if is_share else number(value, 0 if abs(value) >= LARGE else 3)
        )
    }


def _value(context: ComparisonContext, row: dict[Any, Any] | None, kind: MetricKind) -> str:
    """The metric of a slice, red at its worst shortfall, and the difference to the baseline."""
    if row is None or row["value"] != row["value"]:
        return DASH
    text = kind.format_value(row["value"])
    if row["shortfall"] == row["worst"] and row["shortfall"] > 0:
        text = f":red[**{text}**]"
    is_baseline = row["run"] == context.compared.baseline
    if is_baseline or row["delta"] != row["delta"] or rounds_to_zero(row["delta"], kind):
        return text

    better = (row["delta"] > 0) == (kind.direction == "higher")
    sign = "▲" if row["delta"] > 0 else "▼"
    colour = "green" if better else "red"
    if kind.direction == "unknown":
        colour = "gray"
    if row["run"] in context.compared.incomparable:
        colour = "gray"

    return f"{text} :small[:{colour}[{sign} {delta_text(row, kind)}]]"


def _disagreements(context: ComparisonContext, threshold: float | None) -> None:
    baseline = literal(context.baseline_label)
    how = "predicted otherwise than by" if context.decides else "on which a run is closer than"
    at = "" if threshold is None else f" at {threshold:.3f}"
    section("Disagreements", f"rows {how} {baseline}{at}")
    if not context.has_predictions(context.compared.baseline):
        st.markdown(":gray[The baseline stored no predictions.]")
        return

    ws = workspace().comparison
    disagreements = ws.disagreements(context.peers, threshold)
    for reason in context.evidence.left_out.values():
        st.markdown(f":orange[:material/warning:] {literal(reason)}")
    if disagreements.empty:
        return

    st.table(
        _disagreement_cells(context, disagreements),
        border="horizontal",
        hide_index=True,
        alt="Disagreements by run",
    )

    names = [context.labels[run] for run in disagreements["run"]]
    label = choose_one(
        "compare_flip_run", names, "Run", default=names[0], resets="compare_flip_page", width=340
    )
    run = str(disagreements["run"].iloc[names.index(label)])
    if not int(disagreements["flipped"].iloc[names.index(label)]):
        st.markdown(":gray[No row is predicted differently.]")
        return

    _rows(context, run, label, threshold)


def _disagreement_cells(context: ComparisonContext, disagreements: pd.DataFrame) -> pd.DataFrame:
    rows = []
    for row in disagreements.to_dict("records"):
        net = row["right"] - row["wrong"]
        colour = "green" if net > 0 else "red" if net < 0 else "gray"
        better = "correct" if context.decides else "closer"
        cells = {
            "Run": literal(context.labels[row["run"]]),
            "Disagreements": f"{count(row['flipped'])} of {count(row['rows'])}",
            "Share": share(row["share"]),
            f"Run {better}": count(row["right"]),
            f"Baseline {better}": count(row["wrong"]),
            "Net": f":{colour}-badge[{net:+,}]",
        }
        if not is_missing(row["to_positive"]):
            cells["To positive"] = count(row["to_positive"])
        rows.append(cells)
    return pd.DataFrame(rows)


def _rows(context: ComparisonContext, run: str, label: str, threshold: float | None) -> None:
    frame = workspace().comparison.disagreeing_rows(run, context.compared.baseline, threshold)
    page = int(st.session_state.get("compare_flip_page", 1))
    page = min(page, max(1, -(-len(frame) // PAGE)))
    rows = frame.iloc[(page - 1) * PAGE : page * PAGE]
    right = {"run": label, "baseline": context.baseline_label, "": DASH}
    rows = rows.assign(
        id=[str(row) for row in rows["row"]], right=[right[side] for side in rows["right"]]
    )

    table(
        rows,
        {
            "row": number_column("Row", 0, width=76),
            "target": _answer("Actual", rows["target"]),
            "baseline": _answer("Baseline", rows["baseline"]),
            "run": _answer("Run", rows["run"]),
            "right": text_column("Correct" if context.decides else "Closer", width=170),
            **{str(name): _feature(str(name), rows[name]) for name in _features(rows)},
        },
        key="compare_flipped",
        alt="Rows predicted differently with their features, largest difference first",
    )

    with st.container(horizontal=True, horizontal_alignment="distribute"):
        pager(len(frame), key="compare_flip_page", size=PAGE)
        st.download_button(
            "Download as CSV",
            lambda: spreadsheets.to_csv(frame),
            f"disagreements-{run[:8]}.csv",
            "text/csv",
            key="compare_flip_csv",
            icon=":material/download:",
            on_click="ignore",
        )


def _answer(title: str, values: pd.Series[Any]) -> Any:
    """The column of a label or a prediction: a number, or the name of a class."""
    if pd.api.types.is_numeric_dtype(values):
        is_whole = pd.api.types.is_integer_dtype(values)
        return number_column(title, 0 if is_whole or values.abs().max() >= LARGE else 3, width=84)
    return text_column(title, width=120)


def _features(frame: pd.DataFrame) -> Sequence[Any]:
    own = {"row", "target", "baseline", "run", "right", "id"}
    return [name for name in frame.columns if name not in own]


def _feature(name: str, column: pd.Series[Any]) -> Any:
    return text_column(name) if column.dtype == object else _number(name, column)


def _number(name: str, column: pd.Series[Any]) -> Any:
    whole = bool((column.dropna() % 1 == 0).all()) if column.dtype.kind in "fiu" else False
    return st.column_config.NumberColumn(name, format="%d" if whole else "%.2f")
