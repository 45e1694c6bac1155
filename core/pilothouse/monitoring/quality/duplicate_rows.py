"""Rows that equal another row of the window in every input."""

from pilothouse.monitoring.chance import share_chance
from pilothouse.monitoring.checks import CheckLimits
from pilothouse.monitoring.quality import QualityCheck, WindowFacts, WindowScore, quality_checks
from pilothouse.monitoring.repeated_rows import RepeatedRows, repeated_rows, share_in_draw


def weigh(facts: WindowFacts) -> WindowScore | None:
    """By how much the share of repeated rows has risen, in as many rows as the smaller side has."""
    before = facts.reference.repeated
    if before is None or not before.rows or not len(facts.rows):
        return None
    names = set(before.columns)
    if names != facts.reference.columns.keys() or facts.absent or names - {*facts.rows.features}:
        return None  # rows that lack a column are equal more often
    if facts.all_differ:
        after = RepeatedRows(before.columns, len(facts.rows), ())
    else:
        after = repeated_rows(facts.rows.features, before.columns)
    size = min(before.rows, after.rows)
    shares = share_in_draw(before, size), share_in_draw(after, size)
    counts = [round(share * size) for share in shares]
    return WindowScore(
        max(shares[1] - shares[0], 0.0),
        f"{100 * share_in_draw(after, after.rows):.1f} % of the rows repeat another one",
        n_reference=before.rows,
        n_current=after.rows,
        chance=share_chance(counts[0], size, counts[1], size),
    )


quality_checks.register("duplicate_rows")(
    QualityCheck(
        title="Rise of the rate of repeated rows",
        label="Repeated rows",
        phrase="the share of repeated rows",
        description=(
            "By how much the share of rows that repeat another row in every input has risen, as "
            "when a batch is sent twice. The more rows, the more repeat by chance: both sides are "
            "compared in a draw of equal size."
        ),
        unit="share of rows",
        limits=CheckLimits(warn=0.05, fail=0.2),
        weigh=weigh,
    )
)
