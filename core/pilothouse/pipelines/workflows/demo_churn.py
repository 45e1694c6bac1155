"""A stranger's model, from the table of a database to a weekly retraining."""

from __future__ import annotations

from typing import Any

from pilothouse.activity.actors import DEMO
from pilothouse.jobs import JobContext, workflows
from pilothouse.pipelines import churn
from pilothouse.pipelines.cleanup import closing_recipe_runs, closing_runs
from pilothouse.pipelines.demo_service import with_seconds
from pilothouse.pipelines.recipe_run import run_recipe
from pilothouse.pipelines.recipes.job_functions import register_models
from pilothouse.pipelines.version_evaluation import evaluate_version
from pilothouse.pipelines.waiting import wait_for_retraining

TRAINED, MEASURED, SERVED, SENT = 0.25, 0.35, 0.45, 0.97


@workflows.register("demo_churn")
class DemoChurnWorkflow:
    """The demo; a second start of it goes on where the first one stopped."""

    title = "Churn demo"
    description = (
        "Reads customers from a database, runs the training code of an MLflow user, evaluates its "
        "model on groups, promotes and deploys it, then sends eight weekly lists and retrains."
    )
    parameters = ()

    @staticmethod
    def run(job: JobContext) -> dict[str, Any]:
        """Each part is a step, and so is each week."""
        job = job.acting_as(DEMO)
        with closing_runs(job), closing_recipe_runs(job):
            return with_seconds(job, lambda: _run(job))


def _run(job: JobContext) -> dict[str, Any]:
    measured = _measured_version(job)
    job.span(MEASURED, SERVED)
    job.compute("put it into service", churn.put_into_service, version=measured["version"])
    for week in range(1, churn.SENT_WEEKS + 1):
        _send(job, week)
    job.span(SENT, 1.0)
    job.compute("retrain every week", churn.schedule)
    totals = job.compute("count what came of it", churn.summary)
    return {**totals, **measured}


def _measured_version(job: JobContext) -> dict[str, Any]:
    """From the table to a version with its metrics, on all held-out customers and on groups."""
    job.span(0.0, 0.05)
    job.compute("write the database", churn.write_database)
    data = job.compute("register the answers of queries", churn.register)
    ran = run_recipe(
        job, churn.NAME, {"strength": churn.STRENGTH}, data["dataset"], span=(0.05, TRAINED)
    )
    job.span(TRAINED, MEASURED)
    made = job.compute("name its versions", register_models, recipe=churn.NAME, runs=ran["runs"])
    version = job.compute("describe its answer", churn.describe, **made)["version"]
    evaluated = job.compute(
        "evaluate it on held-out customers",
        evaluate_version,
        model=churn.NAME,
        version=version,
        dataset=data["held_out"],
        label=churn.TARGET,
        job_id=job.id,
    )
    grouped = job.compute("measure it on groups", churn.measure_groups, run=evaluated["run"])
    return {"version": version, "metrics": evaluated["metrics"], **grouped}


def _send(job: JobContext, week: int) -> None:
    share = (SENT - SERVED) / churn.SENT_WEEKS
    job.span(SERVED + (week - 1) * share, SERVED + week * share)
    sent = job.compute(f"week {week}", churn.send_week, week=week)
    for retraining in sent["jobs"]:
        job.step("wait for the retraining", wait_for_retraining, job, retraining)
