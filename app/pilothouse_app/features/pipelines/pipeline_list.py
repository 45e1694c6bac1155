"""Pipelines of people's own: their table, and the form that registers a file."""

from __future__ import annotations

import streamlit as st

from pilothouse.kit.errors import Invalid
from pilothouse_app.components.dialogs import dialog_buttons, run_or_show_error
from pilothouse_app.components.empty_state import empty
from pilothouse_app.components.links import address, go
from pilothouse_app.components.table import (
    name_column,
    number_column,
    table,
    text_column,
    when_column,
)
from pilothouse_app.components.table_height import table_height
from pilothouse_app.components.toasts import toast_next
from pilothouse_app.components.workspace import workspace

WRITE, UPLOAD = "Write", "Upload"
NEW = "pipeline.yaml"
EXAMPLE = """name: first-pipeline
description: Pins a dataset version and says how many rows it has.
parameters:
  dataset: {dataset}
  day: {{type: date, default: today}}
steps:
  - name: data
    uses: dataset_version
    with: {{dataset: "${{{{ parameters.dataset }}}}"}}
  - name: rows
    uses: command
    with:
      command: echo "$DATASET has $ROWS rows on $DAY"
      env:
        DATASET: ${{{{ steps.data.dataset }}}}
        ROWS: ${{{{ steps.data.rows }}}}
        DAY: ${{{{ parameters.day }}}}
"""
COLUMNS = {
    "name": name_column("Pipeline", width=190),
    "version": number_column("Version", 0, width=66),
    "steps": number_column("Steps", 0, width=60),
    "parameters": number_column("Parameters", 0, width=84),
    "schedules": number_column("Schedules", 0, width=80),
    "description": text_column("Description"),
    "updated_at": when_column("Registered", width=110),
}


def pipelines_view() -> None:
    """The pipelines; a name opens the page of one."""
    frame = workspace().pipelines.pipelines()
    if frame.empty:
        empty(
            "No pipelines yet",
            "A pipeline is a file with named steps. Each run keeps the result of every step: it "
            "can be retried, forked from a step, scheduled and backfilled.",
            action=("Add a pipeline", add_pipeline),
            key="no_pipelines",
        )
        return
    frame = frame.assign(id=frame["name"])
    with table_height("pipelines", len(frame), reserve=12) as height:
        table(
            frame, COLUMNS, key="pipelines", alt="Pipelines", opens=("pipeline", "name"),
            height=height,
        )  # fmt: skip


def add_pipeline_button() -> None:
    """The button that opens the form of a new pipeline."""
    if st.button("Add a pipeline", icon=":material/add:", key="pipeline_add"):
        add_pipeline()


def add_pipeline() -> None:
    """Open the form with an example that runs on a dataset of the workspace."""
    names = list(workspace().data.datasets()["name"])
    _register_dialog(EXAMPLE.format(dataset=names[0] if names else "churn"))


def edit_pipeline(text: str) -> None:
    """Open the form with a file that was registered; other content is the next version."""
    _register_dialog(text)


@st.dialog("Register a pipeline", width="large", icon=":material/account_tree:", on_dismiss="rerun")
def _register_dialog(text: str) -> None:
    """A file that is written here or uploaded; every fault of it is shown."""
    way = st.segmented_control(
        "From", [WRITE, UPLOAD], default=WRITE, required=True, key="pipeline_way",
        label_visibility="collapsed",
    )  # fmt: skip
    filename = NEW
    if way == UPLOAD:
        upload = st.file_uploader("A YAML or Python file", type=["yaml", "yml", "py"])
        text = upload.getvalue().decode(errors="replace") if upload else ""
        filename = upload.name if upload else NEW
        if filename.endswith(".py"):
            st.warning(
                "The file is run once on this machine to build the pipeline. Register only files "
                "that you trust.",
                icon=":material/warning:",
            )
    else:
        typed = st.text_area("YAML", text, height=380, key="pipeline_text")
        text = typed or ""
    missing = "" if text.strip() else "Give a file first"
    made: list[str] = []

    def register() -> None:
        try:
            info = workspace().pipelines.register_text(text, filename)
        except Invalid as refused:
            if not refused.fields:
                raise
            # The message lists every fault for the command line; here they stand one a line.
            raise Invalid("The file has faults.", fields=refused.fields) from None
        toast_next(f"{info.ref} {'is there already' if info.existed else 'is registered'}")
        made.append(info.name)

    if dialog_buttons("Register", "pipeline", missing=missing) and run_or_show_error(register):
        go(address("pipeline", made[0]))
