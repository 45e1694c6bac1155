"""Which columns moved, and how: the ranking, and both distributions of the chosen one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pandas as pd
import streamlit as st

from pilothouse.kit.errors import NotFound
from pilothouse.monitoring.check_titles import check_title
from pilothouse.monitoring.checks import PREDICTION_DRIFT
from pilothouse_app.charts.drift import distributions
from pilothouse_app.components.charting import dark, figure
from pilothouse_app.components.empty_state import empty
from pilothouse_app.components.formats import is_missing, number, plural, share
from pilothouse_app.components.header import section
from pilothouse_app.components.markdown import literal
from pilothouse_app.components.records import records
from pilothouse_app.components.table import number_column, status_column, table, text_column
from pilothouse_app.components.workspace import workspace
from pilothouse_app.features.monitoring.quality import column_quality
from pilothouse_app.features.personal_data.masked import shown_monitoring

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

RANKING = {
    "title": text_column("Column", width=124),
    "status": status_column("State", width=98),
    "changed": text_column(
        "Changed", width=72, help="Share of rows that would have to move to be like the reference"
    ),
    "importance": number_column(
        "Importance", 4, width=84, help="Loss of the primary metric when the column is shuffled"
    ),
    "harm": number_column(
        "Harm", 4, width=64, help="Changed share times importance: what the change can cost"
    ),
    "reason": text_column("Check", width=96),
    "score": number_column("Score", 3, width=62),
    "noise": number_column("Chance", 3, width=66, help="What chance alone gives at most"),
}


def ranking_and_distributions(
    window: str, *, key: str, notes: Mapping[str, str] | None = None
) -> None:
    """The ranking at the left; ticking a column shows it at the right.

    `notes` are by column, as Markdown, and stand above its distributions.
    """
    ranking = workspace().monitoring.drift_ranking(window)
    if ranking.empty:
        empty(
            "No column could be evaluated",
            "The window has too few rows, or none.",
            icon=":material/query_stats:",
            key=f"{key}_none",
        )
        return

    left, right = st.columns([52, 48], gap="medium")
    with left:
        section("Columns by harm", "changed share times importance; tick one")
        rows = ranking.assign(
            title=[str(name) for name in ranking["column"]],
            changed=[share(value) for value in ranking["changed_share"]],
            reason=[check_title(str(check)) for check in ranking["check"]],
        )
        ticked = table(
            rows, RANKING, key=f"{key}_ranking", alt="Columns by harm", ids="column",
            select="one", height=min(30 * len(rows) + 34, 454),
        )  # fmt: skip

    with right:
        column = selected_column(list(ranking["column"]), ticked)
        _distributions(window, column, ranking, (notes or {}).get(column, ""), key=key)


def selected_column(columns: Sequence[str], ticked: Sequence[str]) -> str:
    """The column ticked last, else the first of the ranking."""
    return next((name for name in reversed(ticked) if name in columns), columns[0])


def _distributions(window: str, column: str, ranking: pd.DataFrame, note: str, *, key: str) -> None:
    row = ranking[ranking["column"] == column].iloc[0]
    section(literal(column), drift_note(row))
    if note:
        st.markdown(note)
    column_quality(workspace().monitoring.results(window), column)
    try:
        frame = shown_monitoring().distributions(window, column)
    except NotFound:  # a column that could not be read
        st.markdown(f":gray[{literal(str(row['message']) or 'No distribution was stored.')}]")
        return
    if frame.empty:
        st.markdown(":gray[No distribution was stored for this column.]")
        return

    figure(
        distributions(frame, dark=dark()),
        key=f"{key}_distributions",
        height=400,
        alt=f"Shares of {column} in the reference and in this window",
    )

    st.markdown(f":small[:gray[{plural(len(frame), 'bin')} of the reference grid]]")


def drift_note(row: Mapping[str, Any] | pd.Series[Any]) -> str:
    """The score, the limit, and what chance alone gives: "PSI 0.31, limit 0.2, chance 0.02"."""
    name = check_title(str(row["check"]))
    note = f"{name} {number(row['score'])}, limit {number(row['threshold'], 2)}"
    return note if is_missing(row["noise"]) else f"{note}, chance {number(row['noise'])}"


def output_distributions(window: str, *, key: str) -> None:
    """The outputs that decide on prediction drift: the reference's and the window's shares."""
    results = workspace().monitoring.results(window)
    chosen = results[(results["signal"] == PREDICTION_DRIFT) & results["primary"]]
    rows = records(chosen[chosen["status"] != "error"])
    if not rows:
        return
    section("Outputs", "the most telling ones, which decide on prediction drift")
    for cell, row in zip(st.columns(len(rows), gap="medium"), rows, strict=True):
        name = str(row["column"])
        frame = shown_monitoring().distributions(window, name, signal=PREDICTION_DRIFT)
        with cell:
            section(literal(name), drift_note(row))
            figure(
                distributions(frame, dark=dark()),
                key=f"{key}_output_{name}",
                height=260,
                alt=f"Shares of the output {name} in the reference and in this window",
            )
