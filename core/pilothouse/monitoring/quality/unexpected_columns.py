"""Logged columns that are no input of the model."""

from pilothouse.monitoring.checks import CheckLimits
from pilothouse.monitoring.quality import (
    QualityCheck,
    WindowFacts,
    WindowScore,
    names_text,
    quality_checks,
)


def weigh(facts: WindowFacts) -> WindowScore | None:
    """The share of the logged columns of inputs that the signature lacks."""
    present = len(facts.rows.features.columns)
    count = len(facts.unexpected)
    if not len(facts.rows) or not present + count:
        return None
    named = f"the model has no input {names_text(facts.unexpected)}" if count else ""
    return WindowScore(count / (present + count), named, n_current=len(facts.rows))


quality_checks.register("unexpected_columns")(
    QualityCheck(
        title="Unexpected columns",
        label="Unexpected columns",
        phrase="the share of unexpected columns",
        description="The share of logged columns with values that the signature lacks.",
        unit="share of columns",
        limits=CheckLimits(warn=0.0, fail=0.5),
        weigh=weigh,
    )
)
