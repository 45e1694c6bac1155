"""Starting durable work: the flights demo and a retraining, from whichever page offers them."""

from __future__ import annotations

from contextlib import suppress

import streamlit as st

from pilothouse.kit.errors import Conflict
from pilothouse.pipelines.demos import FLIGHTS, INSTALL, demo
from pilothouse_app.components.confirm import confirm
from pilothouse_app.components.dialogs import dialog_buttons, reason_input, run_or_show_error
from pilothouse_app.components.links import ICONS, address, go, link
from pilothouse_app.components.markdown import literal
from pilothouse_app.components.query_cache import cached
from pilothouse_app.components.toasts import toast_next
from pilothouse_app.components.workspace import workspace


def start_demo(name: str = FLIGHTS) -> None:
    """Start a demo, or open the one that runs; its job page shows the progress."""
    job = workspace().pipelines.start_demo(name=name)
    toast_next(f"The {name} demo has started", icon=":material/flight_takeoff:")
    go(address("job", job))


def demo_button(*, primary: bool = False) -> None:
    """The button that opens the demo's consequences, or the demo's job once there is one."""
    job = workspace().pipelines.demo_job()
    if job:
        link(address("job", job), "Flights demo", icon=":material/flight_takeoff:")
        return
    if st.button(
        "Run the flights demo",
        type="primary" if primary else "secondary",
        icon=":material/flight_takeoff:",
        key="start_demo",
    ):
        confirm(
            "Run the flights demo",
            demo(FLIGHTS).description,
            verb="Run the demo",
            command=lambda _reason: start_demo(),
            done="",
            needs_reason=False,
            icon=":material/flight_takeoff:",
        )


def other_demos_button() -> None:
    """The button that opens the choice among all demos."""
    if st.button("Demos", icon=":material/play_circle:", key="other_demos"):
        demos_dialog()


@st.dialog("Run a demo on real data", icon=":material/play_circle:", on_dismiss="rerun")
def demos_dialog() -> None:
    """Choose a demo and start it, or open the job of one that was started."""
    pipelines = workspace().pipelines
    by_name = {entry.name: entry for entry in pipelines.demos()}
    name = st.selectbox(
        "Demo", list(by_name), format_func=lambda key: by_name[key].title, key="demo_name"
    )
    chosen = by_name[str(name)]
    st.markdown(chosen.description)
    if job := pipelines.demo_job(chosen.name):
        link(address("job", job), "It was started: open its job", icon=ICONS["job"])
        return
    absent = chosen.missing
    for package in absent:
        st.info(
            f"The Python package {package.name} {package.purpose}. It is not installed: "
            f"`{INSTALL}`",
            icon=":material/info:",
        )
    names = " and ".join(package.name for package in absent)
    missing = f"Install {names} first" if absent else ""
    if dialog_buttons("Run the demo", "demo", missing=missing):
        run_or_show_error(lambda: start_demo(chosen.name))


def retrain_button(deployment: str = "", *, alert: str = "") -> None:
    """The button that retrains a deployment's model and proposes the result.

    With a firing `alert` the dialog offers to acknowledge it with the same reason.
    """
    if st.button("Retrain", icon=":material/model_training:", key="start_retrain"):
        _retrain(deployment, alert)


@st.dialog("Retrain", icon=":material/model_training:")
def _retrain(deployment: str, alert: str) -> None:
    deployments = workspace().deployments.deployments()
    names = list(deployments[deployments["model"] != ""]["name"])  # others have nothing to train
    if not names:
        st.markdown("Nothing is deployed yet: a retraining uses labelled predictions.")
        return

    index = names.index(deployment) if deployment in names else 0
    chosen = st.selectbox("Deployment", names, index=index, key="retrain_deployment")

    st.markdown(
        "The newest labelled predictions become a dataset version; its contract is checked, a "
        "model is trained on it and compared with the champion on the same newest rows. The "
        "result is **proposed**: a person decides."
    )

    obstacle = cached(
        f"reason against retraining {chosen}",
        lambda: workspace().pipelines.reason_not_retrained(chosen),
    )
    if obstacle:
        st.info(literal(obstacle), title="It cannot be retrained", icon=":material/info:")
        return
    reason = reason_input("retrain_why")
    acknowledges = bool(alert) and st.checkbox(
        "Acknowledge the alert", value=True, key="retrain_acknowledges"
    )
    missing = "" if reason else "Give a reason first"
    if dialog_buttons("Retrain", "retrain", missing=missing):
        run_or_show_error(lambda: _start_retraining(chosen, reason, alert if acknowledges else ""))


def _start_retraining(deployment: str, reason: str, alert: str) -> None:
    """Start it, then acknowledge the alert: a retraining that is refused handles nothing."""
    job = workspace().pipelines.retrain(deployment, reason)
    if alert:
        with suppress(Conflict):  # somebody else has acknowledged it since
            workspace().monitoring.acknowledge(alert, reason)
    toast_next("Retraining started")
    go(address("job", job))
