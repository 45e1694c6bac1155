"""One pipeline: its steps as a graph, its runs, and its file; it is run and forked here."""

from __future__ import annotations

from typing import TYPE_CHECKING

import streamlit as st

from pilothouse_app.components.empty_state import empty
from pilothouse_app.components.filters import switch
from pilothouse_app.components.formats import title
from pilothouse_app.components.header import facts, header
from pilothouse_app.components.links import ICONS, address, link, query_param, screen
from pilothouse_app.components.screen import Screen
from pilothouse_app.components.workspace import workspace
from pilothouse_app.features.pipelines.pipeline_forms import export_dialog
from pilothouse_app.features.pipelines.pipeline_list import edit_pipeline
from pilothouse_app.features.pipelines.pipeline_run import (
    RUN_PARAMETER,
    pipeline_commands,
    pipeline_facts,
    runs_and_steps,
)

if TYPE_CHECKING:
    from pilothouse.pipelines.definitions.definition_info import PipelineInfo

SCREEN = Screen(
    title="Pipeline",
    path="pipeline",
    icon=":material/account_tree:",
    summary="The steps of a pipeline and its runs",
    parent="pipelines",
)
VIEWS = ("steps", "file")


def render() -> None:
    """The pipeline the address names."""
    name = query_param("name")
    back = ("Pipelines", screen("pipelines", pipelines_view="Pipelines"))
    if not name:
        with header("Pipeline", back=back):
            pass
        empty("Which pipeline?", "The address names none.", to=("Open pipelines", back[1]))
        return
    pipeline = workspace().pipelines.pipeline(name)
    with header(f"Pipeline {name}", back=back):
        pipeline_commands(pipeline)
    facts(pipeline_facts(pipeline))
    with st.container(horizontal=True, vertical_alignment="center"):
        view = switch("pipeline_view", VIEWS, "Show", format_func=title)
        for schedule in pipeline.schedules:
            link(address("schedule", schedule), schedule, icon=ICONS["schedule"])
    if view == "file":
        _file(pipeline)
    else:
        runs_and_steps(pipeline, query_param(RUN_PARAMETER))


def _file(pipeline: PipelineInfo) -> None:
    text = workspace().pipelines.source(pipeline.name)
    is_python = pipeline.filename.endswith(".py")
    with st.container(horizontal=True):
        if not is_python and st.button("Change it", icon=":material/edit:", key="pipeline_edit"):
            edit_pipeline(text)
        if st.button("Export", icon=":material/ios_share:", key="pipeline_export"):
            export_dialog(pipeline)
    language = "python" if is_python else "yaml"
    st.code(text, language=language, line_numbers=True, wrap_lines=True)
