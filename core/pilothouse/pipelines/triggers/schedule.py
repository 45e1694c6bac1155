"""A number of days has passed since the last training."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from pilothouse.kit.parameters import Parameter
from pilothouse.pipelines.triggers import TriggerFacts, triggers


@triggers.register("schedule")
class ScheduleTrigger:
    """For models that age steadily, and as the simple policy that others are compared with."""

    title = "Schedule"
    description = "Asks when so many days have passed since the last training began."
    counts_labels = False
    parameters = (
        Parameter(
            "days", "number", 28, low=1, high=3660, title="Days between trainings",
            help="Days from one training to the next.",
        ),
    )  # fmt: skip

    @staticmethod
    def reason(facts: TriggerFacts, params: Mapping[str, Any]) -> str:
        """Such as "28 days have passed since the last training"."""
        days = float(params["days"])
        if facts.now - facts.last_trained < timedelta(days=days):
            return ""
        return f"{days:g} days have passed since the last training"
