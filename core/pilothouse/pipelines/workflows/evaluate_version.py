"""Evaluate a version on the labelled rows of a dataset version."""

from __future__ import annotations

from typing import Any

from pilothouse.jobs import JobContext, workflows
from pilothouse.kit.parameters import Parameter
from pilothouse.pipelines.cleanup import closing_runs
from pilothouse.pipelines.version_evaluation import evaluate_version


@workflows.register("evaluate_version")
class EvaluateVersionWorkflow:
    """What a version is worth on a dataset version, whatever its task and format."""

    title = "Evaluation of a version"
    description = (
        "Scores labelled rows in a model process of the version; its metrics, documents and rows "
        "become a run and evidence for the gates."
    )
    parameters = (
        Parameter("model", "text", required=True, help="The model's name."),
        Parameter("version", "integer", required=True, help="The version's number."),
        Parameter("dataset", "text", required=True, help="The dataset version: name@number."),
        Parameter("label", "text", "", help="The column of the labels; that of the target."),
    )

    @staticmethod
    def run(
        job: JobContext, model: str, version: int, dataset: str, label: str = ""
    ) -> dict[str, Any]:
        """One step; the run of an evaluation that stops for good is closed."""
        with closing_runs(job):
            return job.compute(
                "evaluate",
                evaluate_version,
                model=model,
                version=version,
                dataset=dataset,
                label=label,
                job_id=job.id,
            )
