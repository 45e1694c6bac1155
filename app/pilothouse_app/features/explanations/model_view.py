"""Explanations of a version as a whole: permutation importance and partial dependence."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import pandas as pd
import streamlit as st

from pilothouse.explanations.stored_results import DEPENDENCE, IMPORTANCE, KINDS
from pilothouse.models.tasks import task_of
from pilothouse_app.charts import dependence_curves, ranked, rows_height
from pilothouse_app.components.charting import dark, figure
from pilothouse_app.components.dialogs import run_or_show_error
from pilothouse_app.components.empty_state import empty
from pilothouse_app.components.formats import ago, title
from pilothouse_app.components.header import section
from pilothouse_app.components.markdown import literal
from pilothouse_app.components.workspace import workspace
from pilothouse_app.features.explanations.job_progress import active_job, job_line

if TYPE_CHECKING:
    from pilothouse.explanations.stored_results import StoredResult
    from pilothouse.registry.info import VersionInfo

NO_LEARNING = "What the model has learned, not what causes what"


def model_view(version: VersionInfo) -> None:
    """Both explanations side by side."""
    left, right = st.columns(2, gap="medium")
    with left:
        _importance(version)
    with right:
        _dependence(version)


def _importance(version: VersionInfo) -> None:
    section("Permutation importance", "how far a metric falls when an input is shuffled")
    result = workspace().explanations.importances(version.model, version.version)
    metrics = {metric.key: metric.title for metric in task_of(version.signature).metrics}
    with st.container(horizontal=True, vertical_alignment="bottom"):
        chosen = st.selectbox(
            "Metric",
            list(metrics),
            key="responsible_metric",
            format_func=metrics.__getitem__,
            width=220,
        )
        made = result.figures.get("metric", "") if result is not None else ""
        if made != chosen:
            _start_button(version, IMPORTANCE, metric=chosen or "")
    if not _is_shown(version, IMPORTANCE, result):
        return
    assert result is not None
    frame = pd.DataFrame(result.figures["columns"])
    key = result.figures["metric"]
    name = metrics.get(key, key)
    figure(
        ranked(
            frame.assign(label=frame["column"]),
            dark=dark(),
            label="label",
            value="mean",
            title=f"Fall of {name}, with the deviation over the repeats",
            error="std",
        ),
        key="responsible_importance",
        height=rows_height(len(frame)),
        alt=f"Fall of {name} by input, the largest first: {frame['column'].iloc[0]}",
    )
    _source(result, f"{name} {result.figures['value']:.4g} as it is")


def _dependence(version: VersionInfo) -> None:
    section("Partial dependence", "the mean answer, with one value of an input in every row")
    result = workspace().explanations.dependences(version.model, version.version)
    curves: dict[str, Mapping[str, Any]] = {}
    if result is not None and not result.message:
        curves = {curve["column"]: curve for curve in result.figures["columns"]}
    with st.container(horizontal=True, vertical_alignment="bottom"):
        chosen, singles = None, False
        if curves:
            chosen = st.selectbox("Input", list(curves), key="responsible_input", width=220)
            singles = st.toggle(
                "Single rows",
                key="responsible_ice",
                help="Individual conditional expectations: the answers to single rows",
            )
        else:
            _start_button(version, DEPENDENCE)
    if not _is_shown(version, DEPENDENCE, result) or chosen is None:
        return
    assert result is not None
    curve = curves[chosen]
    titles = {output["name"]: output["title"] for output in result.figures["outputs"]}
    means = {titles.get(name, name): values for name, values in curve["means"].items()}
    first = next(iter(means))
    figure(
        dependence_curves(
            curve["values"],
            means,
            curve["rows"] if singles else [],
            dark=dark(),
            x=title(chosen),
            y=first if len(means) == 1 else "Mean answer",
        ),
        key="responsible_dependence",
        height=340,
        alt=f"Mean answer by value of {chosen}",
    )
    _source(result, "over all of the rows, also where values do not occur together")


def _start_button(version: VersionInfo, kind: str, metric: str = "") -> None:
    if active_job(version, kind) is not None:
        return
    if st.button("Compute", icon=":material/calculate:", key=f"responsible_{kind}"):
        explanations = workspace().explanations
        run_or_show_error(
            lambda: explanations.explain(version.model, version.version, kind, metric=metric)
        )


def _is_shown(version: VersionInfo, kind: str, result: StoredResult | None) -> bool:
    """Draw why there is nothing to draw, if there is nothing."""
    job = active_job(version, kind)
    if job is not None:
        job_line(job.id, KINDS[kind], key=f"responsible_progress_{kind}")
    if result is None:
        if job is None:
            text = "Press Compute: a job asks the version's own model process."
            empty("Not computed yet", text, icon=":material/calculate:", key=f"none_{kind}")
        return False
    if result.message:
        st.warning(literal(result.message), icon=":material/info:")
        return False
    return True


def _source(result: StoredResult, note: str) -> None:
    st.markdown(
        f":small[:gray[{literal(result.rows)}, {ago(result.measured_at)}; {literal(note)}. "
        f"{NO_LEARNING}.]]"
    )
