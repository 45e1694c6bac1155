"""An alert whose rule asks for a retraining has fired."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from pilothouse.kit.parameters import Parameter
from pilothouse.pipelines.triggers import TriggerFacts, triggers


@triggers.register("alert")
class AlertTrigger:
    """The default: the rule on performance asks for a retraining unless a person changes it."""

    title = "Alert"
    description = (
        "Asks when an alert fires whose rule has the action *retrain*; the default rule on "
        "performance has it. In a backtest: performance failed in two windows in a row."
    )
    counts_labels = False
    parameters: ClassVar[tuple[Parameter, ...]] = ()

    @staticmethod
    def reason(facts: TriggerFacts, params: Mapping[str, Any]) -> str:
        """The oldest alert's message."""
        return facts.alerts[0] if facts.alerts else ""
