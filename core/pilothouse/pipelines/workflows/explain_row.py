"""Explain the answer of a version to one row."""

from __future__ import annotations

from typing import Any

from pilothouse.explanations.row_jobs import explain_row
from pilothouse.jobs import JobContext, workflows
from pilothouse.kit.parameters import Parameter


@workflows.register("explain_row")
class ExplainRowWorkflow:
    """Shapley values by sampling, in the version's own model process."""

    title = "Explanation of a row"
    description = (
        "Which columns move the answer to a row: Shapley values against rows drawn from the "
        "version's held-out or logged ones. The job's result has them."
    )
    parameters = (
        Parameter("model", "text", required=True, help="The model's name."),
        Parameter("version", "integer", required=True, help="The version's number."),
        Parameter("record", "object", required=True, help="The row: values by input."),
        Parameter("output", "text", "", help="The output to explain; that of the answer."),
        Parameter("source", "text", "", help="Where the row is from, in words."),
    )

    @staticmethod
    def run(
        job: JobContext,
        model: str,
        version: int,
        record: dict[str, Any],
        output: str = "",
        source: str = "",
    ) -> dict[str, Any]:
        """One step; the values are its result."""
        about: dict[str, Any] = {"record": record, "output": output, "source": source}
        return job.compute("explain", explain_row, model=model, version=version, **about)
