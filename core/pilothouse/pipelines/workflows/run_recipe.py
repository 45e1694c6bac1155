"""Run a recipe: people's own training code, in an environment of its own."""

from __future__ import annotations

from typing import Any

from pilothouse.jobs import JobContext, workflows
from pilothouse.kit.parameters import Parameter
from pilothouse.pipelines.recipe_run import run_and_name


@workflows.register("run_recipe")
class RunRecipeWorkflow:
    """One run of a recipe, asked for by a person, a schedule or a retraining."""

    title = "Recipe"
    description = (
        "Builds the environment of a recipe, runs its code there with the tracking address set, "
        "and names the runs and model versions that it made. Cancelling ends all its processes."
    )
    parameters = (
        Parameter("recipe", "text", required=True, help="The recipe's name."),
        Parameter("parameters", "object", help="Parameters of its entry point, by name."),
        Parameter("dataset", "text", "", help="A dataset version whose file it is given."),
    )

    @staticmethod
    def run(
        job: JobContext,
        recipe: str,
        parameters: dict[str, Any] | None = None,
        dataset: str = "",
    ) -> dict[str, Any]:
        """Each part is a step; code that was killed with its worker starts anew."""
        return run_and_name(job, recipe, parameters or {}, dataset)
