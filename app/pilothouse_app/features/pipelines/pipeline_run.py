"""A pipeline on its page: the graph of its steps in a run, a step in full, and its runs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import streamlit as st

from pilothouse.pipelines.definitions.definition_info import PENDING
from pilothouse_app.charts.step_graph import GraphStep, graph_height, step_graph
from pilothouse_app.components.charting import dark, figure
from pilothouse_app.components.confirm import confirm
from pilothouse_app.components.dialogs import dialog_buttons, run_or_show_error
from pilothouse_app.components.diff import pairs_table
from pilothouse_app.components.empty_state import empty
from pilothouse_app.components.filters import choose_one, switch
from pilothouse_app.components.formats import plural, title, when
from pilothouse_app.components.header import section
from pilothouse_app.components.links import (
    ICONS,
    address,
    go,
    link,
    same_page_link,
    screen,
)
from pilothouse_app.components.live import live
from pilothouse_app.components.markdown import literal
from pilothouse_app.components.status import badge, status_title
from pilothouse_app.components.table import button_column, status_column, table, text_column
from pilothouse_app.components.table_height import limited_height
from pilothouse_app.components.toasts import toast_next
from pilothouse_app.components.workspace import workspace
from pilothouse_app.features.pipelines.jobs import duration_text
from pilothouse_app.features.pipelines.pipeline_forms import (
    backfill_dialog,
    run_dialog,
    schedule_dialog,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from pilothouse.jobs.api import JobInfo
    from pilothouse.pipelines.definitions.definition import Definition
    from pilothouse.pipelines.definitions.definition_info import (
        PipelineInfo,
        PipelineRunInfo,
        StepRunInfo,
    )

RUN_PARAMETER = "run"
MAX_RUNS, MAX_ROWS, MAX_SWITCHED = 100, 12, 8
DETAILS = ("log", "inputs", "outputs")
STEP = "pipeline_step"  # in the session: the step whose log, inputs and outputs are shown


def pipeline_commands(pipeline: PipelineInfo) -> None:
    """The buttons that remove, backfill, schedule and run it."""
    ws, name = workspace(), pipeline.name
    busy = any(
        (job.subject_kind, job.subject_ref) == ("pipeline", name) for job in ws.jobs.active()
    )
    reason = "A schedule runs it" if pipeline.schedules else "A run is under way" if busy else ""
    if st.button(
        "Remove", icon=":material/delete:", key="pipeline_remove", disabled=bool(reason),
        help=reason or None,
    ):  # fmt: skip
        confirm(
            "Remove this pipeline",
            f"**{literal(name)}** can no longer be run. Its versions and runs are kept.",
            verb="Remove",
            command=lambda reason: ws.pipelines.remove(name, reason),
            done=f"{name} is removed",
            then=screen("pipelines", pipelines_view="Pipelines"),
        )
    has_date = any(parameter.type == "date" for parameter in pipeline.definition.parameters)
    if st.button(
        "Backfill", icon=":material/date_range:", key="pipeline_backfill", disabled=not has_date,
        help=None if has_date else "It has no parameter of the type date",
    ):  # fmt: skip
        backfill_dialog(pipeline)
    if st.button("Schedule", icon=":material/schedule:", key="pipeline_schedule"):
        schedule_dialog(pipeline)
    if st.button("Run", type="primary", icon=":material/play_arrow:", key="pipeline_run_it"):
        run_dialog(pipeline)


def pipeline_facts(pipeline: PipelineInfo) -> dict[str, str]:
    """The line under the title."""
    return {
        "Version": str(pipeline.version),
        "Steps": str(len(pipeline.definition.steps)),
        "File": f"`{pipeline.filename}`",
        "Registered": when(pipeline.created_at),
        "By": literal(pipeline.created_by),
        "": literal(pipeline.definition.description),
    }


def runs_and_steps(pipeline: PipelineInfo, run: str) -> None:
    """Its runs at the left; the graph of the chosen one, or of the definition, at the right."""
    ws = workspace()
    frame = ws.pipelines.runs(pipeline.name, size=MAX_RUNS)
    chosen = run or (str(frame["run"].iloc[0]) if len(frame) else "")
    details = ws.pipelines.run_details(chosen) if chosen else None
    definition = details.definition if details else pipeline.definition
    left, right = st.columns([33, 67], gap="medium")
    with left:
        busy = any(status in ("queued", "running") for status in frame["status"])
        live(lambda: _runs(pipeline.name, chosen), key="pipeline_runs_live", busy=busy)
    with right:
        _steps(definition, details)


def _runs(name: str, chosen: str) -> bool:
    frame = workspace().pipelines.runs(name, size=MAX_RUNS)
    section("Runs", plural(len(frame), "run") if len(frame) else "")
    if frame.empty:
        empty("Not run yet", "A run does the steps one after another.", key="no_pipeline_runs")
        return False
    newest = frame["created_at"].iloc[0]
    rows = frame.assign(
        id=frame["run"],
        label=[f"{'▸ ' if run == chosen else ''}{_run_title(at, newest)}" for run, at in
               zip(frame["run"], frame["created_at"], strict=True)],
        about=differing_parameters(list(frame["parameters"])),
    )  # fmt: skip
    looks = {
        "label": button_column("Run", _press, width=126, pinned=True, alignment="left"),
        "status": status_column(width=92),
        "about": text_column("Differs in", help="Parameters that differ between these runs"),
    }
    height = limited_height(len(frame), MAX_ROWS)
    table(rows, looks, key="pipeline_runs", alt="Runs of the pipeline", height=height)
    return any(status in ("queued", "running") for status in frame["status"])


def _run_title(at: datetime, newest: datetime) -> str:
    """When a run was asked for, in a narrow column: the year only where it is not the newest's."""
    return at.strftime("%-d %b, %H:%M" if at.year == newest.year else "%-d %b %Y")


def differing_parameters(values: Sequence[Mapping[str, Any]]) -> list[str]:
    """The parameters of each run that not all of the runs have alike; all of them for one run."""
    names = dict.fromkeys(name for parameters in values for name in parameters)
    differing = [
        name for name in names if len(values) == 1 or any(v.get(name) != values[0].get(name)
                                                          for v in values)
    ]  # fmt: skip
    return [
        ", ".join(f"{name} {parameters[name]}" for name in differing if name in parameters)
        for parameters in values
    ]


def _press(run: str) -> None:
    st.query_params[RUN_PARAMETER] = run


def _steps(definition: Definition, details: PipelineRunInfo | None) -> None:
    names = [step.name for step in definition.steps]
    if details is None:
        section("Steps", plural(len(names), "step"))
        step = _choice(names, names[0])
        _graph(definition, None, step)
        chosen = definition.step(step)
        section(literal(step), literal(chosen.uses))
        pairs_table(dict(chosen.inputs) or {"inputs": None}, alt=f"Inputs of {step}")
        return
    _run_header(details)
    step = _choice(names, _first_of_interest(details))
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        view = switch("pipeline_detail", DETAILS, "Show", format_func=title)
        _fork_button(details, step)
    live(
        lambda: _moving(details.id, step, view),
        key="pipeline_run_live",
        busy=details.status in ("queued", "running"),
        state=details.status,
    )


def _choice(names: list[str], default: str) -> str:
    if len(names) <= MAX_SWITCHED:
        chosen = switch(STEP, names, "Step", default=default)
    else:
        chosen = choose_one(STEP, names, "Step", default=default)
    return chosen if chosen in names else default


def _first_of_interest(details: PipelineRunInfo) -> str:
    """The step that failed or runs, else the last one."""
    for status in ("failed", "cancelled", "running"):
        for step in details.steps:
            if step.status == status:
                return step.name
    return details.steps[-1].name


def _run_header(details: PipelineRunInfo) -> None:
    """The state of the run, where it comes from, and its commands."""
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        section(f"Run of {when(details.created_at)}", f"version {details.version}")
        badge(details.status)
        if details.forked_from:
            name = details.definition.name
            same_page_link(
                screen("pipeline", name=name, run=details.forked_from),
                f"Forked at {details.from_step}",
                icon=":material/fork_right:",
                key="pipeline_forked_from",
            )
        if details.job_id:
            link(address("job", details.job_id), "Job", icon=ICONS["job"])
        if details.key:
            st.markdown(f":gray[led by another program as {literal(details.key)}]")
        _retry_button(details)
    if details.parameters:
        values = " · ".join(
            f"{name} **{value}**"
            for name, value in ((literal(n), literal(v)) for n, v in _texts(details.parameters))
        )
        st.markdown(f":small[{values}]")


def _texts(parameters: Mapping[str, Any]) -> list[tuple[str, str]]:
    return [(name, str(value)) for name, value in parameters.items()]


def _retry_button(details: PipelineRunInfo) -> None:
    job_id = details.job_id
    if job_id is None or details.status not in ("failed", "cancelled"):
        return
    if st.button("Retry", icon=":material/replay:", key="pipeline_retry"):
        confirm(
            "Retry this run",
            "A new run keeps the results of the steps that succeeded and continues at the one "
            "that did not.",
            verb="Retry",
            command=lambda reason: _retry(details.definition.name, job_id, reason),
            done="",
        )


def _retry(name: str, job_id: str, reason: str) -> None:
    again = workspace().jobs.retry(job_id, reason)
    toast_next("The run was retried")
    go(screen("pipeline", name=name, run=again))


def _fork_button(details: PipelineRunInfo, step: str) -> None:
    """The button that forks the run, where the steps before have results to take."""
    is_over = details.status not in ("queued", "running")
    if step not in details.forkable or not is_over or not _is_registered(details.definition.name):
        return
    if st.button(f"Fork from {step}", icon=":material/fork_right:", key="pipeline_fork"):
        fork_dialog(details, step)


@st.dialog("Fork this run", icon=":material/fork_right:")
def fork_dialog(details: PipelineRunInfo, step: str) -> None:
    """Which version the fork is of, and what it does; errors are shown in it."""
    ws, pipeline = workspace(), details.definition.name
    versions = range(ws.pipelines.pipeline(pipeline).newest, 0, -1)
    version = st.selectbox(
        "Version",
        versions,
        versions.index(details.version),
        format_func=lambda number: _version_title(number, details.version, versions[0]),
        key="pipeline_fork_version",
        help="In another version, what comes before the step must be written the same",
    )
    definition = ws.pipelines.pipeline(pipeline, version).definition
    names = [item.name for item in definition.steps]
    missing = "" if step in names else f"Version {version} has no step {step}"
    if not missing:
        redone = [name for name in names if name == step or name in definition.after(step)]
        st.markdown(
            f"A new run with the same parameters does **{literal(', '.join(redone))}**, and takes "
            "the results of the other steps that succeeded and are written the same."
        )
    if dialog_buttons("Fork", "pipeline_fork_it", missing=missing):
        run_or_show_error(lambda: _fork(details, step, version))


def _version_title(version: int, own: int, newest: int) -> str:
    notes = [note for note, holds in (("of this run", version == own),
                                      ("newest", version == newest)) if holds]  # fmt: skip
    return f"{version} ({', '.join(notes)})" if notes else str(version)


def _fork(details: PipelineRunInfo, step: str, version: int) -> None:
    run = workspace().pipelines.fork(details.id, step, version)
    toast_next(f"A run begins at {step}")
    go(screen("pipeline", name=details.definition.name, run=run))


def _moving(run: str, step: str, view: str) -> str:
    """The part that moves: the graph, and the chosen step; the status of the run."""
    details = workspace().pipelines.run_details(run)
    pressed = st.session_state.get(STEP, step)
    if pressed != step and pressed in {item.name for item in details.steps}:
        st.rerun()  # a box was clicked, and the switch of the steps stands outside
    _graph(details.definition, details, step)
    chosen = details.step(step)
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        section(literal(step), literal(chosen.uses))
        badge(chosen.status)
        if chosen.started_at is not None:
            st.markdown(f":gray[{duration_text(chosen.started_at, chosen.ended_at)}]")
        if chosen.source_run:
            same_page_link(
                screen("pipeline", name=details.definition.name, run=chosen.source_run),
                "Taken from this run",
                icon=":material/undo:",
                key="pipeline_source_run",
            )
    if chosen.error:
        hint = f"\n\n{chosen.hint}" if chosen.hint else ""
        st.error(literal(f"{chosen.error}{hint}"), icon=":material/error:")
    _detail(run, chosen, view)
    return details.status


def _detail(run: str, step: StepRunInfo, view: str) -> None:
    if view == "log":
        log = workspace().pipelines.step_log(run, step.name)
        with st.container(height=260, border=False, autoscroll=True):
            st.code(log or "Nothing was logged.", language=None, wrap_lines=True)
        return
    values = step.inputs if view == "inputs" else step.outputs
    if values:
        pairs_table(dict(values), alt=f"{title(view)} of {step.name}")
    else:
        st.markdown(f":gray[No {view}{' yet' if step.status == PENDING else ''}.]")


def _graph(definition: Definition, details: PipelineRunInfo | None, chosen: str) -> None:
    states = {step.name: step.status for step in details.steps} if details else {}
    steps = [
        GraphStep(
            step.name,
            status_title(states[step.name]) if states else step.uses,
            states.get(step.name, ""),
        )
        for step in definition.steps
    ]
    names = [step.name for step in steps]
    about = ", ".join(f"{step.name} {step.note}" for step in steps)
    figure(
        step_graph(steps, definition.edges, chosen=chosen, dark=dark()),
        key="pipeline_graph",
        height=graph_height(steps, definition.edges),
        alt=f"The steps and what comes after what: {about}",
        clicked=lambda index: _choose_step(names[index]),
    )


def _choose_step(name: str) -> None:
    st.session_state[STEP] = name


def pipeline_run_link(job: JobInfo) -> None:
    """A link from the job of a run to its steps as a graph."""
    if job.kind == "run_pipeline" and _is_registered(job.subject_ref):
        to = screen("pipeline", name=job.subject_ref, run=job.id)
        link(to, "Steps as a graph", icon=ICONS["pipeline"])


def _is_registered(name: str) -> bool:
    """Whether there is a page of the pipeline; it may have been removed after the run."""
    return name in set(workspace().pipelines.pipelines()["name"])
