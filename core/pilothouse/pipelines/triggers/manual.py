"""A person asks for a retraining."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from pilothouse.kit.parameters import Parameter
from pilothouse.pipelines.triggers import TriggerFacts, triggers


@triggers.register("manual")
class ManualTrigger:
    """Without it, people cannot start a retraining by hand."""

    title = "By hand"
    description = (
        "Never asks by itself: it allows people to start a retraining. Cool-down and budget do not "
        "hold back a person."
    )
    counts_labels = False
    parameters: ClassVar[tuple[Parameter, ...]] = ()

    @staticmethod
    def reason(facts: TriggerFacts, params: Mapping[str, Any]) -> str:
        """Nothing: a person has a reason of their own."""
        return ""
