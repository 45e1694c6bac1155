"""Check a dataset version against the contract of another one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pilothouse.kit.parameters import Parameter
from pilothouse.pipelines.step_functions import check_dataset
from pilothouse.pipelines.step_kinds import StepContext, StepOutput, step_kinds


@step_kinds.register("check_contract")
class CheckContractStep:
    """The contract that data must meet before anything is trained on it."""

    title = "Contract"
    description = "Checks every row against a contract; rows that break it fail the step."
    parameters = (
        Parameter("dataset", "text", required=True, help="The data: name, or name@number."),
        Parameter("against", "text", required=True, help="The version whose contract counts."),
        Parameter("columns", "list", help="The columns that are checked; all of the contract."),
    )
    outputs = (StepOutput("dataset", "text", "The version that was checked: name@number."),)

    @staticmethod
    def check(inputs: Mapping[str, Any]) -> None:
        """Nothing more: the data may be registered later."""

    @staticmethod
    def run(
        step: StepContext, *, dataset: str, against: str, columns: list[str] | None = None
    ) -> dict[str, Any]:
        """One durable step."""
        return step.job.compute(
            "check", check_dataset, dataset=dataset, against=against, columns=columns
        )
