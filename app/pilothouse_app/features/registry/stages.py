"""The ladder of stages: four rungs side by side, each with the versions that stand on it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import streamlit as st

from pilothouse_app.components.links import address, link
from pilothouse_app.components.records import records
from pilothouse_app.components.status import words

if TYPE_CHECKING:
    import pandas as pd

LADDER = ("none", "staging", "production", "archived")
MAX_VERSIONS = 4


def stage_ladder(model: str, versions: pd.DataFrame) -> None:
    """Draw where the versions of a model stand; the newest few of each rung, the rest counted."""
    with st.grid(len(LADDER), gap="small", min_column_width=150):
        for stage in LADDER:
            standing = records(versions[versions["stage"] == stage])
            with st.container(border=True, height="stretch", gap="xsmall", key=f"rung_{stage}"):
                st.markdown(f"{words(stage)} &nbsp;:gray[{len(standing) or ''}]")
                if not standing:
                    st.markdown(":small[:gray[No version]]")
                for version in standing[:MAX_VERSIONS]:
                    _chip(model, version)
                if len(standing) > MAX_VERSIONS:
                    st.markdown(f":small[:gray[and {len(standing) - MAX_VERSIONS} more]]")


def _chip(model: str, version: dict[str, object]) -> None:
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
