"""Search the smallest change of a row that changes the answer of a version."""

from __future__ import annotations

from typing import Any

from pilothouse.explanations.row_jobs import find_counterfactual
from pilothouse.jobs import JobContext, workflows
from pilothouse.kit.parameters import Parameter


@workflows.register("find_counterfactual")
class FindCounterfactualWorkflow:
    """A bounded search in the version's own model process."""

    title = "Nearest counterfactual"
    description = (
        "Searches the smallest change of a row, over the columns that may change, with which the "
        "version gives another answer. What is found was answered by the model."
    )
    parameters = (
        Parameter("model", "text", required=True, help="The model's name."),
        Parameter("version", "integer", required=True, help="The version's number."),
        Parameter("record", "object", required=True, help="The row: values by input."),
        Parameter("columns", "list", required=True, help="Inputs that may change; none: all."),
        Parameter("goal", "object", required=True, help="answer, output, at_least or at_most."),
        Parameter("source", "text", "", help="Where the row is from, in words."),
    )

    @staticmethod
    def run(
        job: JobContext,
        model: str,
        version: int,
        record: dict[str, Any],
        columns: list[str],
        goal: dict[str, Any],
        source: str = "",
    ) -> dict[str, Any]:
        """One step; the changes are its result."""
        about: dict[str, Any] = {"record": record, "columns": columns, "goal": goal}
        return job.compute(
            "search", find_counterfactual, model=model, version=version, source=source, **about
        )
