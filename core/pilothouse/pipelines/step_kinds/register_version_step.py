"""Make the model of a run the next version of a model."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pilothouse.kit.names import MODEL
from pilothouse.kit.parameters import Parameter
from pilothouse.pipelines.input_expressions import references
from pilothouse.pipelines.step_functions import register_version
from pilothouse.pipelines.step_kinds import StepContext, StepOutput, step_kinds


@step_kinds.register("register_version")
class RegisterVersionStep:
    """A version of the registry; the same run is the same version."""

    title = "Registration of a version"
    description = "Registers the model of a run as the next version, and tries it once."
    parameters = (
        Parameter("model", "text", required=True, help="The model's name."),
        Parameter("run", "text", required=True, help="The run that has the model."),
        Parameter("note", "text", "", help="A note on the version."),
    )
    outputs = (
        StepOutput("model", "text", "The model's name."),
        StepOutput("version", "integer", "The version's number."),
        StepOutput("ref", "text", "Both: name@number."),
    )

    @staticmethod
    def check(inputs: Mapping[str, Any]) -> None:
        """The name of the model, where it is written."""
        if not references(inputs["model"]):
            MODEL.check(inputs["model"])

    @staticmethod
    def run(step: StepContext, *, model: str, run: str, note: str = "") -> dict[str, Any]:
        """One durable step."""
        return step.job.compute("register", register_version, model=model, run=run, note=note)
