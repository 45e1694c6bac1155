"""Dialogs of a pipeline: run it, schedule it, backfill it, with fields of its parameters."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any

import streamlit as st

from pilothouse.kit.errors import Invalid
from pilothouse.pipelines.definitions.backfill import PERIODS, dates_of
from pilothouse.pipelines.definitions.definition import TODAY, PipelineParameter
from pilothouse.pipelines.definitions.exports import exports
from pilothouse_app.components.dialogs import dialog_buttons, run_or_show_error
from pilothouse_app.components.errors import error_box
from pilothouse_app.components.formats import plural, title
from pilothouse_app.components.links import address, go, screen
from pilothouse_app.components.parameter_form import parameter_field, parameter_fields
from pilothouse_app.components.toasts import toast_next
from pilothouse_app.components.workspace import workspace
from pilothouse_app.features.pipelines.schedules import CADENCES, OWN

if TYPE_CHECKING:
    from pilothouse.pipelines.definitions.definition_info import PipelineInfo

COLUMNS = 2


@st.dialog("Run this pipeline", icon=":material/play_arrow:", on_dismiss="rerun")
def run_dialog(pipeline: PipelineInfo) -> None:
    """The parameters of a run."""
    if pipeline.definition.description:
        st.markdown(f":gray[{pipeline.definition.description}]")
    values, missing = _fields(pipeline, "run_parameter")
    if not pipeline.definition.parameters:
        st.markdown("It has no parameters.")
    if dialog_buttons("Run", "pipeline_run", missing=missing):
        run_or_show_error(lambda: _run(pipeline.name, values))


def _run(name: str, values: dict[str, Any]) -> None:
    run = workspace().pipelines.run(name, values)
    toast_next(f"{name} is running")
    go(screen("pipeline", name=name, run=run))


@st.dialog("Schedule this pipeline", icon=":material/schedule:", on_dismiss="rerun")
def schedule_dialog(pipeline: PipelineInfo) -> None:
    """The times and the parameters of a schedule."""
    cadence = st.selectbox("When (UTC)", [*CADENCES, OWN], index=1, key="pipeline_when")
    cron = CADENCES.get(str(cadence), "")
    if cadence == OWN:
        typed = st.text_input("Cron expression", placeholder="30 5 * * 1-5", key="pipeline_cron")
        cron = (typed or "").strip()
    taken = set(workspace().jobs.schedules()["name"])
    suggested = _free(f"Run {pipeline.name}", taken)
    name = (st.text_input("Name", suggested, key="pipeline_schedule_name") or "").strip()
    values, missing = _fields(pipeline, "schedule_parameter", scheduled=True)
    if name in taken:
        missing = "Another schedule has that name"
    if not name or not cron:
        missing = "Give a name and a time first"

    def add() -> None:
        workspace().pipelines.add_schedule(pipeline.name, cron, values, schedule=name)

    if dialog_buttons("Add", "pipeline_schedule", missing=missing) and run_or_show_error(add):
        toast_next(f"{pipeline.name} is scheduled")
        st.rerun()


def _free(name: str, taken: set[str]) -> str:
    numbered = (f"{name} {number}" for number in range(2, len(taken) + 3))
    return name if name not in taken else next(one for one in numbered if one not in taken)


@st.dialog("Export this pipeline", icon=":material/ios_share:", on_dismiss="rerun")
def export_dialog(pipeline: PipelineInfo) -> None:
    """A file of another program, with the choices that its export offers."""
    name = str(
        st.selectbox(
            "For",
            exports.names(),
            format_func=lambda program: exports.get(program).title,
            key="export_program",
        )
    )
    exporter = exports.get(name)
    st.markdown(
        f":gray[{exporter.description} Each task calls `pilothouse pipelines run-step`, and needs "
        "a running worker.]"
    )
    options = parameter_fields(exporter.parameters, {}, key=f"export_{name}", columns=COLUMNS)
    text = workspace().pipelines.export(pipeline.name, name, options, pipeline.version)
    with st.container(height=260, border=True):
        language = "yaml" if exporter.filename(pipeline).endswith(".yml") else "python"
        st.code(text, language=language)
    st.download_button(
        "Download",
        text,
        exporter.filename(pipeline),
        type="primary",
        icon=":material/download:",
        on_click="ignore",
        key="export_download",
    )


@st.dialog("Backfill this pipeline", icon=":material/date_range:", on_dismiss="rerun")
def backfill_dialog(pipeline: PipelineInfo) -> None:
    """A span of dates, each of which becomes a run."""
    dates = [p.name for p in pipeline.definition.parameters if p.type == "date"]
    left, right = st.columns(2)
    every = str(left.selectbox("One run a", PERIODS, format_func=title, key="backfill_every"))
    parameter = str(right.selectbox("Its date goes to", dates, key="backfill_parameter"))
    today = datetime.now(UTC).date()
    start = left.date_input("From", today - timedelta(days=7), key="backfill_start")
    end = right.date_input("To", today, key="backfill_end")
    values, missing = _fields(pipeline, "backfill_value", without=parameter)
    days = _days(start, end, every)
    if days:
        st.markdown(
            f":gray[{plural(len(days), 'run')}; dates that a run has succeeded with are skipped.]"
        )
    if not missing and not days:
        missing = "Choose other dates"
    made: list[str] = []

    def backfill() -> None:
        rows = workspace().pipelines.backfill(
            pipeline.name, days[0], days[-1], every=every, parameter=parameter, parameters=values
        )
        submitted = int((rows["state"] == "submitted").sum())
        made.append(f"{plural(submitted, 'run')} asked for, {len(rows) - submitted} skipped")

    if dialog_buttons("Backfill", "backfill", missing=missing) and run_or_show_error(backfill):
        toast_next(made[0])
        go(address("pipeline", pipeline.name))


def _days(start: Any, end: Any, every: str) -> list[date]:
    """The dates, or none with the reason on the screen."""
    if not isinstance(start, date) or not isinstance(end, date):
        return []
    try:
        return dates_of(start, end, every)
    except Invalid as refused:
        error_box(refused)
        return []


def _fields(
    pipeline: PipelineInfo, key: str, *, without: str = "", scheduled: bool = False
) -> tuple[dict[str, Any], str]:
    """A field for each parameter; the values, and what is missing for them to be used."""
    parameters = [p for p in pipeline.definition.parameters if p.name != without]
    cells = st.columns(COLUMNS) if parameters else []
    values: dict[str, Any] = {}
    for index, parameter in enumerate(parameters):
        with cells[index % COLUMNS]:
            draw: Callable[..., Any] = _date_field if parameter.type == "date" else _field
            value = draw(parameter, f"{key}_{parameter.name}", scheduled)
        values[parameter.name] = value
    missing = [name for name, value in values.items() if value in (None, "")]
    return values, f"Give {', '.join(missing)} first" if missing else ""


def _field(parameter: PipelineParameter, key: str, _scheduled: bool) -> Any:
    start = parameter.default
    if start is None and parameter.choices:
        start = parameter.choices[0]
    return parameter_field(parameter.field, start, key=key)


def _date_field(parameter: PipelineParameter, key: str, scheduled: bool) -> str:
    """A date; of a schedule, one that is today by default stays the day of each run."""
    if scheduled and parameter.default == TODAY:
        st.text_input(parameter.name, "The day of the run", disabled=True, key=key)
        return TODAY
    default = parameter.default
    start = "today" if default in (None, TODAY) else date.fromisoformat(str(default))
    chosen = st.date_input(parameter.name, start, key=key, help=parameter.help or None)
    return chosen.isoformat() if isinstance(chosen, date) else ""
