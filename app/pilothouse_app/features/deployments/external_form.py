"""The form that describes a model without a registered version, beside the first rows of a file."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import streamlit as st

from pilothouse.deployments.external import FilePreview
from pilothouse.kit.errors import PilothouseError
from pilothouse.models.tasks import tasks
from pilothouse.registry.description import Description, parts_of
from pilothouse_app.components.errors import error_box
from pilothouse_app.components.header import section
from pilothouse_app.components.uploads import read_once
from pilothouse_app.components.workspace import workspace

if TYPE_CHECKING:
    from streamlit.runtime.uploaded_file_manager import UploadedFile

PREVIEW = "_predictions_preview"
GIVES = {
    "probability": "Probabilities",
    "label": "Only the class",
    "value": "A score that is no probability",
}
NO_FILE: dict[str, str] = {}
LABEL_WORDS = ("label", "truth", "actual", "target", "outcome", "class", "predict", "prediction")


def describe_model() -> tuple[Description | None, str]:
    """The description as it is filled in, and what is missing; the latter is empty when nothing."""
    left, right = st.columns(2, gap="medium")
    with right:
        preview = _preview()
    with left:
        names = list(tasks.names())
        task = st.selectbox(
            "What is predicted",
            names,
            format_func=lambda name: tasks.get(name).title,
            key="external_task",
            help="\n\n".join(f"**{t.title}**: {t.description}" for _, t in tasks.items()),
        )
        return _answers(task, preview)


def _preview() -> FilePreview | None:
    """The first rows of a file that the description is taken from; none without one."""
    file = st.file_uploader(
        "A file of predictions, to describe the columns by (optional)", key="external_file"
    )
    preview = None if file is None else read_preview(file)
    if preview is not None:
        first_rows(preview, f"{len(preview.types)} columns")
    return preview


def read_preview(file: UploadedFile) -> FilePreview | None:
    """What a file of predictions has, read once; None with the reason on the screen."""

    def read() -> tuple[Any, ...]:
        made = workspace().deployments.preview_predictions(file.getvalue(), file.name)
        return made.types, made.rows, made.values

    try:
        return FilePreview(*read_once(PREVIEW, file.file_id, read))
    except PilothouseError as refusal:
        error_box(refusal)
        return None


def first_rows(preview: FilePreview, note: str) -> None:
    """The first rows of a file under their heading."""
    section("First rows", note)
    st.dataframe(preview.rows, hide_index=True, height=180, row_height=30)


def _answers(task: str, preview: FilePreview | None) -> tuple[Description | None, str]:
    """The parts that the task uses."""
    parts = parts_of(tasks.get(task))
    types = preview.types if preview is not None else NO_FILE
    key = f"external_{task}_{len(types)}"
    classes, positive, missing = _classes(task, preview, key) if parts.classes else ((), None, "")
    target = st.text_input("Called", placeholder="price", key=f"{key}_target") or ""
    unit = st.text_input("Unit", placeholder="EUR", key=f"{key}_unit") if parts.unit else ""
    levels: tuple[float, ...] = ()
    if parts.levels:
        usual = ", ".join(f"{level:g}" for level in tasks.get(task).default_levels)
        typed = st.text_input("Quantile levels", usual, key=f"{key}_levels")
        levels, unreadable = _levels(typed)
        missing = missing or unreadable
    outputs: list[str] = []
    if parts.outputs:
        outputs = st.multiselect(
            "Outputs", list(types), accept_new_options=True, key=f"{key}_outputs",
            placeholder="Choose columns, or type names",
        )  # fmt: skip
        missing = missing or ("" if outputs else "Name the outputs first")
    gives = parts.gives[0]
    if len(parts.gives) > 1:
        gives = st.selectbox(
            "What is sent", parts.gives, format_func=lambda g: GIVES[g], key=f"{key}_gives"
        )
    chosen: list[str] = []
    if types:
        free = [name for name in types if name not in outputs]
        chosen = st.multiselect(
            "Inputs", free, key=f"{key}_inputs",
            help="Columns that the model was given: their drift is watched",
        )  # fmt: skip
    description = Description(
        task,
        classes=classes,
        positive=positive if parts.positive else None,
        levels=levels,
        outputs=[(name, types.get(name, "number")) for name in outputs],
        unit=unit or "",
        gives=gives,
        target=target,
        inputs={name: types[name] for name in chosen},
    )
    return description, missing


def _classes(
    task: str, preview: FilePreview | None, key: str
) -> tuple[tuple[str, ...], str | None, str]:
    """The classes, the positive one of them where the task has one, and what is missing."""
    guess = _guessed_classes(preview)
    classes = st.multiselect(
        "Classes", guess, guess, accept_new_options=True, key=f"{key}_classes",
        placeholder="Type each class and press Enter",
    )  # fmt: skip
    positive = None
    if parts_of(tasks.get(task)).positive:
        positive = st.selectbox(
            "Positive class", classes, len(classes) - 1 if classes else None,
            key=f"{key}_positive_{len(classes)}",
        )  # fmt: skip
    return tuple(classes), positive, "" if len(classes) > 1 else "Name the classes first"


def _guessed_classes(preview: FilePreview | None) -> list[str]:
    """The values of the column that is called like a label or a prediction."""
    if preview is None:
        return []
    by_word = {name.casefold(): values for name, values in preview.values.items()}
    return next((by_word[word] for word in LABEL_WORDS if word in by_word), [])


def _levels(text: str | None) -> tuple[tuple[float, ...], str]:
    try:
        return tuple(float(part) for part in (text or "").split(",")), ""
    except ValueError:
        return (), "Levels are numbers between 0 and 1, with commas between them"
