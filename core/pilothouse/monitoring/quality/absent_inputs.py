"""Inputs of which no row of a window has a value."""

from pilothouse.monitoring.checks import CheckLimits
from pilothouse.monitoring.quality import (
    QualityCheck,
    WindowFacts,
    WindowScore,
    names_text,
    quality_checks,
)


def weigh(facts: WindowFacts) -> WindowScore | None:
    """The share of the reference's inputs that are absent."""
    inputs = len(facts.reference.columns)
    if not len(facts.rows) or not inputs:
        return None
    named = f"no row has {names_text(facts.absent)}" if facts.absent else ""
    return WindowScore(len(facts.absent) / inputs, named, n_current=len(facts.rows))


quality_checks.register("absent_inputs")(
    QualityCheck(
        title="Absent inputs",
        label="Absent inputs",
        phrase="the share of absent inputs",
        description="The share of the model's inputs of which no row of the window has a value.",
        unit="share of inputs",
        limits=CheckLimits(warn=0.0, fail=0.5),
        weigh=weigh,
    )
)
