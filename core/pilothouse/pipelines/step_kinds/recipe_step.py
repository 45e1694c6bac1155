"""Run a recipe: people's own training code."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pilothouse.kit.parameters import Parameter
from pilothouse.pipelines.recipe_run import run_and_name
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
        made = run_and_name(step.job, recipe, parameters or {}, dataset)
        return {output.name: made[output.name] for output in RecipeStep.outputs}
