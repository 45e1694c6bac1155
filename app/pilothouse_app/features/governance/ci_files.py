"""The file of a CI system for a version: validate, deploy to staging, smoke test."""

from __future__ import annotations

from typing import TYPE_CHECKING

import streamlit as st

from pilothouse.governance.release_files import PROGRAMS
from pilothouse.kit.errors import PilothouseError
from pilothouse_app.components.errors import error_box
from pilothouse_app.components.workspace import workspace

if TYPE_CHECKING:
    from pilothouse.registry.info import VersionInfo


def ci_file_popover(version: VersionInfo) -> None:
    """Choose a CI system and download its file; nothing without an example to try."""
    if not version.input_example:
        return
    with st.popover("CI file", icon=":material/deployed_code_update:", type="tertiary"):
        program = st.selectbox(
            "CI system", list(PROGRAMS), format_func=_title, key="ci_program", width=260
        )
        st.markdown(
            ":gray[It asks the gates before production, deploys to a staging deployment and tries "
            "the version there. A failed or inconclusive gate stops it.]"
        )
        try:
            file = workspace().governance.release_file(version.model, version.version, program)
        except PilothouseError as refused:
            error_box(refused)
            return
        st.download_button(
            f"Download {file.filename.rpartition('/')[2]}",
            file.text,
            file_name=file.filename.rpartition("/")[2],
            mime="text/plain",
            icon=":material/download:",
            key="ci_download",
            on_click=lambda: _record(version, program),
        )
        st.caption(f"Its place in the repository is `{file.filename}`.")
        st.code(file.text, language="groovy" if program == "jenkins" else "yaml", height=260)


def _record(version: VersionInfo, program: str) -> None:
    """The audit log says that the file was exported: maturity counts it."""
    workspace().governance.export_release_file(version.model, version.version, program)


def _title(program: str) -> str:
    return PROGRAMS[program].title
