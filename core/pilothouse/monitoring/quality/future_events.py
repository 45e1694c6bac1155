"""Predictions whose event time lies after their receipt."""

from pilothouse.monitoring.checks import CheckLimits
from pilothouse.monitoring.quality import QualityCheck, WindowFacts, WindowScore, quality_checks


def weigh(facts: WindowFacts) -> WindowScore | None:
    """The share of predictions that are ahead of their time."""
    traffic = facts.traffic
    if traffic is None or not traffic.received:
        return None
    return WindowScore(
        traffic.ahead / traffic.received,
        f"{traffic.ahead:,} predictions are dated after their receipt" if traffic.ahead else "",
        n_current=traffic.received,
    )


quality_checks.register("future_events")(
    QualityCheck(
        title="Rate of event times in the future",
        label="Future event times",
        phrase="the share of event times in the future",
        description=(
            "The share of predictions whose event time is more than ten minutes after their "
            "receipt, of those that belong to the window or were received in it. They are missing "
            "in the window they belong to."
        ),
        unit="share of rows",
        limits=CheckLimits(warn=0.001, fail=0.02),
        weigh=weigh,
    )
)
