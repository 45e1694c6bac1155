"""What evaluations measured: the list of a version, and the outcome of a job."""

from __future__ import annotations

from typing import TYPE_CHECKING

import streamlit as st

from pilothouse.models.tasks import primary_metric, task_of
from pilothouse_app.components.formats import DASH, count, plural
from pilothouse_app.components.header import section
from pilothouse_app.components.links import address, link
from pilothouse_app.components.markdown import literal
from pilothouse_app.components.table import name_column, number_column, table, text_column
from pilothouse_app.components.table import when_column as when
from pilothouse_app.features.experiments.formatting import main_metrics, metric_title, metric_value

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pandas as pd

    from pilothouse.jobs.api import JobInfo
    from pilothouse.registry.info import VersionInfo

EVALUATION = "evaluate_version"
LEFT_OUT = {
    "without_label": "without a label",
    "unreadable_label": "with a label that means nothing to the model",
    "without_needed_value": "without a value that the model needs",
}


def evaluations_section(version: VersionInfo, evaluations: pd.DataFrame) -> None:
    """The evaluations of a version, newest first; each opens its run. Nothing without one."""
    if evaluations.empty:
        return
    key = primary_metric(task_of(version.signature))
    section("Evaluations", plural(len(evaluations), "evaluation"))
    frame = evaluations.assign(
        id=evaluations["run_id"],
        value=[
            metric_value(key, metrics[key]) if key in metrics else DASH
            for metrics in evaluations["metrics"]
        ],
    )
    columns = {
        "dataset": name_column("Dataset", width=118),
        "label": text_column("Label", width=70),
        "rows": number_column("Rows", 0, width=54),
        **({"value": text_column(metric_title(key), width=88)} if key else {}),
        "created_at": when("When", width=106),
    }
    table(frame, columns, key="version_evaluations", alt="Evaluations", opens=("run", "run_id"))


def newest_metrics(version: VersionInfo, evaluations: pd.DataFrame) -> Mapping[str, float]:
    """The metrics that the gates look at: of its training here, else of its newest evaluation.

    Before its first one, a version from elsewhere has those that its author logged.
    """
    if version.held_out:
        return version.metrics
    return next((metrics for metrics in evaluations["metrics"] if metrics), version.metrics)


def evaluation_outcome(job: JobInfo) -> None:
    """What a finished evaluation measured, the rows it left out, and the links on."""
    result = job.result or {}
    if job.status != "succeeded" or job.kind != EVALUATION or "run" not in result:
        return

    with st.container(border=True, horizontal=True, vertical_alignment="center", key="job_outcome"):
        st.markdown(_summary(result), width="stretch")
        link(address("run", str(result["run"])), "Open the run", icon=":material/timeline:")
        ref = f"{result['model']}@{result['version']}"
        link(address("version", ref), "Open the version", icon=":material/deployed_code:")


def _summary(result: Mapping[str, object]) -> str:
    metrics = result.get("metrics")
    measured: dict[str, float] = metrics if isinstance(metrics, dict) else {}
    keys = main_metrics(list(measured), most=3)
    values = ", ".join(f"{metric_title(key)} {metric_value(key, measured[key])}" for key in keys)
    rows = f"{count(int(str(result['rows'])))} rows of {literal(str(result['dataset']))}"
    first = f"**{values}** on {rows}." if values else f"{rows} are the reference."
    left_out = [
        f"{count(int(str(result[name])))} {text}"
        for name, text in LEFT_OUT.items()
        if name in result
    ]
    return f"{first} Left out: {', '.join(left_out)}." if left_out else first
