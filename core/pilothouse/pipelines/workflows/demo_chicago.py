"""A value and an interval on seven real years: the demo of drift in numbers."""

from __future__ import annotations

from typing import Any

from pilothouse.activity.actors import DEMO
from pilothouse.jobs import JobContext, workflows
from pilothouse.pipelines import chicago
from pilothouse.pipelines.cleanup import closing_runs
from pilothouse.pipelines.demo_service import with_seconds
from pilothouse.training.job_functions import train_all

TRAINED, SERVED, SENT = 0.3, 0.35, 0.98


@workflows.register("demo_chicago")
class DemoChicagoWorkflow:
    """The demo; a second start of it goes on where the first one stopped."""

    title = "Chicago demo"
    description = (
        "Trains a value and an interval on the days before 2010, promotes and deploys both, then "
        "sends 2010 to 2016 year by year and evaluates each month."
    )
    parameters = ()

    @staticmethod
    def run(job: JobContext) -> dict[str, Any]:
        """Each part is a step, and so is each year."""
        job = job.acting_as(DEMO)
        with closing_runs(job):
            return with_seconds(job, lambda: _run(job))


def _run(job: JobContext) -> dict[str, Any]:
    job.span(0.0, 0.05)
    data = job.compute("register the days before 2010", chicago.register)
    job.span(0.05, TRAINED)
    trained = job.compute(
        "train a value and an interval", train_all, specs=data["specs"], job_id=job.id
    )
    job.span(TRAINED, SERVED)
    best = job.compute("choose the best runs", chicago.best_runs, runs=trained["runs"])
    for model, run in best.items():
        job.compute(f"put {model} into service", chicago.put_into_service, model=model, run=run)
    for number, year in enumerate(data["years"]):
        share = (SENT - SERVED) / len(data["years"])
        job.span(SERVED + number * share, SERVED + (number + 1) * share)
        job.compute(f"send {year}", chicago.send_year, year=year)
    job.span(SENT, 1.0)
    return job.compute("count what came of it", chicago.summary)
