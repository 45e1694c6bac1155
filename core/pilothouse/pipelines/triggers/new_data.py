"""So many labels have been received since the last training."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pilothouse.kit.parameters import Parameter
from pilothouse.pipelines.triggers import TriggerFacts, triggers


@triggers.register("new_data")
class NewDataTrigger:
    """For models that were trained on few rows and get better with more."""

    title = "New labels"
    description = "Asks when so many labels were received since the last training."
    counts_labels = True
    parameters = (
        Parameter(
            "rows", "integer", 5_000, low=1, title="Labels",
            help="Labels that make a retraining worth its cost.",
        ),
    )  # fmt: skip

    @staticmethod
    def reason(facts: TriggerFacts, params: Mapping[str, Any]) -> str:
        """Such as "5,120 labels were received since the last training"."""
        if facts.new_labels < int(params["rows"]):
            return ""
        return f"{facts.new_labels:,} labels were received since the last training"
