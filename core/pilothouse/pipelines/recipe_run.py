"""A run of a recipe as part of a job: its environment, then its code."""

from __future__ import annotations

from typing import Any

from pilothouse.environments.job_functions import build_environment, resolve_environment
from pilothouse.jobs import JobContext
from pilothouse.pipelines.cleanup import closing_recipe_runs
from pilothouse.pipelines.environments import ending_environment
from pilothouse.pipelines.recipes.job_functions import (
    claim_environment,
    register_models,
    run_code,
)


def run_and_name(
    job: JobContext, recipe: str, parameters: dict[str, Any], dataset: str
) -> dict[str, Any]:
    """A whole run of a recipe: what `run_code` answers, its newest `run`, and the `versions` made.

    Its runs are closed when it stops for good.
    """
    with closing_recipe_runs(job):
        ran = run_recipe(job, recipe, parameters, dataset, (0.0, 0.95))
    job.span(0.95, 1.0)
    made = job.compute("name its versions", register_models, recipe=recipe, runs=ran["runs"])
    return {"run": ran["runs"][-1], **ran, **made}


def run_recipe(
    job: JobContext,
    recipe: str,
    parameters: dict[str, Any],
    dataset: str,
    span: tuple[float, float],
) -> dict[str, Any]:
    """The environment and the code, over a share of the job; what `run_code` answers."""
    start, end = span
    job.span(start, start + 0.02)
    claimed = job.compute("claim the environment", claim_environment, recipe=recipe, job_id=job.id)
    with ending_environment(job, claimed["environment"]):
        resolved = job.compute(
            "resolve the environment", resolve_environment, environment=claimed["environment"]
        )
        job.span(start + 0.02, start + (end - start) * 0.2)
        built = job.compute(
            "build the environment", build_environment, environment=resolved["environment"]
        )
    job.span(start + (end - start) * 0.2, end)
    return job.compute(
        "run the code",
        run_code,
        recipe=recipe,
        parameters=parameters,
        dataset=dataset,
        environment=built["environment"],
        job_id=job.id,
    )
