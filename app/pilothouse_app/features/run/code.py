"""Which code a run was started from, and what in it had not been committed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import streamlit as st

from pilothouse.experiments.provenance.git import PATCH, patch_size
from pilothouse.kit.errors import PilothouseError
from pilothouse_app.components.diff import pairs_table
from pilothouse_app.components.empty_state import empty
from pilothouse_app.components.errors import error_box
from pilothouse_app.components.formats import plural
from pilothouse_app.components.header import section
from pilothouse_app.components.workspace import workspace
from pilothouse_app.features.files.viewers import code_block, file_url

if TYPE_CHECKING:
    from pilothouse.experiments.details import RunInfo

TAG_TITLES = {
    "mlflow.source.git.branch": "branch",
    "mlflow.source.git.repoURL": "repository",
    "mlflow.source.name": "source",
    "mlflow.source.type": "source type",
    "mlflow.project.entryPoint": "entry point",
    "mlflow.project.env": "project environment",
    "mlflow.databricks.notebookPath": "notebook",
    "mlflow.docker.image.name": "image",
}


def draw(run: RunInfo) -> None:
    """Draw the view."""
    fields = {name: run.tags[tag] for tag, name in TAG_TITLES.items() if tag in run.tags}
    attributes = {
        "uncommitted changes": None if run.dirty is None else ("yes" if run.dirty else "none"),
        "source": run.source,
        "user": run.user,
    }
    values = fields | {name: value for name, value in attributes.items() if value}

    section("Code", f"`{run.commit}`" if run.commit else "")
    pairs_table(values, alt="Code of the run")

    if run.has_artifact(PATCH):
        _patch(run)
    elif run.dirty:
        empty(
            "Uncommitted changes were not recorded",
            "The code had uncommitted changes, and they were not stored with the run.",
            icon=":material/difference:",
        )
    elif run.commit is None:
        st.markdown(":gray[The run was started outside a Git repository, or recorded no commit.]")


def _patch(run: RunInfo) -> None:
    file = next(file for file in run.artifacts if file.path == PATCH)
    try:
        content = workspace().experiments.files.text(run.id, PATCH)
    except PilothouseError as refusal:
        error_box(refusal)
        return

    extent = patch_size(content.text)
    summary = f"{plural(extent.files, 'file')}, :green[+{extent.added}] :red[−{extent.removed}]"  # noqa: RUF001

    with st.container(
        horizontal=True, horizontal_alignment="distribute", vertical_alignment="center"
    ):
        section("Uncommitted changes", summary + ("" if content.whole else ", the first 256 kB"))
        st.link_button("Download", file_url(run.id, file), icon=":material/download:", key="patch")

    code_block(content.text, "diff", key="run_patch", reserve=20)
