"""Drift has failed in a share of the newest windows."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pilothouse.kit.parameters import Parameter
from pilothouse.monitoring.checks import FAIL
from pilothouse.pipelines.triggers import TriggerFacts, triggers


@triggers.register("drift")
class DriftTrigger:
    """For labels that come too late, or for few rows: drift shows before performance does."""

    title = "Drift"
    description = (
        "Asks when drift failed in at least this share of the newest windows. It waits until there "
        "are so many windows since the last training."
    )
    counts_labels = False
    parameters = (
        Parameter(
            "windows", "integer", 4, low=1, high=60, title="Newest windows",
            help="How many of the newest windows count.",
        ),
        Parameter(
            "share", "number", 0.5, low=0.01, high=1.0, title="Share that failed",
            help="Share of these windows in which drift must have failed.",
        ),
    )  # fmt: skip

    @staticmethod
    def reason(facts: TriggerFacts, params: Mapping[str, Any]) -> str:
        """Such as "drift failed in 3 of the last 4 windows"."""
        count = int(params["windows"])
        newest = facts.windows[-count:]
        failed = sum(window.drift_status == FAIL for window in newest)
        if len(newest) < count or failed < float(params["share"]) * count:
            return ""
        return f"drift failed in {failed} of the last {count} windows"
