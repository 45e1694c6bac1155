"""Training-serving skew: served values beside expected ones, first requests beside training."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pandas as pd
import streamlit as st

from pilothouse.monitoring.check_titles import check_title
from pilothouse_app.components.dialogs import dialog_buttons, run_or_show_error
from pilothouse_app.components.empty_state import empty
from pilothouse_app.components.filters import choose_one
from pilothouse_app.components.formats import DASH, ago, count, duration, number, plural, share
from pilothouse_app.components.header import section
from pilothouse_app.components.kpis import Kpi, kpi_row
from pilothouse_app.components.markdown import literal
from pilothouse_app.components.table import status_column, table, text_column
from pilothouse_app.components.toasts import toast_next
from pilothouse_app.components.workspace import workspace

if TYPE_CHECKING:
    from pilothouse.monitoring.skew.skew_report import (
        ColumnShift,
        ColumnSkew,
        FirstRequests,
        ServedValues,
    )

VALUES = {
    "column": text_column("Column", width=150),
    "status": status_column(width=104),
    "differ": text_column("Rows that differ", width=130),
    "median": text_column("Median difference", width=126),
    "largest": text_column("Largest", width=90),
    "advice": text_column("What to do"),
}
FIRST = {
    "column": text_column("Column", width=150),
    "status": status_column(width=104),
    "test": text_column("Test", width=90),
    "score": text_column("Score", width=80),
    "limit": text_column("Limit", width=72),
    "missing": text_column("Missing in training, served", width=190),
    "findings": text_column("What differs"),
}
PREDICTION_ID = "prediction_id"


def skew_view(deployment: str) -> None:
    """The newest measurement of a deployment by a job."""
    report = workspace().monitoring.skew(deployment)
    if report is None:
        empty(
            "The skew has not been measured",
            "Logged requests are compared with the feature store at their times, or with the "
            "training rows of the same key; the first requests with the training dataset.",
            icon=":material/compare_arrows:",
            key="no_skew",
        )
        return
    version = f"{report.model}@{report.version}" if report.model else f"version {report.version}"
    st.markdown(f":small[:gray[{literal(version)}, measured {ago(report.measured_at)}]]")
    served_values(report.values, key="skew")
    _first_requests(report.first)


def window_skew(window: str) -> None:
    """What the rows of a window were served with, where its monitor measures that."""
    values = workspace().monitoring.window_skew(window)
    if values is None:
        empty(
            "No skew was measured in this window",
            "The settings of the monitor say whether served values are compared with the feature "
            "store, or with training rows of the same key.",
            icon=":material/compare_arrows:",
            key="window_no_skew",
        )
        return
    served_values(values, key="window_skew")


def measure_button(deployment: str) -> None:
    """The button that opens the dialog."""
    if st.button("Measure skew", icon=":material/compare_arrows:", key="skew_measure"):
        measure(deployment)


@st.dialog("Measure training-serving skew", icon=":material/compare_arrows:")
def measure(deployment: str) -> None:
    """What is compared, and by which key; a job measures it."""
    rule = workspace().deployments.features(deployment)
    key = ""
    if rule is not None:
        st.markdown(
            f"The newest logged rows are compared with **{literal(rule.text)}** of the feature "
            f"store **{literal(rule.store)}** at their times, and the first requests with the "
            "training dataset."
        )
    else:
        st.markdown(
            "The first requests are compared with the training dataset; with a key, each logged "
            "row also with the training row of the same key."
        )
        key = key_field(deployment, "", "skew_key")
    if dialog_buttons("Measure", "skew") and run_or_show_error(
        lambda: workspace().monitoring.submit_skew(deployment, key=key)
    ):
        toast_next("The skew is measured")
        st.rerun()


def key_field(deployment: str, present: str, key: str) -> str:
    """The field of the input that names a row of the training dataset."""
    signature = workspace().deployments.deployment(deployment).signature
    names = [*signature.names, PREDICTION_ID]
    chosen = st.selectbox(
        "Key of training rows",
        names,
        index=names.index(present) if present in names else None,
        placeholder="none",
        help="A column of the training dataset that names one row, and that requests send",
        key=key,
    )
    return str(chosen or "")


def served_values(values: ServedValues, *, key: str) -> None:
    """Served values beside expected ones: figures, every column, examples of one."""
    section("Served values", values.against)
    if values.lack:
        st.markdown(f":gray[Not compared: {literal(values.lack)}.]")
        return
    kpi_row(_tiles(values))
    ordered = sorted(values.columns, key=lambda column: -column.share)
    rows = pd.DataFrame([_value_row(column) for column in ordered])
    table(rows, VALUES, key=f"{key}_values", alt="Served values", ids="column")
    differing = {column.column: column for column in ordered if column.differing}
    if differing:
        section("Examples", "the largest differences of a column")
        chosen = choose_one(
            f"{key}_column", list(differing), "Examples of", default=next(iter(differing))
        )
        _examples(differing[chosen], key)


def _tiles(values: ServedValues) -> list[Kpi]:
    differing = sum(bool(column.differing) for column in values.columns)
    tiles = [
        Kpi("Rows compared", count(values.rows), f"of {count(values.logged)} logged ones"),
        Kpi("Columns that differ", f"{differing} of {len(values.columns)}", "in any row"),
    ]
    ages = values.ages
    if ages is not None:
        ahead = f"{plural(ages.ahead, 'row')} had later ones than their event"
        high = f"99 % are younger than {duration(ages.high)}"
        tiles.append(Kpi("Age of the values", duration(ages.median), ahead if ages.ahead else high))
    return tiles


def _value_row(column: ColumnSkew) -> dict[str, Any]:
    return {
        "column": column.column,
        "status": column.status,
        "differ": f"{share(column.share)} ({count(column.differing)})" if column.differing else "0",
        "median": _brief(column.median_difference),
        "largest": _brief(column.largest_difference),
        "advice": " ".join(filter(None, (column.unit, column.advice))),
    }


def _examples(column: ColumnSkew, key: str) -> None:
    examples = [{name: _brief(value) for name, value in e.items()} for e in column.examples]
    rows = pd.DataFrame(examples)
    rows["at"] = rows["at"].str.slice(0, 19).str.replace("T", " ")
    keys = [name for name in rows.columns if name not in ("served", "expected", "at")]
    columns = {
        "served": text_column("Served", width=150),
        "expected": text_column("Expected", width=150),
        "at": text_column("At (UTC)", width=190),
        **{name: text_column(name) for name in reversed(keys)},
    }
    name = f"{key}_examples_{column.column}"
    table(rows, columns, key=name, alt=f"Examples of {column.column}")


def _first_requests(first: FirstRequests) -> None:
    about = f"against {first.dataset}" if first.dataset else ""
    section("First requests of the version", about)
    if first.lack:
        st.markdown(f":gray[Not compared: {literal(first.lack)}.]")
        return
    st.markdown(
        f":small[:gray[The first {count(first.rows)} rows against "
        f"{count(first.training_rows)} rows of training]]"
    )
    rows = pd.DataFrame([_first_row(column) for column in first.columns])
    table(rows, FIRST, key="skew_first", alt="First requests", ids="column")


def _first_row(column: ColumnShift) -> dict[str, Any]:
    return {
        "column": column.column,
        "status": column.status,
        "test": check_title(column.test) if column.test else "",
        "score": number(column.score, 3),
        "limit": number(column.limit, 3),
        "missing": f"{share(column.missing_training)}, {share(column.missing_served)}",
        "findings": "; ".join(filter(None, (column.unit, *column.findings))),
    }


def _brief(value: Any) -> str:
    """A number in five digits; another value as it is."""
    if isinstance(value, float):
        return f"{value:,.5g}" if abs(value) < 1e5 else f"{value:,.0f}"
    return DASH if value is None else str(value)
