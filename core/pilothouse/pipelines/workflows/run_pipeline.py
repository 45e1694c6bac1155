"""Run a pipeline of people's own."""

from __future__ import annotations

from typing import Any

from pilothouse.jobs import JobContext, workflows
from pilothouse.kit.parameters import Parameter
from pilothouse.pipelines.definitions.execution import run_steps
from pilothouse.pipelines.definitions.pipeline_runs import open_run


@workflows.register("run_pipeline")
class RunPipelineWorkflow:
    """A run of a pipeline, asked for by a person, a schedule, a fork or a backfill."""

    title = "Pipeline"
    description = (
        "Does the steps of a pipeline one after another; each step's result is kept, so that a "
        "retry continues at the step that failed."
    )
    parameters = (
        Parameter("pipeline", "text", required=True, help="The pipeline's name."),
        Parameter("version", "integer", help="The version; None is the newest when it begins."),
        Parameter("parameters", "object", help="Parameters of the pipeline, by name."),
    )

    @staticmethod
    def run(
        job: JobContext,
        pipeline: str,
        version: int | None = None,
        parameters: dict[str, Any] | None = None,
    ) -> dict[str, Any]:
        """Each step of the definition is one or several durable steps."""
        plan = open_run(job.store, job.id, pipeline, version, parameters or {})
        outputs = run_steps(job, plan)
        return {
            "pipeline": pipeline,
            "outputs": {name: dict(values) for name, values in outputs.items()},
        }
