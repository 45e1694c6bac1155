"""Train a model by a spec."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from typing import Any

from pilothouse.kit.errors import Invalid
from pilothouse.kit.parameters import Parameter
from pilothouse.pipelines.cleanup import closing_runs
from pilothouse.pipelines.input_expressions import references
from pilothouse.pipelines.step_kinds import StepContext, StepOutput, step_kinds
from pilothouse.training.job_functions import train_one
from pilothouse.training.spec import TrainingSpec
from pilothouse.training.trainers import trainers

OPTIONS = "options"


@step_kinds.register("train")
class TrainStep:
    """A training, or a search with its trials."""

    title = "Training"
    description = "Trains one spec in a child process: a run, or with trials a search."
    parameters = (
        Parameter("dataset", "text", required=True, help="name, or name@number."),
        Parameter("target", "text", required=True, help="The column that is predicted."),
        Parameter("trainer", "text", "hist_gradient_boosting", help="A trainer by its name."),
        Parameter("features", "list", help="The columns to use; all usable ones."),
        Parameter("params", "object", help="Hyperparameters of the trainer, by name."),
        Parameter("trials", "integer", 0, 0, 500, help="Trials of a search; 0 for none."),
        Parameter("experiment", "text", "", help="The experiment; default the pipeline's name."),
        Parameter("name", "text", "", help="The name of the run."),
        Parameter(OPTIONS, "object", help="Further fields of a TrainingSpec, such as test_share."),
    )
    outputs = (
        StepOutput("run", "text", "The run; of a search, the best trial."),
        StepOutput("metric", "text", "The metric that decides."),
        StepOutput("value", "number", "Its value."),
        StepOutput("metrics", "object", "All metrics of the run."),
    )

    @staticmethod
    def check(inputs: Mapping[str, Any]) -> None:
        """The trainer, the names of options, and without expressions the whole spec."""
        options = inputs.get(OPTIONS) or {}
        own = {parameter.name for parameter in TrainStep.parameters}
        names = {item.name for item in fields(TrainingSpec)} - own
        if unknown := sorted(set(options) - names):
            raise Invalid(
                f"a training has no option {', '.join(unknown)}.",
                hint=f"It has {', '.join(sorted(names))}.",
                fields={OPTIONS: "unknown"},
            )
        trainer = inputs.get("trainer", "")
        if trainer and not references(trainer):
            trainers.get(str(trainer))
        if not references(dict(inputs)):
            TrainingSpec.from_json(_spec(dict(inputs)))

    @staticmethod
    def run(step: StepContext, **inputs: Any) -> dict[str, Any]:
        """One durable step; its runs are closed when it stops for good."""
        spec = _spec({**inputs, "experiment": inputs.get("experiment") or step.pipeline})
        with closing_runs(step.job, step.id):
            result = step.job.compute("train", train_one, spec=spec, job_id=step.id)
        return {output.name: result[output.name] for output in TrainStep.outputs}


def _spec(inputs: dict[str, Any]) -> dict[str, Any]:
    options = inputs.pop(OPTIONS, None) or {}
    return {name: value for name, value in inputs.items() if value not in (None, "")} | options
