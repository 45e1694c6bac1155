"""Build the environment that a model version runs in."""

from __future__ import annotations

from typing import Any

from pilothouse.environments.job_functions import build_environment, resolve_environment
from pilothouse.jobs import JobContext, workflows
from pilothouse.kit.parameters import Parameter
from pilothouse.pipelines.environments import (
    check_versions,
    collect_environments,
    ending_environment,
)


@workflows.register("build_environment")
class BuildEnvironmentWorkflow:
    """The resolution and the build of an environment, with their log."""

    title = "Environment"
    description = "Resolves requirements and builds an environment with uv; compiles nothing."
    parameters = (
        Parameter("environment", "text", required=True, help="The environment's id."),
        Parameter("rebuild", "boolean", False, help="Whether one that is there is built anew."),
    )

    @staticmethod
    def run(job: JobContext, environment: str, rebuild: bool = False) -> dict[str, Any]:
        """Resolve, build, and remove what is unused; a killed worker's step is done again."""
        with ending_environment(job, environment):
            job.span(0.0, 0.2)
            resolved = job.compute(
                "resolve", resolve_environment, environment=environment, rebuild=rebuild
            )
            job.span(0.2, 0.7)
            built = job.compute(
                "build", build_environment, environment=resolved["environment"], rebuild=rebuild
            )
        job.span(0.7, 0.9)
        checked = job.compute(
            "check", check_versions, environment=resolved["environment"], job_id=job.id
        )
        job.span(0.9, 1.0)
        return built | checked | job.compute("remove unused environments", collect_environments)
