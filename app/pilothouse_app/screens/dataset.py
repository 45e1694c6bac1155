"""One dataset version: its columns and their shapes, its rows, its contract, who uses it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import streamlit as st

from pilothouse.data.schema import NAMES
from pilothouse.experiments.metrics.leading import headline_metrics, primary_columns
from pilothouse.experiments.run_table.filters import RunFilter
from pilothouse_app import charts
from pilothouse_app.components.charting import dark, figure
from pilothouse_app.components.empty_state import empty
from pilothouse_app.components.filters import filter_bar, switch
from pilothouse_app.components.formats import ago, count, plural, share, size, title
from pilothouse_app.components.header import facts, header, section
from pilothouse_app.components.layout import fill_window
from pilothouse_app.components.links import address, go_next, link, query_param, screen
from pilothouse_app.components.markdown import literal
from pilothouse_app.components.records import records
from pilothouse_app.components.screen import Screen
from pilothouse_app.components.table import (
    bytes_column,
    name_column,
    number_column,
    status_column,
    table,
    text_column,
    when_column,
)
from pilothouse_app.components.workspace import workspace
from pilothouse_app.features.data.contracts import contract_view
from pilothouse_app.features.data.datasheet import datasheet_view
from pilothouse_app.features.data.exploration import exploration_view
from pilothouse_app.features.data.profile import (
    PREVIEW_ROWS,
    PROFILE_COLUMNS,
    bins,
    default_column,
    preview,
    profile_rows,
    quantile_values,
)
from pilothouse_app.features.data.quality import quality_view
from pilothouse_app.features.data.reading_options import reading_report
from pilothouse_app.features.data.refresh import refresh_button
from pilothouse_app.features.data.register_dataset import register_data_button
from pilothouse_app.features.data.version_actions import state_notice, version_menu
from pilothouse_app.features.experiments.formatting import display_frame
from pilothouse_app.features.personal_data.masked import dataset_notice, masked_data
from pilothouse_app.features.personal_data.personal_columns import personal_view
from pilothouse_app.features.training.dialog import training_button

if TYPE_CHECKING:
    from pilothouse.data.info import ColumnProfile, DatasetVersionInfo

SCREEN = Screen(
    title="Dataset",
    path="dataset",
    icon=":material/table_view:",
    summary="One dataset version in full",
    parent="data",
)

VIEWS = (
    *("columns", "rows", "exploration", "reading", "contract", "quality", "personal_data"),
    *("versions", "runs", "datasheet"),
)
RESERVE = 17.5


def render() -> None:
    """The version the address names."""
    back = ("Data", screen("data"))
    if not query_param("ref"):
        with header("Dataset", back=back):
            pass
        empty("Which dataset?", "The address names none.", to=("Open data", back[1]))
        return

    version = workspace().data.version(query_param("ref"))
    with header(
        version.dataset, note=f"version {version.version}", status=_status(version), back=back
    ):
        _choose_version(version)
        refresh_button(version.dataset)
        register_data_button(version.dataset, primary=False)
        training_button(version.ref)
        version_menu(version)

    state_notice(version)
    _facts(version)
    with filter_bar():
        view = switch("dataset_view", VIEWS, "Show", format_func=title)
        link(
            screen("lineage", kind="dataset", ref=version.ref),
            "Lineage",
            icon=":material/account_tree:",
        )
    BODIES[view](version)


def _status(version: DatasetVersionInfo) -> str:
    return "" if version.status == "active" else version.status


def _choose_version(version: DatasetVersionInfo) -> None:
    refs = list(workspace().data.versions(version.dataset)["ref"])
    key = f"dataset_version_{version.version}"
    if len(refs) > 1:
        st.selectbox(
            "Version",
            refs,
            index=refs.index(version.ref),
            format_func=lambda ref: f"Version {ref.partition('@')[2]}",
            key=key,
            on_change=lambda: go_next(address("dataset", st.session_state[key])),
            label_visibility="collapsed",
            width=130,
        )


def _facts(version: DatasetVersionInfo) -> None:
    facts(
        {
            "Rows": count(version.rows),
            "Columns": count(version.columns),
            "Size": size(version.bytes),
            "Event time": literal(version.event_time or ""),
            "Licence": literal(version.licence),
            "Registered": f"{ago(version.created_at)} by {literal(version.created_by)}",
        }
    )

    tags = " ".join(f":gray-badge[{name}: {value}]" for name, value in version.tags.items())
    made = f"from {version.parent}" if version.parent else ""
    details = (version.source, version.note, made, f"hash {version.content_hash[:12]}")
    st.markdown(f":small[:gray[{' · '.join(filter(None, details))}]] {tags}")


def _columns(version: DatasetVersionInfo) -> None:
    dataset_notice(version.ref, version.column_names)
    profile = masked_data().profile(version.ref)
    left, right = st.columns([66, 34], gap="small")
    rows = profile_rows(profile)

    with left, fill_window("profile", reserve=RESERVE, most=33 + 30 * len(rows)):
        chosen = table(
            rows,
            {name: PROFILE_COLUMNS[name] for name in PROFILE_COLUMNS if name != "typical"},
            key=f"profile_{version.ref}",
            ids="column",
            alt="Columns and their statistics",
            select="one",
            height="stretch",
        )

    with right, st.container(border=True):
        _column(version.ref, profile[chosen[0] if chosen else default_column(profile)])


def _column(ref: str, column: ColumnProfile) -> None:
    section(literal(column.name), NAMES[column.type])
    labels, counts = bins(column)
    masking = masked_data().masking(ref)
    if column.name in masking.kinds:
        empty("Masked", "This column holds personal data.", key="column_empty", border=False)
    elif not counts or (column.top and column.distinct == column.rows):
        why = "Every value is different." if counts else "Every value is missing."
        empty("Nothing to draw", why, key="column_empty", border=False)
    else:
        draw = charts.frequencies if column.top else charts.histogram
        chart = draw(labels, counts, dark=dark())
        figure(chart, key="dataset_column", height=270, alt=f"Values of {column.name}")

    values = {
        "Missing": f"{count(column.missing)} ({share(column.missing_share)})",
        "Distinct": count(column.distinct),
        **quantile_values(column),
    }

    st.table(values, border="horizontal")


def _rows(version: DatasetVersionInfo) -> None:
    dataset_notice(version.ref, version.column_names)
    rows = preview(workspace(), masked_data(), version.ref)
    visible = min(PREVIEW_ROWS, version.rows)
    with fill_window("preview", reserve=RESERVE):
        st.dataframe(
            rows,
            height="stretch",
            row_height=30,
            hide_index=True,
            key="dataset_rows",
            alt=f"The first {visible} rows",
        )


def _exploration(version: DatasetVersionInfo) -> None:
    exploration_view(version, RESERVE + 3)


def _reading(version: DatasetVersionInfo) -> None:
    """How the file was read when the version was registered."""
    report = workspace().data.reading(version.ref)
    if report is None:
        empty("Not recorded", "An earlier release of Pilothouse registered this version.")
        return
    reading_report(report)


def _contract(version: DatasetVersionInfo) -> None:
    contract_view(version, RESERVE + 2.5)


def _personal_data(version: DatasetVersionInfo) -> None:
    personal_view(version, RESERVE + 9)


def _quality(version: DatasetVersionInfo) -> None:
    quality_view(version, RESERVE + 2.5)


def _versions(version: DatasetVersionInfo) -> None:
    frame = workspace().data.versions(version.dataset)
    with fill_window("versions", reserve=RESERVE, most=33 + 30 * len(frame)):
        table(
            frame.assign(content_hash=[digest[:12] for digest in frame["content_hash"]]),
            {
                "ref": name_column("Version", width=150),
                "status": status_column(width=96),
                "rows": number_column("Rows", 0, width=100),
                "columns": number_column("Columns", 0, width=80),
                "bytes": bytes_column(),
                "content_hash": text_column("Hash", width=120),
                "parent": text_column("Derived from", width=130),
                "note": text_column("Note"),
                "created_at": when_column("Registered"),
                "created_by": text_column("By", width=90),
            },
            key="versions",
            ids="ref",
            alt="Versions of the dataset",
            opens=("dataset", "ref"),
            height="stretch",
        )


def _runs(version: DatasetVersionInfo) -> None:
    ws = workspace()
    used = RunFilter(dataset=version.ref)
    total = ws.experiments.count(used)
    if not total:
        empty(
            "No run has used it",
            "Press New training to train a model on this version.",
            icon=":material/science:",
        )
        return

    columns = ("name", "status", "trainer", *primary_columns(), "created_at")
    frame = ws.experiments.runs(used, columns=columns)
    frame = frame.assign(metric=headline_metrics(records(frame)))
    section("Runs that read this version", plural(total, "run"))

    with fill_window("dataset_runs", reserve=RESERVE + 2, most=33 + 30 * len(frame)):
        table(
            display_frame(frame),
            {
                "name": name_column("Run"),
                "status": status_column(),
                "trainer": text_column("Trainer"),
                "metric": text_column("Metric"),
                "created_at": when_column("Created"),
            },
            key="dataset_runs",
            alt="Runs on this version",
            opens=("run", "id"),
            height="stretch",
        )


BODIES = {
    "columns": _columns,
    "rows": _rows,
    "exploration": _exploration,
    "reading": _reading,
    "contract": _contract,
    "quality": _quality,
    "personal_data": _personal_data,
    "versions": _versions,
    "runs": _runs,
    "datasheet": datasheet_view,
}
