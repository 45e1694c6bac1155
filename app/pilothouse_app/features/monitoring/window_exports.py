"""A window's rows for other monitoring systems: for whylogs, Arize and OpenInference."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import streamlit as st

from pilothouse_app.components.header import section
from pilothouse_app.components.markdown import literal
from pilothouse_app.components.workspace import workspace

if TYPE_CHECKING:
    from collections.abc import Callable

    from pilothouse.monitoring.api import WindowInfo


def window_export_button(window: WindowInfo) -> None:
    """The button that opens the dialog."""
    if st.button(
        "Export",
        icon=":material/ios_share:",
        key="window_export",
        disabled=window.rows_deleted,
        help="Its rows were deleted by retention"
        if window.rows_deleted
        else "Its rows for whylogs, Arize and OpenInference",
    ):
        _dialog(window)


@st.dialog("Export this window", icon=":material/ios_share:")
def _dialog(window: WindowInfo) -> None:
    exports = workspace().exports
    offers = exports.window_offers(window.id)
    name = f"{window.deployment}-{window.start:%Y-%m-%d}"
    _offer(
        "whylogs",
        "Profiles of the window and of its reference, with inputs, outputs and labels; they can be "
        "merged.",
        offers.whylogs,
        partial(exports.whylogs_profiles, window.id),
        f"{name}-whylogs.zip",
    )
    _offer(
        "Arize",
        "Predictions, and the labels that have come, as Parquet files with their schema. All "
        "versions that answered in this period are in it.",
        offers.arize,
        partial(exports.arize_files, window.deployment, window.start, window.end),
        f"{name}-arize.zip",
    )
    _offer(
        "OpenInference",
        "Predictions as spans for Phoenix and for OpenTelemetry's collectors, and the labels that "
        "have come as annotations.",
        "",
        partial(exports.openinference_spans, window.deployment, window.start, window.end),
        f"{name}-openinference.zip",
    )
    st.markdown(":gray[A download is an entry of the activity log.]")


def _offer(
    system: str, description: str, reason: str, make: Callable[[], bytes], filename: str
) -> None:
    section(system)
    st.markdown(description)
    if reason:
        st.markdown(f":gray[{literal(reason)}]")
        return
    st.download_button(
        "Download",
        make,
        filename,
        "application/zip",
        icon=":material/download:",
        on_click="ignore",
        key=f"window_export_{system}",
    )
