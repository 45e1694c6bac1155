"""Data: every dataset with its newest version, and the way to register more."""

from __future__ import annotations

from pilothouse_app.parts.datasets import matching
from pilothouse_app.parts.empty import empty, nothing_found
from pilothouse_app.parts.fill import fill
from pilothouse_app.parts.filters import filter_bar, search
from pilothouse_app.parts.formats import plural
from pilothouse_app.parts.header import header
from pilothouse_app.parts.registration import register_data_button
from pilothouse_app.parts.screen import Screen
from pilothouse_app.parts.starting import demo_button
from pilothouse_app.parts.table import (
    bytes_column,
    name_column,
    number_column,
    table,
    text_column,
    when_column,
)
from pilothouse_app.parts.workspace import workspace

SCREEN = Screen(
    title="Data",
    path="data",
    icon=":material/table_view:",
    summary="Dataset versions: content, profile, contract, and where each came from.",
    section="Explore",
    order=10,
)


def render() -> None:
    """Draw the page."""
    ws = workspace()
    known = ws.data.datasets()
    with header("Data", note=plural(len(known), "dataset")):
        register_data_button()
    if known.empty:
        empty(
            "No datasets yet",
            "Register a CSV or Parquet file, or run the demo, which brings the flights of 2013.",
            icon=":material/table_view:",
        )
        if ws.pipelines.demo_job() is None:
            demo_button()
        return
    with filter_bar():
        text = search("data_q", "Name, source or licence")
    found = matching(known, text, ("name", "source", "licence"))
    if found.empty:
        nothing_found("datasets")
        return
    with fill("datasets", reserve=11):
        table(
            found,
            {
                "name": name_column("Dataset", width=200),
                "latest": number_column("Version", 0, width=72),
                "rows": number_column("Rows", 0, width=96),
                "columns": number_column("Columns", 0, width=80),
                "bytes": bytes_column(),
                "source": text_column("Source", width=220),
                "licence": text_column("Licence", width=96),
                "updated_at": when_column("Registered"),
                "updated_by": text_column("By", width=90),
            },
            key="datasets",
            ids="ref",
            alt="Datasets",
            opens=("dataset", "ref"),
            height="stretch",
        )
