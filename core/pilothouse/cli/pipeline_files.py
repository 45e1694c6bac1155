"""`pilothouse pipelines`: pipelines that people define in a file, their runs and schedules."""

from __future__ import annotations

import time
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from pilothouse.cli.command import verb
from pilothouse.cli.options import FILE, JSON_VALUE, NEW_FILE, PAIR, PluginName, scalars
from pilothouse.cli.output import Output, text_of
from pilothouse.cli.pipelines import pipelines
from pilothouse.kit.errors import Invalid, PilothouseError, Unavailable
from pilothouse.kit.processes import find
from pilothouse.pipelines.definitions.backfill import PERIODS
from pilothouse.pipelines.definitions.definitions import PipelineDefinitions
from pilothouse.pipelines.definitions.exports import exports

if TYPE_CHECKING:
    import pandas as pd

    from pilothouse.jobs.api import JobInfo
    from pilothouse.pipelines.definitions.definition_info import PipelineInfo
    from pilothouse.workspace import Workspace

POLL_SECONDS = 0.3
DAY = click.DateTime(["%Y-%m-%d"])
name_argument = click.argument("name")
version_option = click.option(
    "--version", type=click.IntRange(1), default=None, help="Of the definition; the newest."
)
parameters_option = click.option(
    "--param", "pairs", type=PAIR, multiple=True, metavar="NAME=VALUE", help="Repeatable."
)


@verb(
    pipelines,
    PipelineDefinitions.register,
    PipelineDefinitions.register_text,
    name="add",
    writes=True,
    make=True,
    example=("pilothouse pipelines add weekly.yaml", "pilothouse pipelines add weekly.py"),
)
@click.argument("file", type=FILE)
def _add(ws: Workspace, file: Path) -> Output:
    info = ws.pipelines.register(file)
    state = "is there already" if info.existed else "is registered"
    return Output(_facts(info), f"{info.ref} {state}: {len(info.definition.steps)} steps")


@verb(pipelines, PipelineDefinitions.pipelines, name="list", example="pilothouse pipelines list")
def _list(ws: Workspace) -> pd.DataFrame:
    return ws.pipelines.pipelines()


@verb(
    pipelines,
    PipelineDefinitions.pipeline,
    name="show",
    example="pilothouse pipelines show weekly",
)
@name_argument
@version_option
def _show(ws: Workspace, name: str, version: int | None) -> Output:
    info = ws.pipelines.pipeline(name, version)
    lines = [
        f"  {step.name}: {step.uses}" + (f" after {', '.join(step.upstream)}" * bool(step.upstream))
        for step in info.definition.steps
    ]
    parameters = [f"  {p.name}: {p.type}, default {p.default}" for p in info.definition.parameters]
    parts = [info.ref, info.definition.description, "parameters:", *parameters, "steps:", *lines]
    return Output(_facts(info), "\n".join(part for part in parts if part))


@verb(
    pipelines,
    PipelineDefinitions.source,
    example="pilothouse pipelines source weekly --version 2",
)
@name_argument
@version_option
def _source(ws: Workspace, name: str, version: int | None) -> Output:
    text = ws.pipelines.source(name, version)
    return Output({"source": text}, text)


@verb(
    pipelines,
    PipelineDefinitions.run,
    writes=True,
    example="pilothouse pipelines run weekly --param dataset=churn",
)
@name_argument
@parameters_option
@version_option
def _run(
    ws: Workspace, name: str, pairs: tuple[tuple[str, str], ...], version: int | None
) -> Output:
    """`pilothouse jobs wait` waits for it."""
    run = ws.pipelines.run(name, parameter_values(ws, name, pairs, version), version)
    return Output({"run": run}, f"run {run}: a running worker does its steps")


@verb(pipelines, PipelineDefinitions.runs, example="pilothouse pipelines runs weekly")
@click.argument("name", default="")
@click.option("--size", type=click.IntRange(1), default=50, show_default=True, help="At most.")
def _runs(ws: Workspace, name: str, size: int) -> pd.DataFrame:
    if name:
        ws.pipelines.pipeline(name)
    return ws.pipelines.runs(name, size=size)


@verb(
    pipelines,
    PipelineDefinitions.run_details,
    name="show-run",
    example="pilothouse pipelines show-run RUN --json",
)
@click.argument("run")
def _show_run(ws: Workspace, run: str) -> Output:
    info = ws.pipelines.run_details(run)
    value = {
        "run": info.id,
        "pipeline": info.definition.name,
        "version": info.version,
        "status": info.status,
        "parameters": dict(info.parameters),
        "forked_from": info.forked_from,
        "steps": [vars(step) for step in info.steps],
    }
    lines = [
        f"  {step.name}: {step.status}{': ' * bool(step.error)}{step.error}" for step in info.steps
    ]
    head = text_of({**value, "steps": len(info.steps)})
    return Output(value, "\n".join([head, *lines]))


@verb(
    pipelines,
    PipelineDefinitions.step_log,
    name="step-log",
    example="pilothouse pipelines step-log RUN train",
)
@click.argument("run")
@click.argument("step")
def _step_log(ws: Workspace, run: str, step: str) -> Output:
    log = ws.pipelines.step_log(run, step)
    return Output({"log": log}, log)


@verb(
    pipelines,
    PipelineDefinitions.fork,
    writes=True,
    example="pilothouse pipelines fork RUN train",
)
@click.argument("run")
@click.argument("step")
@version_option
def _fork(ws: Workspace, run: str, step: str, version: int | None) -> Output:
    new = ws.pipelines.fork(run, step, version)
    return Output({"run": new, "forked_from": run}, f"run {new}: it begins at {step}")


@verb(
    pipelines,
    PipelineDefinitions.add_schedule,
    name="schedule",
    writes=True,
    example='pilothouse pipelines schedule weekly "0 6 * * 1" --param dataset=churn',
)
@name_argument
@click.argument("cron")
@parameters_option
@click.option("--schedule", default="", help="The schedule's name.  [default: Run NAME]")
def _schedule(
    ws: Workspace, name: str, cron: str, pairs: tuple[tuple[str, str], ...], schedule: str
) -> Output:
    """`pilothouse schedules` pauses, resumes and removes it."""
    values = parameter_values(ws, name, pairs)
    made = ws.pipelines.add_schedule(name, cron, values, schedule=schedule)
    return Output({"schedule": made}, f"schedule {made!r} runs {name}: {cron}")


@verb(
    pipelines,
    PipelineDefinitions.backfill,
    writes=True,
    example="pilothouse pipelines backfill weekly 2026-01-05 2026-03-02 --every week",
)
@name_argument
@click.argument("start", type=DAY)
@click.argument("end", type=DAY)
@click.option("--every", type=click.Choice(PERIODS), default="day", show_default=True)
@click.option("--parameter", default="", help="Takes the date; the only one of the type date.")
@parameters_option
def _backfill(
    ws: Workspace,
    name: str,
    start: datetime,
    end: datetime,
    every: str,
    parameter: str,
    pairs: tuple[tuple[str, str], ...],
) -> pd.DataFrame:
    return ws.pipelines.backfill(
        name,
        start.date(),
        end.date(),
        every=every,
        parameter=parameter,
        parameters=parameter_values(ws, name, pairs),
    )


@verb(
    pipelines,
    PipelineDefinitions.run_step,
    name="run-step",
    writes=True,
    example="pilothouse pipelines run-step weekly train --key scheduled-2026-03-01",
)
@name_argument
@click.argument("step")
@click.option("--key", required=True, help="What the other program calls the run.")
@parameters_option
@click.option("--params-json", type=JSON_VALUE, default=None, help="Parameters as an object.")
@version_option
@click.option("--seconds", type=float, default=None, help="Give up after so many.")
def _run_step(
    ws: Workspace,
    name: str,
    step: str,
    key: str,
    pairs: tuple[tuple[str, str], ...],
    params_json: Any,
    version: int | None,
    seconds: float | None,
) -> Output:
    """It waits for its end, with the log of the step on stderr, and needs a running worker.

    Ends with 1 when the step failed. An exported pipeline calls it.
    """
    if params_json is not None and not isinstance(params_json, dict):
        raise Invalid("--params-json is an object with the values by their names.")
    values = {**(params_json or {}), **parameter_values(ws, name, pairs, version)}
    if find(ws.store.run_folder, "worker") is None:
        raise Unavailable(
            f"no worker runs in {ws.folder}, so that no step would be done.",
            hint="Start `pilothouse worker` or `pilothouse up` there.",
        )
    job = ws.pipelines.run_step(name, step, key, values, version)
    info = _wait(ws, job, seconds)
    click.echo(ws.jobs.log(job), err=True)
    if info.status != "succeeded":
        raise PilothouseError(f"the step {step} {info.status}: {info.error}", hint=info.hint)
    return Output(info.result or {}, text_of(info.result or {}))


@verb(
    pipelines,
    PipelineDefinitions.export,
    example=(
        "pilothouse pipelines export weekly airflow --output dags/weekly.py",
        "pilothouse pipelines export weekly kubeflow --option image=registry/pilothouse:0.1",
    ),
)
@name_argument
@click.argument("program", type=PluginName(exports))
@click.option(
    "--option", "options", type=PAIR, multiple=True, metavar="NAME=VALUE", help="Repeatable."
)
@click.option("--output", type=NEW_FILE, default=None, help="Write it there; printed otherwise.")
@version_option
def _export(
    ws: Workspace,
    name: str,
    program: str,
    options: tuple[tuple[str, str], ...],
    output: Path | None,
    version: int | None,
) -> Output:
    text = ws.pipelines.export(name, program, dict(options), version)
    if output is None:
        return Output({"text": text}, text.rstrip("\n"))
    output.write_text(text, encoding="utf-8")
    return Output({"file": str(output)}, f"{output} is written")


@verb(
    pipelines,
    PipelineDefinitions.remove,
    writes=True,
    reason=True,
    example='pilothouse pipelines remove weekly --reason "replaced"',
)
@name_argument
def _remove(ws: Workspace, name: str, reason: str) -> Output:
    ws.pipelines.remove(name, reason)
    return Output({"pipeline": name}, f"{name} is removed")


def parameter_values(
    ws: Workspace, name: str, pairs: tuple[tuple[str, str], ...], version: int | None = None
) -> dict[str, Any]:
    """The values of --param; what the pipeline takes as a text stays one, such as 2026 or true."""
    parameters = {p.name: p for p in ws.pipelines.pipeline(name, version).definition.parameters}
    texts = {
        key: value
        for key, value in pairs
        if key in parameters
        and (parameters[key].type in ("text", "date") or value in parameters[key].choices)
    }
    # Kubeflow writes truth values as Python does.
    rest = [
        (key, value.lower() if value in ("True", "False") else value)
        for key, value in pairs
        if key not in texts
    ]
    return scalars(rest) | texts


def _facts(info: PipelineInfo) -> dict[str, Any]:
    about = {"version": info.version, "existed": info.existed, "filename": info.filename}
    return info.definition.to_json() | about


def _wait(ws: Workspace, job: str, seconds: float | None) -> JobInfo:
    began = time.monotonic()
    while not (info := ws.jobs.job(job)).ended:
        if seconds is not None and time.monotonic() - began > seconds:
            raise Unavailable(f"the step has not ended within {seconds:g} s (job {job}).")
        time.sleep(POLL_SECONDS)
    return info


__all__ = ["pipelines"]
