"""How to get at a run from a program, and how to do it again."""

from __future__ import annotations

from typing import TYPE_CHECKING

import streamlit as st

from pilothouse.experiments.provenance.git import PATCH
from pilothouse.kit.errors import PilothouseError
from pilothouse_app.components.errors import error_box
from pilothouse_app.components.header import section
from pilothouse_app.components.workspace import server_url, workspace
from pilothouse_app.features.training.dialog import train_again_button

if TYPE_CHECKING:
    from pilothouse.experiments.details import RunInfo

SPEC, ENVIRONMENT = "spec.json", "environment.json"
TRAINING = "pilothouse.training"


def draw(run: RunInfo) -> None:
    """Draw the view."""
    _train_again(run)
    if _trained_here(run):
        _same_model(run)
    section("In a notebook on this machine")
    st.code(_pilothouse_code(run), language="python", wrap_lines=True)
    section("With the MLflow client", "from any machine that reaches the server")
    st.code(_mlflow_code(run), language="python", wrap_lines=True)
    if run.commit and not _trained_here(run):
        section("The code", "as it was when the run started")
        st.code(_checkout_commands(run), language="bash", wrap_lines=True)


def _trained_here(run: RunInfo) -> bool:
    """Whether Pilothouse trained it: its commit is then Pilothouse's own, and not the user's."""
    return run.source == TRAINING


def _same_model(run: RunInfo) -> None:
    """The data, the settings and the environment that make the same model again."""
    if run.has_artifact(SPEC):
        section("Retrain the same model", "the same data, settings and seed")
        st.code(_training_code(run), language="python", wrap_lines=True)
    packages = _install_command(run)
    if packages:
        section("The environment", "with the package versions of the training")
        st.code(packages, language="bash", wrap_lines=True)


def _training_code(run: RunInfo) -> str:
    data = workspace().data
    lines = [
        "import json",
        "import pilothouse",
        "from pilothouse.training import TrainingSpec",
        "",
        f'ws = pilothouse.open_workspace("{workspace().folder}")',
    ]

    for item in run.inputs:
        try:
            content = data.version(item.dataset).content_hash[:12]
        except PilothouseError:
            continue  # the dataset was deleted
        lines.append(f"# trained on {item.dataset}, content {content}")

    return "\n".join(
        [
            *lines,
            f'spec = json.loads(ws.experiments.artifact("{run.id}", "{SPEC}"))',
            "run = ws.training.train_now(TrainingSpec.from_json(spec))",
        ]
    )


def _install_command(run: RunInfo) -> str:
    """The command that installs the packages of the training; empty when they are unknown."""
    if not run.has_artifact(ENVIRONMENT):
        return ""
    try:
        environment = workspace().experiments.files.document(run.id, ENVIRONMENT)
    except PilothouseError:
        return ""
    packages = environment.get("packages") if isinstance(environment, dict) else None
    if not isinstance(packages, dict) or not packages:
        return ""
    names = " ".join(f"{name}=={release}" for name, release in packages.items())
    return f"# Python {environment.get('python', '')}\npip install {names}"


def _train_again(run: RunInfo) -> None:
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
            train_again_button(spec)


def _pilothouse_code(run: RunInfo) -> str:
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


def _mlflow_code(run: RunInfo) -> str:
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


def _checkout_commands(run: RunInfo) -> str:
    lines = [f"git checkout {run.commit}"]
    if run.has_artifact(PATCH):
        lines.append(f"git apply {PATCH}    # the file of this run")
    return "\n".join(lines)
