"""Starting durable work: the flights demo and a retraining, from whichever page offers them."""

from __future__ import annotations

import streamlit as st

from pilothouse_app.components.confirm import confirm
from pilothouse_app.components.dialogs import dialog_buttons, reason_input, run_or_show_error
from pilothouse_app.components.links import address, go, link
from pilothouse_app.components.toasts import toast_next
from pilothouse_app.components.workspace import workspace


def start_demo() -> None:
    """Start the demo, or open the one that runs; its job page shows the progress."""
    job = workspace().pipelines.start_demo()
    toast_next("Flights demo started", icon=":material/flight_takeoff:")
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
            "Registers the flights that left New York in 2013, trains and promotes a model, "
            "deploys it, sends March to December through it week by week, and retrains when "
            "drift is found. It takes a few minutes and can be cancelled.",
            verb="Run the demo",
            command=lambda _reason: start_demo(),
            done="",
            needs_reason=False,
            icon=":material/flight_takeoff:",
        )


def retrain_button(deployment: str = "") -> None:
    """The button that retrains a deployment's model and proposes the result."""
    if st.button("Retrain", icon=":material/model_training:", key="start_retrain"):
        _retrain(deployment)


@st.dialog("Retrain", icon=":material/model_training:")
def _retrain(deployment: str) -> None:
    names = list(workspace().deployments.deployments()["name"])
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

    reason = reason_input("retrain_why")
    missing = "" if reason else "Give a reason first"
    if dialog_buttons("Retrain", "retrain", missing=missing):
        run_or_show_error(lambda: _start_retraining(chosen, reason))


def _start_retraining(deployment: str, reason: str) -> None:
    job = workspace().pipelines.retrain(deployment, reason)
    toast_next("Retraining started")
    go(address("job", job))
