"""Backfill: one run for each period of a span of dates, but for those that are done."""

from __future__ import annotations

import calendar
from collections.abc import Iterator, Mapping
from datetime import date, timedelta
from typing import Any

from sqlmodel import Session, col, select

from pilothouse.jobs.tables import QUEUED, RUNNING, SUCCEEDED, Job
from pilothouse.kit.errors import Invalid
from pilothouse.pipelines.definitions import registration
from pilothouse.pipelines.definitions.definition import Definition, read_parameters
from pilothouse.pipelines.definitions.definition_info import PipelineInfo
from pilothouse.pipelines.tables import PipelineRun
from pilothouse.storage import Store

PERIODS = ("day", "week", "month")
MAX_RUNS = 200
COLUMNS = ("date", "run", "state")
SUBMITTED, DONE = "submitted", "skipped"


def date_parameter(definition: Definition, name: str = "") -> str:
    """The parameter that takes the date: the one that is named, or the only date.

    Raises Invalid when there is none, or several and none is named.
    """
    dates = [parameter.name for parameter in definition.parameters if parameter.type == "date"]
    if name:
        if name not in dates:
            raise Invalid(
                f"{definition.name} has no date {name!r}.",
                hint=f"Its dates are: {', '.join(dates) or 'none'}.",
                fields={"parameter": "no date"},
            )
        return name
    if len(dates) != 1:
        raise Invalid(
            f"{definition.name} has {len(dates)} parameters of the type date.",
            hint="A backfill gives the date of its period to one: "
            + ("name it." if dates else "add one to the definition."),
            fields={"parameter": "needed"},
        )
    return dates[0]


def dates_of(start: date, end: date, every: str) -> list[date]:
    """The first day of each period that begins from `start` to `end`, both included.

    Raises Invalid for an unknown period, an empty span, and beyond `MAX_RUNS`.
    """
    if every not in PERIODS:
        raise Invalid(
            f"{every!r} is no period.",
            hint=f"There are {', '.join(PERIODS)}.",
            fields={"every": "unknown"},
        )
    if end < start:
        raise Invalid(f"{end} is before {start}.", fields={"end": "before the start"})
    result = []
    for day in _days(start, every):
        if day > end:
            break
        result.append(day)
        if len(result) > MAX_RUNS:
            raise Invalid(
                f"from {start} to {end} there are more than {MAX_RUNS} periods of a {every}.",
                hint="Backfill a shorter span at a time.",
                fields={"end": "too far"},
            )
    return result


def _days(start: date, every: str) -> Iterator[date]:
    number = 0
    while True:
        if every == "month":
            yield _months_later(start, number)
        else:
            yield start + timedelta(days=number * (7 if every == "week" else 1))
        number += 1


def _months_later(start: date, months: int) -> date:
    """The same day of a later month, or its last day where it is shorter."""
    year, month = divmod(start.month - 1 + months, 12)
    year, month = start.year + year, month + 1
    return date(year, month, min(start.day, calendar.monthrange(year, month)[1]))


def backfill(
    session: Session,
    store: Store,
    pipeline: PipelineInfo,
    parameter: str,
    days: list[date],
    parameters: Mapping[str, Any],
) -> list[tuple[str, str, str]]:
    """Submit a run for each day whose parameters no run has succeeded with, or is under way with.

    A date, the run, and `submitted` or `skipped` for each, oldest first.
    """
    rows = []
    existing = _existing(session, pipeline.name)
    for day in days:
        dated = {**parameters, parameter: day.isoformat()}
        values = read_parameters(pipeline.definition, dated, store.now().date())
        if run := next((run for run, used in existing if used == values), ""):
            rows.append((day.isoformat(), run, DONE))
            continue
        run = registration.submit_run(session, store, pipeline, values)
        rows.append((day.isoformat(), run, SUBMITTED))
    return rows


def _existing(session: Session, name: str) -> list[tuple[str, dict[str, Any]]]:
    query = (
        select(PipelineRun.id, PipelineRun.parameters)
        .join(Job, col(Job.id) == col(PipelineRun.job_id))
        .where(PipelineRun.pipeline == name, col(Job.status).in_((SUCCEEDED, QUEUED, RUNNING)))
    )
    return [(run, dict(values)) for run, values in session.exec(query)]
