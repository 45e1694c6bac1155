"""Run a recipe: people's own training code."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pilothouse.kit.parameters import Parameter
from pilothouse.pipelines.cleanup import closing_recipe_runs
from pilothouse.pipelines.recipe_run import run_recipe
from pilothouse.pipelines.recipes.job_functions import register_models
from pilothouse.pipelines.step_kinds import StepContext, StepOutput, step_kinds


@step_kinds.register("recipe")
class RecipeStep:
    """Registered code with its parameters, in its own environment."""

    title = "Recipe"
    description = "Runs the code of a recipe in its environment and names what it registered."
    parameters = (
        Parameter("recipe", "text", required=True, help="The recipe's name."),
        Parameter("parameters", "object", help="Parameters of its entry point, by name."),
        Parameter("dataset", "text", "", help="A dataset version whose file it is given."),
    )
    outputs = (
        StepOutput("run", "text", "The newest run that the code made."),
        StepOutput("dataset", "text", "The dataset version that it read."),
        StepOutput("versions", "list", "The model versions that it made: name@number."),
    )

    @staticmethod
    def check(inputs: Mapping[str, Any]) -> None:
        """Nothing more: the recipe may be registered later."""

    @staticmethod
    def run(
        step: StepContext,
        *,
        recipe: str,
        parameters: dict[str, Any] | None = None,
        dataset: str = "",
    ) -> dict[str, Any]:
        """The environment, the code and its versions are durable steps."""
        job = step.job
        with closing_recipe_runs(job):
            ran = run_recipe(job, recipe, parameters or {}, dataset, (0.0, 0.95))
        job.span(0.95, 1.0)
        made = job.compute("name its versions", register_models, recipe=recipe, runs=ran["runs"])
        return {"run": ran["runs"][-1], "dataset": ran["dataset"], "versions": made["versions"]}
