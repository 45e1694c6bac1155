"""Propose a version for a stage; a person decides."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pilothouse.kit.parameters import Parameter
from pilothouse.pipelines.step_functions import propose_promotion
from pilothouse.pipelines.step_kinds import StepContext, StepOutput, step_kinds


@step_kinds.register("propose_promotion")
class ProposePromotionStep:
    """A promotion that waits for a person; a pipeline never promotes."""

    title = "Proposal"
    description = "Freezes the evidence, asks the gates, and leaves the promotion to a person."
    parameters = (
        Parameter("model", "text", required=True, help="The model's name."),
        Parameter("version", "integer", required=True, help="The version's number."),
        Parameter("stage", "text", "production", help="The stage it is for, by its name."),
        Parameter("reason", "text", "", help="Why, as shown with the proposal."),
    )
    outputs = (
        StepOutput("promotion", "text", "The promotion that waits."),
        StepOutput("passed", "boolean", "Whether the gates would let it pass."),
    )

    @staticmethod
    def check(inputs: Mapping[str, Any]) -> None:
        """Nothing more: the version may be registered later."""

    @staticmethod
    def run(
        step: StepContext, *, model: str, version: int, stage: str = "production", reason: str = ""
    ) -> dict[str, Any]:
        """One durable step; repeated, it is the same proposal."""
        return step.job.compute(
            "propose",
            propose_promotion,
            model=model,
            version=version,
            stage=stage,
            reason=reason or f"proposed by the pipeline {step.pipeline}",
            step_id=step.id,
        )
