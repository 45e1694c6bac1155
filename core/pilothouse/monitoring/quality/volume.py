"""How many predictions there are, beside the deployment's earlier windows."""

from statistics import median

from pilothouse.monitoring.checks import CheckLimits
from pilothouse.monitoring.quality import QualityCheck, WindowFacts, WindowScore, quality_checks
from pilothouse.monitoring.traffic import MIN_EARLIER, usual_least


def weigh(facts: WindowFacts) -> WindowScore | None:
    """The rows over the median of earlier windows."""
    traffic = facts.traffic
    if traffic is None or not traffic.has_ended or len(traffic.earlier_rows) < MIN_EARLIER:
        return None
    usual = median(traffic.earlier_rows)
    if not usual:
        return None
    ratios = [rows / usual for rows in traffic.earlier_rows]
    count = len(ratios)
    return WindowScore(
        traffic.rows / usual,
        f"{traffic.rows:,} predictions; {usual:,.0f} is the median of {count} earlier windows",
        n_current=traffic.rows,
        usual=usual_least(ratios),
        usual_method=f"least of {count} windows",
    )


quality_checks.register("volume")(
    QualityCheck(
        title="Volume of predictions",
        label="Volume",
        phrase="the volume of predictions",
        description=(
            "The predictions of a window over the median of up to 20 earlier windows of the "
            "deployment; a window must also have fewer than nine tenths of them had. It is checked "
            "once there are four, not counting the first one."
        ),
        unit="times the median",
        limits=CheckLimits(warn=0.5, fail=0.2, direction="below"),
        weigh=weigh,
    )
)
