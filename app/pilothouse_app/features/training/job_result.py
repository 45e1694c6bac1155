"""A training on its job's page: its result, and its settings to edit when it failed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import streamlit as st

from pilothouse_app.components.links import address, link
from pilothouse_app.features.experiments.formatting import metric_title, metric_value
from pilothouse_app.features.training.dialog import train_again_button

if TYPE_CHECKING:
    from pilothouse.jobs.api import JobInfo


def is_training(job: JobInfo) -> bool:
    """Whether the job is a training with a spec."""
    return job.kind == "train" and bool(job.args.get("spec"))


def edit_again_button(job: JobInfo) -> None:
    """The button that opens the form with the settings of a training that did not finish."""
    if is_training(job):
        label, icon = "Edit and run again", ":material/edit:"
        train_again_button(job.args["spec"], key="job_edit_again", label=label, icon=icon)


def training_outcome(job: JobInfo) -> None:
    """The metric of a finished training, and the link to its run."""
    run = (job.result or {}).get("run")
    if job.status != "succeeded" or not is_training(job) or not run:
        return

    result = job.result or {}
    metric = str(result.get("metric", ""))
    metrics = result.get("metrics") or {}

    with st.container(border=True, horizontal=True, vertical_alignment="center", key="job_outcome"):
        if metric in metrics:
            value = metric_value(metric, metrics[metric])
            st.markdown(f"**{metric_title(metric)} {value}** on the held-out rows", width="stretch")
        else:
            st.markdown("The training has finished.", width="stretch")
        link(address("run", str(run)), "Open the run", icon=":material/timeline:")
