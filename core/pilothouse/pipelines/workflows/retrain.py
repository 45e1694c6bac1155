"""Retrain on the labelled window and propose the new version to a person."""

from __future__ import annotations

from typing import Any

from pilothouse.activity.actors import RETRAINING
from pilothouse.jobs import JobContext, workflows
from pilothouse.kit.parameters import Parameter
from pilothouse.pipelines.cleanup import closing_recipe_runs, closing_runs
from pilothouse.pipelines.recipe_retraining import made_version, propose_version
from pilothouse.pipelines.recipe_run import run_recipe
from pilothouse.pipelines.recipes.job_functions import register_models
from pilothouse.pipelines.retraining import check_contract, compare, propose, snapshot
from pilothouse.pipelines.version_evaluation import evaluate_version
from pilothouse.training.job_functions import train_one

SIDES = ("challenger", "champion")


@workflows.register("retrain")
class RetrainWorkflow:
    """A retraining, asked for by a person, a schedule or an alert."""

    title = "Retraining"
    description = (
        "Makes a dataset of the newest labelled predictions, checks it, trains, compares with the "
        "champion on the newest rows, registers and proposes; it never promotes."
    )
    parameters = (
        Parameter("deployment", "text", required=True, help="The deployment's name."),
        Parameter("reason", "text", "", help="Why, as shown with the proposal."),
        Parameter(
            "weeks",
            "integer",
            unit="weeks",
            help="Length of the labelled window; None is the rows of the retraining policy.",
        ),
        Parameter("until_ms", "integer", unit="ms", help="End of the window; None is the newest."),
    )

    @staticmethod
    def run(
        job: JobContext,
        deployment: str,
        reason: str = "",
        weeks: int | None = None,
        until_ms: int | None = None,
    ) -> dict[str, Any]:
        """Each part is a step; runs of a retraining that stops for good are closed."""
        job = job.acting_as(RETRAINING)
        with closing_runs(job):
            return _retrain(job, deployment, reason, weeks, until_ms)


def _retrain(
    job: JobContext, deployment: str, reason: str, weeks: int | None, until_ms: int | None
) -> dict[str, Any]:
    job.span(0.0, 0.15)
    data = job.compute(
        "snapshot the labelled window",
        snapshot,
        deployment=deployment,
        weeks=weeks,
        until_ms=until_ms,
    )
    job.span(0.15, 0.25)
    job.compute("check its contract", check_contract, **data["contract"])

    if "recipe" in data:
        return _retrain_by_recipe(job, data, reason)

    job.span(0.25, 0.75)
    trained = job.compute("train", train_one, spec=data["spec"], job_id=job.id)

    job.span(0.75, 0.9)
    subject = {"run": trained["run"], "model": data["model"], "champion": data["champion"]}
    compared = job.compute("compare with the champion", compare, **subject, dataset=data["dataset"])

    job.span(0.9, 1.0)
    proposal = job.compute(
        "register and propose", propose, **subject, compared=compared, reason=reason
    )
    return {"dataset": data["dataset"], "run": trained["run"], **compared, **proposal}


def _retrain_by_recipe(job: JobContext, data: dict[str, Any], reason: str) -> dict[str, Any]:
    """Run the code on the older rows; evaluate what it made, and the champion, on the newest."""
    with closing_recipe_runs(job):
        ran = run_recipe(job, **data["recipe"], span=(0.25, 0.75))
    made = job.compute(
        "name its versions", register_models, recipe=data["recipe"]["recipe"], runs=ran["runs"]
    )
    model, champion = data["model"], data["champion"]
    chosen = job.compute("find its version", made_version, model=model, **made)
    version = chosen["version"]

    job.span(0.75, 0.95)
    evaluations = {}
    with closing_runs(job, *(f"{job.id}-{side}" for side in SIDES)):
        for side, number in zip(SIDES, (version, champion), strict=True):
            evaluations[side] = job.compute(
                f"evaluate the {side}",
                evaluate_version,
                model=model,
                version=number,
                job_id=f"{job.id}-{side}",
                **data["evaluation"],
            )
    job.span(0.95, 1.0)
    proposal = job.compute(
        "propose",
        propose_version,
        model=model,
        version=version,
        champion=champion,
        evaluations=evaluations,
        dataset=data["evaluation"]["dataset"],
        reason=reason,
    )
    return {"dataset": data["dataset"], "run": ran["runs"][-1], **proposal}
