"""How long a window had no prediction at its end."""

from pilothouse.monitoring.checks import CheckLimits
from pilothouse.monitoring.quality import QualityCheck, WindowFacts, WindowScore, quality_checks
from pilothouse.monitoring.traffic import MIN_EARLIER, usual_most


def weigh(facts: WindowFacts) -> WindowScore | None:
    """The part of the window after its newest prediction; of an empty one, volume speaks."""
    traffic = facts.traffic
    if traffic is None or traffic.silent_share is None or not traffic.has_ended:
        return None
    earlier = traffic.earlier_silence
    judged = len(earlier) >= MIN_EARLIER
    return WindowScore(
        traffic.silent_share,
        f"no prediction in the last {100 * traffic.silent_share:.0f} % of the window",
        n_current=traffic.rows,
        # Until enough windows are there to say what is usual, any silence may be.
        usual=usual_most(earlier) if judged else 1.0,
        usual_method=f"most of {len(earlier)} windows" if judged else "too few windows",
    )


quality_checks.register("freshness")(
    QualityCheck(
        title="Silence at the end",
        label="Freshness",
        phrase="the silence at the end of the window",
        description=(
            "The part of a window after its newest prediction. It must also be longer than in nine "
            "tenths of up to 20 earlier windows, of which four are needed: a deployment that rests "
            "at weekends is not stale."
        ),
        unit="share of the window",
        limits=CheckLimits(warn=0.15, fail=0.4),
        weigh=weigh,
    )
)
