"""The whole loop once, on real flights: the demo that a newcomer watches."""

from __future__ import annotations

from typing import Any

from pilothouse.activity.actors import DEMO
from pilothouse.jobs import JobContext, workflows
from pilothouse.kit.clock import from_ms
from pilothouse.kit.parameters import Parameter
from pilothouse.pipelines import flights
from pilothouse.pipelines.cleanup import closing_runs
from pilothouse.pipelines.demo_service import with_seconds
from pilothouse.pipelines.waiting import wait_for_retraining
from pilothouse.training.job_functions import train_all

TRAINED, SERVED, SENT = 0.2, 0.25, 0.98


@workflows.register("demo_flights")
class DemoFlightsWorkflow:
    """The demo; a second start of it goes on where the first one stopped."""

    title = "Flights demo"
    description = (
        "Trains on January and February, promotes, deploys, then sends the flights of the year "
        "week by week and evaluates each week."
    )
    parameters = (
        Parameter("weeks", "integer", unit="weeks", help="Only the first weeks; None sends all."),
    )

    @staticmethod
    def run(job: JobContext, weeks: int | None = None) -> dict[str, Any]:
        """Each part is a step, and so is each week."""
        job = job.acting_as(DEMO)
        with closing_runs(job):
            return with_seconds(job, lambda: _sail(job, weeks))


def _sail(job: JobContext, weeks: int | None) -> dict[str, Any]:
    job.span(0.0, 0.03)
    data = job.compute("register January and February", flights.register)
    job.span(0.03, TRAINED)
    trained = job.compute(
        "train the candidates",
        train_all,
        specs=flights.specs(data["dataset"]),
        job_id=job.id,
    )
    job.span(TRAINED, SERVED)
    job.compute("put the best into service", flights.put_into_service, run=trained["run"])
    mondays = data["weeks"][:weeks]
    for number, monday in enumerate(mondays):
        share = (SENT - SERVED) / len(mondays)
        job.span(SERVED + number * share, SERVED + (number + 1) * share)
        week = job.compute(
            f"week of {from_ms(monday):%d %b %Y}",
            flights.send_week,
            week_ms=monday,
            is_last=number == len(mondays) - 1,
        )
        for retraining in week["jobs"]:
            job.step("wait for the retraining", wait_for_retraining, job, retraining)
    job.span(SENT, 1.0)
    return job.compute("count what came of it", flights.summary)
