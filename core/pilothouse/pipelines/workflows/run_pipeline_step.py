"""Do one step of a pipeline whose run another program leads, such as Airflow."""

from __future__ import annotations

from typing import Any

from pilothouse.jobs import JobContext, workflows
from pilothouse.kit.parameters import Parameter
from pilothouse.pipelines.definitions.execution import run_step
from pilothouse.pipelines.definitions.pipeline_runs import step_plan


@workflows.register("run_pipeline_step")
class RunPipelineStepWorkflow:
    """A step by itself: the other program decides when, and what comes before it."""

    title = "Step of a pipeline"
    description = "Does one step with the outputs that earlier steps of the same run have left."
    parameters = (
        Parameter("run", "text", required=True, help="The run that the step belongs to."),
        Parameter("step", "text", required=True, help="The step's name."),
    )

    @staticmethod
    def run(job: JobContext, run: str, step: str) -> dict[str, Any]:
        """The step is one or several durable steps."""
        plan, outputs = step_plan(job.store, run)
        return run_step(job.part(step, 0.0, 1.0), plan, plan.definition.step(step), outputs)
