"""Recipes: their table, and the form that registers training code from a folder or an upload."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import streamlit as st

from pilothouse.kit.errors import PilothouseError
from pilothouse.pipelines.recipes.commands import FORMATS, RECIPE
from pilothouse_app.components.dialogs import dialog_buttons, run_or_show_error
from pilothouse_app.components.empty_state import empty
from pilothouse_app.components.errors import error_box
from pilothouse_app.components.links import address, go
from pilothouse_app.components.name_input import name_input
from pilothouse_app.components.table import name_column, table, text_column, when_column
from pilothouse_app.components.table_height import table_height
from pilothouse_app.components.toasts import toast_next
from pilothouse_app.components.uploads import read_once
from pilothouse_app.components.workspace import workspace

Parameters = list[tuple[str, str]]  # names with their types
ENTRY_POINTS = "_recipe_entry_points"
FOLDER, UPLOAD = "Folder on this machine", "Upload"
NONE = "None"
COLUMNS = {
    "name": name_column("Recipe", width=170),
    "command": text_column("Command"),
    "model": text_column("Model", width=120),
    "experiment": text_column("Experiment", width=140),
    "source": text_column("Source", width=230),
    "commit": text_column("Commit", width=92),
    "updated_at": when_column("Registered", width=104),
    "created_by": text_column("By", width=80),
}


def recipes_view() -> None:
    """The recipes; a name opens the page of one."""
    frame = workspace().recipes.recipes()
    if frame.empty:
        empty(
            "No recipes yet",
            "A recipe is training code of your own: a folder with a Python file or an MLproject "
            "file, run as a job in its own environment.",
            action=("Add a recipe", add_recipe),
            key="no_recipes",
        )
        return
    frame = frame.assign(id=frame["name"], commit=frame["commit"].str[:10])
    with table_height("recipes", len(frame), reserve=12) as height:
        table(frame, COLUMNS, key="recipes", alt="Recipes", opens=("recipe", "name"), height=height)


def add_recipe_button() -> None:
    """The button that opens the form of a new recipe."""
    if st.button("Add a recipe", icon=":material/add:", key="recipe_add"):
        add_recipe()


def add_recipe() -> None:
    """Open the form of a new recipe. A folder is read anew, as it may have been changed."""
    st.session_state.pop(ENTRY_POINTS, None)
    _add_recipe()


@st.dialog("Add a recipe", width="medium", icon=":material/receipt_long:", on_dismiss="rerun")
def _add_recipe() -> None:
    """The form: where the code is, then what of it is run and with what."""
    st.markdown(
        "The code is copied, and each run of it is a job with the rights of the worker. "
        "Register only code that you trust."
    )
    source, commit, identity = _source()
    points = _entry_points(source, commit, identity)
    if points is None:
        dialog_buttons("Register", "recipe", missing="Give the code first")
        return
    settings = _settings(points)
    suggestion = RECIPE.suggest(_source_name(source))
    name, missing = name_input(RECIPE, suggestion, key=f"recipe_name_{suggestion}")
    if name in set(workspace().recipes.recipes()["name"]):
        st.info(f"It replaces the recipe {name}.", icon=":material/info:")
    if dialog_buttons("Register", "recipe", missing=missing) and run_or_show_error(
        lambda: _register(name, source, commit, settings)
    ):
        toast_next(f"{name} is registered")
        go(address("recipe", name))


def _source() -> tuple[str | dict[str, bytes], str, str]:
    """A folder with a commit, or uploaded files by their names; then what tells it from another."""
    way = st.segmented_control(
        "From", [FOLDER, UPLOAD], default=FOLDER, required=True, key="recipe_way",
        label_visibility="collapsed",
    )  # fmt: skip
    if way == UPLOAD:
        uploads = st.file_uploader(
            "A zip file of the folder, or its files",
            accept_multiple_files=True,
            key="recipe_files",
        )
        files = {upload.name: upload.getvalue() for upload in uploads}
        return files, "", " ".join(upload.file_id for upload in uploads)
    left, right = st.columns([70, 30])
    folder = left.text_input("Folder", placeholder="/home/ada/churn", key="recipe_folder")
    commit = right.text_input(
        "Commit", placeholder="As it is now", key="recipe_commit",
        help="A commit, tag or branch of the repository that the folder is in.",
    )  # fmt: skip
    path, revision = (folder or "").strip(), (commit or "").strip()
    return path, revision, f"{path}@{revision}"


def _source_name(source: str | Mapping[str, bytes]) -> str:
    name = source.rstrip("/").rpartition("/")[2] if isinstance(source, str) else next(iter(source))
    return name.partition(".")[0]


def _entry_points(
    source: str | dict[str, bytes], commit: str, identity: str
) -> dict[str, Parameters] | None:
    """What could be run; None with the reason on the screen when nothing could."""
    if not source:
        return None

    def read() -> dict[str, Parameters]:
        points = workspace().recipes.entry_points(source, commit)
        return {entry: [(p.name, p.type) for p in declared] for entry, declared in points.items()}

    try:
        points = read_once(ENTRY_POINTS, identity, read)
    except PilothouseError as refused:
        error_box(refused)
        return None
    if not points:
        st.warning("There is neither an MLproject file nor a Python file.")
        return None
    return points


def _settings(points: Mapping[str, Parameters]) -> dict[str, Any]:
    left, right = st.columns(2)
    with left:
        entry = str(st.selectbox("Run", list(points), key="recipe_entry"))
        parameter = _dataset_parameter(points[entry], declared=not entry.endswith(".py"))
    with right:
        models = list(workspace().registry.models()["name"])
        model = st.selectbox(
            "Makes versions of", [NONE, *models], key="recipe_model", accept_new_options=True,
            help="A run whose code registers no version becomes one of this model.",
        )  # fmt: skip
        file_format = st.selectbox(
            "Dataset file", FORMATS, key="recipe_format", disabled=not parameter
        )
    note = st.text_input("Note", key="recipe_note")
    return {
        "entry_point": entry,
        "dataset_parameter": parameter,
        "dataset_format": str(file_format or FORMATS[0]),
        "model": "" if model in (None, NONE) else str(model),
        "note": (note or "").strip(),
    }


def _dataset_parameter(parameters: Parameters, *, declared: bool) -> str:
    """Which parameter takes a dataset's file; of a Python file it is not declared anywhere."""
    label, help_text = "Dataset parameter", "It is given the path of a dataset version's file."
    if not declared:
        typed = st.text_input(
            label, placeholder="data, for --data PATH", help=help_text, key="recipe_data"
        )
        return (typed or "").strip().lstrip("-")
    names = [NONE, *(name for name, _ in parameters)]
    paths = [name for name, kind in parameters if kind in ("path", "uri")]
    index = names.index(paths[0]) if paths else 0
    chosen = st.selectbox(label, names, index=index, help=help_text, key="recipe_data_of")
    return "" if chosen == NONE else str(chosen)


def _register(
    name: str, source: str | dict[str, bytes], commit: str, settings: dict[str, Any]
) -> None:
    recipes = workspace().recipes
    if isinstance(source, str):
        recipes.register(name, source, commit=commit, **settings)
    else:
        recipes.register_files(name, source, **settings)
