"""The stages of a model side by side, each with its versions."""

from __future__ import annotations

from typing import TYPE_CHECKING

import streamlit as st

from pilothouse.registry.tables import ARCHIVED, NONE
from pilothouse_app.components.links import address, link
from pilothouse_app.components.records import records
from pilothouse_app.components.status import status_title
from pilothouse_app.components.workspace import workspace

if TYPE_CHECKING:
    import pandas as pd

MAX_VERSIONS = 4


def stage_overview(model: str, versions: pd.DataFrame) -> None:
    """Draw the stages with the newest versions of each; the rest is counted."""
    stages = (NONE, *(stage.name for stage in workspace().policies.stages()), ARCHIVED)
    with st.grid(len(stages), gap="small", min_column_width=150):
        for stage in stages:
            current = records(versions[versions["stage"] == stage])
            with st.container(border=True, height="stretch", gap="xsmall", key=f"rung_{stage}"):
                st.markdown(f"{status_title(stage)} &nbsp;:gray[{len(current) or ''}]")
                if not current:
                    st.markdown(":small[:gray[No version]]")
                for version in current[:MAX_VERSIONS]:
                    _version_link(model, version)
                if len(current) > MAX_VERSIONS:
                    st.markdown(f":small[:gray[and {len(current) - MAX_VERSIONS} more]]")


def _version_link(model: str, version: dict[str, object]) -> None:
    names = str(version["aliases"])
    number = str(version["version"])
    with st.container(horizontal=True, vertical_alignment="center", gap="xsmall"):
        link(
            address("version", f"{model}@{number}"),
            f"Version {number}",
            icon=":material/deployed_code:",
        )
        for alias in filter(None, names.split(", ")):
            st.badge(alias, color="violet" if alias == "champion" else "gray")
