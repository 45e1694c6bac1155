"""Commands for a good run: compare it with the champion, register it as a model version."""

from __future__ import annotations

from typing import TYPE_CHECKING

import streamlit as st

from pilothouse.kit.errors import PilothouseError
from pilothouse.kit.names import MODEL
from pilothouse_app.components.errors import error_box
from pilothouse_app.components.links import address, compare, go
from pilothouse_app.components.name_input import show_problem
from pilothouse_app.components.person import signature
from pilothouse_app.components.toasts import toast_next
from pilothouse_app.components.workspace import workspace

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pilothouse.experiments.details import RunInfo
    from pilothouse.registry.logged_folders import LoggedFolder

MAX_RELATED = 20  # newest models that are looked through


def champion_runs() -> list[str]:
    """The runs behind what is in production."""
    return [version.run_id for version in workspace().registry.in_production() if version.run_id]


def compare_button(run: RunInfo) -> None:
    """Opens the run beside the champion of its task, when there is another run that is one."""
    others = [champion for champion in champion_runs() if champion != run.id]
    others = workspace().comparison.comparable_runs([run.id], others) if others else []
    if others and st.button(
        "Compare with champion", icon=":material/compare_arrows:", key="run_compare"
    ):
        go(compare([others[0], run.id], baseline=others[0]))


def register_button(run: RunInfo) -> None:
    """Makes a model of the run the next version of a registered model.

    There is no button when as many versions as the run has models were made from it.
    """
    registry = workspace().registry
    folders: tuple[LoggedFolder, ...] = ()
    if not run.has_artifact("model/model.joblib"):
        folders = registry.logged_folders(run.id)
        if not folders:
            return
    if len(registry.of_run(run.id)) >= max(1, len(folders)):
        return
    if st.button(
        "Register model", type="primary", icon=":material/deployed_code:", key="run_register"
    ):
        _register_dialog(run, related_model(run), {f.address: f.name for f in folders})


def related_model(run: RunInfo) -> str:
    """The model whose newest version comes from the run's experiment; "" when none does."""
    registry, experiments = workspace().registry, workspace().experiments
    models = registry.models().head(MAX_RELATED)
    for model, latest in zip(models["name"], models["latest"], strict=True):
        version = registry.version(str(model), int(latest))
        if version.run_id and experiments.run(version.run_id).experiment == run.experiment:
            return version.model
    return ""


@st.dialog("Register model", icon=":material/deployed_code:")
def _register_dialog(run: RunInfo, related: str, folders: Mapping[str, str]) -> None:
    """`folders` has the models that the run's program logged, by address; none of one's own."""
    models = list(workspace().registry.models()["name"])
    first = related or MODEL.suggest(run.name)
    st.markdown(
        f"The model of **{run.name}** becomes the next version. It gets no stage yet: "
        "a promotion decides that, with gates and a reason."
    )
    folder = next(iter(folders), "")
    if len(folders) > 1:
        folder = st.selectbox(
            "Logged model", list(folders), format_func=folders.__getitem__, key="register_folder"
        )
    model = st.selectbox(
        "Model",
        list(dict.fromkeys([first, *models])),
        index=0,
        placeholder="Choose one, or type a new name",
        accept_new_options=True,
        key="register_model",
    )

    model = (model or "").strip()
    problem = "" if not model or model in models else MODEL.problem(model)
    show_problem(MODEL, model, problem, key="register_model")
    note = st.text_input("Note", placeholder="What is different about it", key="register_note")

    nameless, sign = signature("register")
    missing = f"The name {problem}" if problem else "" if model else "Give a name first"
    with st.container(horizontal=True, horizontal_alignment="right"):
        if st.button("Cancel", key="register_cancel"):
            st.rerun()
        pressed = st.button(
            "Register",
            type="primary",
            disabled=bool(missing or nameless),
            help=missing or nameless or None,
            on_click=sign,
            key="register_go",
        )

    if pressed and model:
        _register_version(model, run.id, note or "", folder)


def _register_version(model: str, run_id: str, note: str, folder: str) -> None:
    try:
        version = workspace().registry.register(model, run_id, note, folder)
    except PilothouseError as refusal:
        error_box(refusal)
        return
    toast_next(f"{version.model} {version.version} is registered")
    go(address("version", version.ref))
