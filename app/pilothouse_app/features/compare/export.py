"""Exports of a comparison: files, text to paste, and code that opens it in a notebook."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import streamlit as st

from pilothouse.comparison import exports
from pilothouse_app.components.workspace import workspace
from pilothouse_app.features.compare.context import ComparisonContext
from pilothouse_app.features.compare.summary import differences_svg, ordered_rows

if TYPE_CHECKING:
    import pandas as pd

    from pilothouse.comparison.comparison import Comparison


def export_button(context: ComparisonContext) -> None:
    """The popover with every export format; files are made only when downloaded."""
    with st.popover(
        "Export", icon=":material/download:", key="compare_export", on_change="rerun"
    ) as opened:
        if opened.open:
            _downloads(context)


def _downloads(context: ComparisonContext) -> None:
    compared = context.compared
    st.markdown("**Download the comparison**")

    with st.container(horizontal=True):
        for name, ending, kind, made in (
            ("CSV", "csv", "text/csv", exports.to_csv),
            ("Parquet", "parquet", "application/vnd.apache.parquet", exports.to_parquet),
            ("LaTeX", "tex", "application/x-tex", exports.to_latex),
            ("Markdown", "md", "text/markdown", lambda *args: _markdown(context, *args)),
        ):
            st.download_button(
                name,
                partial(made, compared, context.rows),
                f"comparison.{ending}",
                kind,
                key=f"compare_{name.lower()}",
                on_click="ignore",
            )

    st.segmented_control(
        "Chart image format",
        ["PNG", "SVG"],
        default="PNG",
        required=True,
        key="compare_picture",
        persist_state="session",
        help="Each chart is saved by the camera or arrow in its toolbar",
    )

    metric = st.session_state.get("compare_metric") or compared.deciding
    drawn = metric and differences_svg(context, ordered_rows(context, metric), metric, dark=False)
    if drawn:
        st.download_button(
            "Differences chart (SVG)",
            drawn,
            "differences.svg",
            "image/svg+xml",
            key="compare_differences",
            on_click="ignore",
        )

    st.markdown("**In a notebook**")
    st.code(exports.snippet(str(workspace().folder), compared), language="python", height=260)


def _markdown(context: ComparisonContext, compared: Comparison, rows: pd.DataFrame) -> str:
    verdict = context.verdict()
    return exports.to_markdown(compared, rows, "" if verdict is None else verdict.sentence)
