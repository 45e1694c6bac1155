"""How to get at a run from a program, and how to do it again."""

from __future__ import annotations

from typing import TYPE_CHECKING

import streamlit as st

from pilothouse.experiments.code import PATCH
from pilothouse.kit.errors import PilothouseError
from pilothouse_app.parts.errors import error_box
from pilothouse_app.parts.header import section
from pilothouse_app.parts.training import training_again
from pilothouse_app.parts.workspace import server_url, workspace

if TYPE_CHECKING:
    from pilothouse.experiments.details import RunInfo

SPEC = "spec.json"


def draw(run: RunInfo) -> None:
    """Draw the view."""
    _again(run)
    section("In a notebook of this machine")
    st.code(_ours(run), language="python", wrap_lines=True)
    section("With the MLflow client", "from any machine that reaches the server")
    st.code(_theirs(run), language="python", wrap_lines=True)
    if run.commit:
        section("The code", "as it was when the run started")
        st.code(_checkout(run), language="bash", wrap_lines=True)


def _again(run: RunInfo) -> None:
    if not run.has_artifact(SPEC):
        return
    try:
        spec = workspace().experiments.files.document(run.id, SPEC)
    except PilothouseError as refusal:
        error_box(refusal)
        return
    if isinstance(spec, dict):
        with st.container(border=True, horizontal=True, vertical_alignment="center"):
            st.markdown(
                "**Train again** with the same settings, on the newest version of its dataset.",
                width="stretch",
            )
            training_again(spec)


def _ours(run: RunInfo) -> str:
    return "\n".join(
        [
            "import pilothouse",
            "",
            f'ws = pilothouse.open_workspace("{workspace().folder}")',
            f'run = ws.experiments.run("{run.id}")',
            "run.params, run.values",
            "ws.experiments.history([run.id])              # every point of every metric",
            *(
                [f'ws.experiments.artifact(run.id, "{run.artifacts[0].path}")']
                if run.artifacts
                else []
            ),
        ]
    )


def _theirs(run: RunInfo) -> str:
    lines = [
        "import mlflow",
        "",
        f'mlflow.set_tracking_uri("{server_url()}")',
        f'run = mlflow.get_run("{run.id}")',
        "run.data.params, run.data.metrics",
    ]
    models = workspace().experiments.logged_models(run.id)
    paths = [file.path for file in run.artifacts if file.path.rpartition("/")[2] == "MLmodel"]
    if models:
        lines.append(f'model = mlflow.pyfunc.load_model("models:/{models[-1].id}")')
    elif paths:
        folder = paths[0].rpartition("/")[0]
        lines.append(f'model = mlflow.pyfunc.load_model("runs:/{run.id}/{folder}")')
    if run.artifacts:
        lines.append(f'mlflow.artifacts.download_artifacts(run_id="{run.id}", dst_path=".")')
    return "\n".join(lines)


def _checkout(run: RunInfo) -> str:
    lines = [f"git checkout {run.commit}"]
    if run.has_artifact(PATCH):
        lines.append(f"git apply {PATCH}    # the file of this run")
    return "\n".join(lines)
