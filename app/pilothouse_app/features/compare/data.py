"""Data: the datasets each run used, and the diff of two dataset versions."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd
import streamlit as st

from pilothouse.kit.errors import PilothouseError
from pilothouse_app.components.errors import error_box
from pilothouse_app.components.filters import choose_one
from pilothouse_app.components.formats import DASH, count
from pilothouse_app.components.header import section
from pilothouse_app.components.links import address, link
from pilothouse_app.components.markdown import literal
from pilothouse_app.components.table import (
    bar_column,
    number_column,
    percent_column,
    table,
    text_column,
)
from pilothouse_app.components.workspace import workspace
from pilothouse_app.features.compare.cells import run_name
from pilothouse_app.features.compare.context import ComparisonContext
from pilothouse_app.features.personal_data.masked import masked_data

if TYPE_CHECKING:
    from pilothouse.experiments.details import InputInfo

STATES = {
    "same": ":green[:material/check_circle:] the same",
    "differs": ":orange[:material/warning:] differs",
    "unknown": ":gray[:material/help:] unknown",
}
CHANGES = {"new": "new column", "gone": "column removed", "type": "type changed"}


def data_view(context: ComparisonContext) -> None:
    """The datasets side by side, whether they can be compared, and a diff of two versions."""
    _comparability(context)
    _diff(context)


def _comparability(context: ComparisonContext) -> None:
    """What the runs agree on, then every caution, run by run."""
    section("Comparability", f"each run against {literal(context.baseline_label)}")
    _agreements(context)
    notes = context.compared.notes
    if not notes:
        return
    with st.container(border=True, key="compare_notes"):
        for note in notes:
            icon = ":orange[:material/warning:]" if note.invalidates else ":gray[:material/info:]"
            st.markdown(f"{icon} {literal(note.message)}")


def _agreements(context: ComparisonContext) -> None:
    """By subject: the same, different or unknown, with what each run recorded."""
    cells = [
        {
            "Subject": agreement.title,
            "In all runs": STATES[agreement.state],
            **{
                run_name(context, run): literal(agreement.values[run]) or ":gray[not recorded]"
                for run in context.ids
            },
        }
        for agreement in context.compared.agreements
    ]

    rows = {run.id: _rows(run.inputs) for run in context.compared.runs}
    if any(rows.values()):
        counts = {run_name(context, run): rows[run] or DASH for run in context.ids}
        cells.insert(1, {"Subject": "Rows", "In all runs": "", **counts})
    st.table(
        pd.DataFrame(cells),
        border="horizontal",
        hide_index=True,
        alt="What the runs agree on, and what each recorded",
    )


def _rows(inputs: tuple[InputInfo, ...]) -> str:
    """How many rows the registered versions have that a run read."""
    counts = []
    for one in inputs:
        try:
            counts.append(count(workspace().data.version(one.dataset).rows))
        except PilothouseError:
            counts.append(DASH)
    return ", ".join(counts)


def _diff(context: ComparisonContext) -> None:
    refs = list(dict.fromkeys(one.dataset for run in context.compared.runs for one in run.inputs))
    section("What changed in the data")
    if len(refs) < 2:
        text = _one_version(context, refs[0]) if refs else "No run read a registered dataset."
        st.markdown(f":gray[{literal(text)}]")
        if refs:
            link(
                address("dataset", refs[0]),
                literal(f"Open {refs[0]}"),
                icon=":material/table_view:",
            )
        return

    after = choose_one(
        "compare_data",
        refs[1:],
        "Dataset version",
        default=refs[1],
        format_func=lambda ref: f"From {refs[0]} to {ref}",
        width=380,
    )

    try:
        diff = masked_data().diff(refs[0], after)
    except PilothouseError as unknown:
        error_box(unknown)
        return

    st.markdown(literal(diff.message))
    if len(diff.schema):
        schema = diff.schema.assign(change=[CHANGES[kind] for kind in diff.schema["change"]])
        table = schema.rename(columns=str.capitalize).map(lambda text: literal(text) or DASH)
        st.table(table, border="horizontal", hide_index=True, alt="Changes of the schema")

    if len(diff.columns):
        _shifts(diff.columns)


def _one_version(context: ComparisonContext, ref: str) -> str:
    """Which runs read the only registered version."""
    silent = [context.labels[run.id] for run in context.compared.runs if not run.inputs]
    if not silent:
        return f"All runs read {ref}."
    return f"The other runs read {ref}; no registered dataset is recorded for {', '.join(silent)}."


def _shifts(columns: pd.DataFrame) -> None:
    section("Shift of each column", "0: same distribution, 1: no overlap")
    table(
        columns.assign(id=columns["column"]),
        {
            "column": text_column("Column", width=150),
            "shift": bar_column("Shift", 0.0, 1.0, digits=2, width=130),
            "message": text_column("Summary", width=90),
            "missing_before": percent_column("Missing before", width=110),
            "missing_after": percent_column("after", width=80),
            "mean_before": number_column("Mean before", 2, width=100),
            "mean_after": number_column("after", 2, width=84),
            "median_before": number_column("Median before", 2, width=110),
            "median_after": number_column("after", 2, width=84),
            "new_values": text_column("New values"),
        },
        key="compare_shifts",
        alt="Shift of each column between the two versions",
    )
