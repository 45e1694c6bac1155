"""What one takes away from a comparison: files, text to paste, the lines that open it again."""

from __future__ import annotations

import streamlit as st

from pilothouse.experiments import exports
from pilothouse_app.parts.compared.scene import Scene
from pilothouse_app.parts.workspace import workspace


def export_button(scene: Scene) -> None:
    """The popover with every form; nothing is made before it is asked for."""
    with st.popover(
        "Export", icon=":material/download:", key="compare_export", on_change="rerun"
    ) as opened:
        if opened.open:
            _forms(scene)


def _forms(scene: Scene) -> None:
    compared = scene.compared
    st.markdown("**The whole comparison**")
    with st.container(horizontal=True):
        st.download_button(
            "CSV",
            lambda: exports.to_csv(compared, scene.rows),
            "comparison.csv",
            "text/csv",
            key="compare_csv",
            on_click="ignore",
        )
        st.download_button(
            "Parquet",
            lambda: exports.to_parquet(compared, scene.rows),
            "comparison.parquet",
            "application/vnd.apache.parquet",
            key="compare_parquet",
            on_click="ignore",
        )
        st.download_button(
            "LaTeX",
            lambda: exports.to_latex(compared, scene.rows),
            "comparison.tex",
            "application/x-tex",
            key="compare_latex",
            on_click="ignore",
        )
        st.download_button(
            "Markdown",
            lambda: exports.to_markdown(compared, scene.rows, _sentence(scene)),
            "comparison.md",
            "text/markdown",
            key="compare_markdown",
            on_click="ignore",
        )
    st.segmented_control(
        "Pictures of charts",
        ["PNG", "SVG"],
        default="PNG",
        required=True,
        key="compare_picture",
        persist_state="session",
        help="Each chart's own bar saves it: the camera, or the arrow",
    )
    st.markdown("**In a notebook**")
    st.code(exports.snippet(str(workspace().folder), compared), language="python", height=260)


def _sentence(scene: Scene) -> str:
    told = workspace().experiments.standing(scene.compared, scene.evidence)
    return "" if told is None else told.sentence
