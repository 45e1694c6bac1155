"""Below a what-if: which columns move the answer to the row, and the nearest counterfactual."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import pandas as pd
import streamlit as st

from pilothouse.models.tasks import task_of
from pilothouse_app.charts import contributions, rows_height
from pilothouse_app.components.charting import dark, figure
from pilothouse_app.components.dialogs import run_or_show_error
from pilothouse_app.components.filters import switch
from pilothouse_app.components.formats import count, is_missing, title
from pilothouse_app.components.markdown import literal
from pilothouse_app.components.workspace import workspace
from pilothouse_app.features.deployments.prediction import prediction_text
from pilothouse_app.features.explanations.job_progress import job_line
from pilothouse_app.features.explanations.record_sliders import set_values

if TYPE_CHECKING:
    from pilothouse.explanations.row_results import Counterfactual, RowExplanation
    from pilothouse.registry.info import VersionInfo
    from pilothouse_app.features.explanations.row_source import ChosenRow

PANELS = ("columns", "counterfactual")
TITLES = {"columns": "What moves it", "counterfactual": "Nearest counterfactual"}
ANY = "another class"


def row_answers(
    version: VersionInfo, row: ChosenRow, record: Mapping[str, Any], *, key: str
) -> None:
    """The two questions about the record as it is set now."""
    panel = switch("responsible_panel", PANELS, "About the answer", format_func=TITLES.__getitem__)
    source = row.source if record == row.record else f"{row.source}, changed"
    if panel == "columns":
        _explanation(version, record, source, key)
    else:
        _counterfactual(version, record, source, key)


def _explanation(version: VersionInfo, record: Mapping[str, Any], source: str, key: str) -> None:
    explanations, state = workspace().explanations, f"{key}_explained"
    outputs = {one.name: one.title for one in explanations.outputs(version.model, version.version)}
    with st.container(horizontal=True, vertical_alignment="bottom"):
        chosen = ""
        if len(outputs) > 1:
            chosen = st.selectbox(
                "Of", ["", *outputs], key=f"{key}_output", width=220,
                format_func=lambda name: outputs.get(name, "the answer"),
            )  # fmt: skip
        if st.button("Explain", icon=":material/calculate:", key=f"{key}_explain"):
            run_or_show_error(
                lambda: _keep(
                    state,
                    explanations.explain_row(
                        version.model, version.version, record, output=chosen, source=source
                    ),
                    record,
                )
            )
    question = st.session_state.get(state)
    if question is None:
        st.markdown(":small[:gray[A job asks the model about mixtures of this row and others.]]")
    elif job_line(question["job"], "Explaining", key=f"{key}_explaining"):
        _earlier(question["record"], record)
        _contributions(explanations.explanation(question["job"]), version.signature.unit)


def _keep(state: str, job: str, record: Mapping[str, Any]) -> None:
    st.session_state[state] = {"job": job, "record": dict(record)}


def _earlier(question: Mapping[str, Any], record: Mapping[str, Any]) -> None:
    if question != record:
        st.markdown(":small[:orange[For the values before your last change.]]")


def _contributions(result: RowExplanation, unit: str) -> None:
    rows = [
        {"label": f"{title(c.column)} = {_value(c.value)}", "contribution": c.contribution,
         "error": c.error}
        for c in result.columns
    ]  # fmt: skip
    frame = pd.DataFrame(rows)
    figure(
        contributions(frame, dark=dark(), title=f"Added to: {result.output}"),
        key="responsible_contributions",
        height=rows_height(len(frame)),
        alt=f"What each column adds to {result.output}, the largest first: {rows[0]['label']}",
    )
    base, answer = prediction_text(result.base, unit), prediction_text(result.answer, unit)
    st.markdown(
        f":small[:gray[Together they make {answer} of {base}, the mean answer to "
        f"{literal(result.background)}. Shapley values by sampling "
        f"({count(result.answered)} answers), with the standard error of the sampling: what the "
        "model has learned, not what causes what.]]"
    )


def _counterfactual(version: VersionInfo, record: Mapping[str, Any], source: str, key: str) -> None:
    explanations, state = workspace().explanations, f"{key}_counterfactual"
    free = [field.name for field in version.signature.inputs if field.type != "time"]
    goal = _goal(version, key)
    allowed = st.multiselect(
        "Columns that may change", free, key=f"{key}_allowed", placeholder="All of them",
        format_func=title,
    )  # fmt: skip
    if st.button("Search", icon=":material/search:", key=f"{key}_search"):
        run_or_show_error(
            lambda: _keep(
                state,
                explanations.find_counterfactual(
                    version.model, version.version, record, columns=allowed, source=source, **goal
                ),
                record,
            )
        )
    question = st.session_state.get(state)
    if question is None:
        st.markdown(
            ":small[:gray[A job searches the smallest change, in standard deviations, with which "
            "the model gives another answer.]]"
        )
    elif job_line(question["job"], "Searching", key=f"{key}_searching"):
        _earlier(question["record"], record)
        _changes(explanations.counterfactual(question["job"]), version, key)


def _goal(version: VersionInfo, key: str) -> dict[str, Any]:
    signature = version.signature
    if task_of(signature).has_classes:
        chosen = st.selectbox(
            "It should answer", [ANY, *signature.classes], key=f"{key}_wished", format_func=str
        )
        return {} if chosen == ANY else {"answer": chosen}
    with st.container(horizontal=True, vertical_alignment="bottom"):
        bound = st.selectbox(
            "It should be", ["at_least", "at_most"], key=f"{key}_bound", format_func=title
        )
        value = st.number_input("Value", value=0.0, key=f"{key}_bound_value", format="%.6g")
    return {bound: value}


def _changes(result: Counterfactual, version: VersionInfo, key: str) -> None:
    if not result.reached:
        st.warning(
            f"No change of these columns was found that makes it: {literal(result.goal)}. "
            f"{count(result.answered)} rows were answered; a change may exist that the search "
            "did not try.",
            icon=":material/search_off:",
        )
        return
    rows = pd.DataFrame(
        [
            {"Column": title(c.column), "From": _value(c.before), "To": _value(c.after),
             "Distance": f"{c.distance:.2f}"}
            for c in result.changes
        ]
    )  # fmt: skip
    after = prediction_text(result.prediction_after, version.signature.unit)
    st.markdown(f"With these changes the model answers **{literal(after)}**")
    st.table(rows, border="horizontal", hide_index=True, alt="Changes")
    st.button(
        "Take these values",
        key=f"{key}_take",
        icon=":material/arrow_back:",
        on_click=set_values,
        args=({c.column: c.after for c in result.changes},),
        kwargs={"key": key},
    )
    st.markdown(
        f":small[:gray[Distance {result.distance or 0:.2f}: standard deviations of numbers, 1 for "
        f"another category. The nearest of {count(result.answered)} answered rows; a nearer one "
        "may exist. It says nothing of what a person can change.]]"
    )


def _value(value: Any) -> str:
    if is_missing(value):
        return "missing"
    if isinstance(value, float):
        return f"{value:,.5g}"
    return str(value)
