"""Data: every dataset with its newest version, and the way to register more."""

from __future__ import annotations

from pilothouse_app.components.empty_state import empty, nothing_found
from pilothouse_app.components.filters import filter_bar, search
from pilothouse_app.components.formats import plural
from pilothouse_app.components.header import header, section
from pilothouse_app.components.layout import fill_window
from pilothouse_app.components.markdown import literal
from pilothouse_app.components.screen import Screen
from pilothouse_app.components.table import (
    bytes_column,
    name_column,
    number_column,
    table,
    text_column,
    when_column,
)
from pilothouse_app.components.workspace import workspace
from pilothouse_app.features.data.profile import PROFILE_COLUMNS, matching_rows, profile_rows
from pilothouse_app.features.data.register_dataset import register_data_button
from pilothouse_app.features.data.register_source import register_source_button
from pilothouse_app.features.personal_data.erasures import erase_button
from pilothouse_app.features.personal_data.masked import masked_data
from pilothouse_app.features.pipelines.start import demo_button

SCREEN = Screen(
    title="Data",
    path="data",
    icon=":material/table_view:",
    summary="Dataset versions: content, profile, contract, and where each came from.",
    section="Explore",
    order=10,
)

MAX_LISTED = 10


def render() -> None:
    """Draw the page."""
    ws = workspace()
    datasets = ws.data.datasets()
    with header("Data", note=plural(len(datasets), "dataset")):
        erase_button()
        register_source_button()
        register_data_button()

    if datasets.empty:
        empty(
            "No datasets yet",
            "Register a file, or rows of a database, a Delta table or a folder of Parquet files; "
            "or run the demo, which brings the flights of 2013.",
            icon=":material/table_view:",
        )
        if ws.pipelines.demo_job() is None:
            demo_button()
        return

    with filter_bar():
        text = search("data_q", "Name, source or licence")
    matching = matching_rows(datasets, text, ("name", "source", "licence"))
    if matching.empty:
        nothing_found("datasets")
        return

    chosen = table(
        matching,
        {
            "name": name_column("Dataset", width=150),
            "latest": number_column("Version", 0, width=68),
            "rows": number_column("Rows", 0, width=90),
            "columns": number_column("Columns", 0, width=76),
            "bytes": bytes_column(),
            "source": text_column("Source", width=250),
            "licence": text_column("Licence", width=90),
            "created_at": when_column("Registered", width=116),
            "created_by": text_column("By", width=80),
        },
        key="datasets",
        ids="ref",
        alt="Datasets",
        opens=("dataset", "ref"),
        select="one",
        height=min(len(matching), MAX_LISTED) * 30 + 33,
    )

    ref = (
        chosen[0] if chosen and chosen[0] in set(matching["ref"]) else str(matching["ref"].iloc[0])
    )
    _columns(ref, listed=min(len(matching), MAX_LISTED))


def _columns(ref: str, listed: int) -> None:
    """What is in the dataset that is ticked, or in the first, below the list."""
    section(literal(f"Columns of {ref}"))
    rows = profile_rows(masked_data().profile(ref))
    with fill_window("columns", reserve=15.5 + listed * 2.15, most=33 + 30 * len(rows)):
        table(
            rows,
            PROFILE_COLUMNS,
            key=f"data_profile_{ref}",
            ids="column",
            alt="Columns and their statistics",
            height="stretch",
        )
