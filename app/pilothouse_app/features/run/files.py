"""The files of a run or a logged model: a tree on the left, the chosen file on the right.

The chosen file and the folder that is opened are `run_path` and `run_folder` of the address.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import pandas as pd
import streamlit as st

from pilothouse.experiments.files.browse import tree
from pilothouse_app.components.empty_state import empty
from pilothouse_app.components.filters import search
from pilothouse_app.components.formats import count, plural, size
from pilothouse_app.components.header import section
from pilothouse_app.components.links import query_param
from pilothouse_app.components.markdown import literal
from pilothouse_app.components.table import button_column, table, text_column
from pilothouse_app.components.table_height import table_height
from pilothouse_app.features.files.viewers import viewer

if TYPE_CHECKING:
    from pilothouse.experiments.details import ArtifactInfo, RunInfo
    from pilothouse.experiments.files.browse import FileNode

PATH, FOLDER = "run_path", "run_folder"
MAX_FILES = 1_000
INDENT = "\u2003"
UP = ".."


def draw(run: RunInfo) -> None:
    """Draw the view."""
    if not run.artifacts:
        empty("No files", "This run has no files.", icon=":material/folder_off:")
        return
    file_browser(run.id, run.artifacts, key="run_files", alt="Files of the run")


def file_browser(owner: str, files: Sequence[ArtifactInfo], *, key: str, alt: str) -> None:
    """The tree and the file that is chosen in it."""
    left, right = st.columns([36, 64], gap="medium")
    chosen = next((file for file in files if file.path == query_param(PATH)), None)
    with left:
        _tree(files, key, alt)

    with right:
        if chosen is not None:
            viewer(owner, chosen)
        elif query_param(PATH):
            empty(
                "No such file",
                f"There is no file at {literal(query_param(PATH))}.",
                icon=":material/search_off:",
            )
        else:
            empty("Which file?", "Choose a file to view it.", icon=":material/draft:")


def _tree(files: Sequence[ArtifactInfo], key: str, alt: str) -> None:
    folder = query_param(FOLDER)
    below = [file for file in files if file.path.startswith(f"{folder}/")] if folder else files
    weight = size(sum(file.size for file in below))

    with st.container(
        horizontal=True, horizontal_alignment="distribute", vertical_alignment="center"
    ):
        section(
            literal(f"{folder}/") if folder else "Files", f"{plural(len(below), 'file')}, {weight}"
        )
        query = search(f"{key}_q", "File", width=150).lower() if len(files) > 12 else ""

    matching = [file for file in below if query in file.path.lower()]
    nodes = tree(matching)[:MAX_FILES]
    frame = pd.DataFrame([_row(node, folder) for node in nodes if node.path != folder])
    if folder:
        up = pd.DataFrame([{"id": UP, "name": "↑ All files", "size": ""}])
        frame = pd.concat([up, frame], ignore_index=True)
    if frame.empty:
        st.markdown(":gray[No file matches.]")
        return

    looks = {
        "name": button_column("Name", _press, width=232, pinned=True, alignment="left"),
        "size": text_column("Size", width=80),
    }
    with table_height(key, len(frame), reserve=17.5) as height:
        table(frame, looks, key=key, alt=alt, height=height)
    if len(matching) > MAX_FILES:
        st.markdown(f":gray[The first {count(MAX_FILES)} rows; search, or open a folder.]")


def _row(node: FileNode, folder: str) -> dict[str, str]:
    level = node.level - (folder.count("/") + 1 if folder else 0)
    return {
        "id": f"{node.path}/" if node.is_folder else node.path,
        "name": f"{INDENT * level}{node.name}{'/' if node.is_folder else ''}",
        "size": size(node.size),
    }


def _press(path: str) -> None:
    if path == UP:
        st.query_params.pop(FOLDER, None)
    elif path.endswith("/"):
        st.query_params[FOLDER] = path.rstrip("/")
    else:
        st.query_params[PATH] = path
