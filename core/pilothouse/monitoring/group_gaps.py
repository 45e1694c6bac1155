"""Checks of groups of rows, judged together: beyond a limit and beyond chance.

What is judged is how far a figure of the window lies from the same figure of the reference.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from statistics import NormalDist
from typing import Literal

from pilothouse.monitoring.chance import benjamini_hochberg
from pilothouse.monitoring.checks import FAIL, INSUFFICIENT, OK, WARN, Check, CheckLimits
from pilothouse.monitoring.metric_chance import NOT_WORSE

METHOD = "normal"
NORMAL = NormalDist()


@dataclass(frozen=True)
class ScoredGap:
    """A check with score, reference and limits, and the standard error of their difference.

    Without an `error` it could not be scored, and its message says why. With `is_ratio` the error
    is that of the logarithms. The tails are one of a figure that can only get worse one way, two of
    the size of a figure whose sign does not matter.
    """

    check: Check
    error: float | None = None
    tails: Literal[1, 2] = 1
    is_ratio: bool = False

    @property
    def worse(self) -> float:
        """How much worse than the reference the score is, as `error` is counted."""
        check = self.check
        if check.score is None or check.reference is None:
            return 0.0
        sign = -1 if check.direction == "below" else 1
        if self.is_ratio:
            return sign * math.log(check.score / check.reference)
        return sign * (check.score - check.reference)

    @property
    def p_value(self) -> float:
        """How often chance alone gives a score that is as bad or worse."""
        if not self.error:
            return float(self.worse <= 0)
        return min(self.tails * NORMAL.cdf(-self.worse / self.error), 1.0)

    def noise(self, level: float) -> float:
        """The score that chance alone exceeds this often."""
        reach = NORMAL.inv_cdf(1 - level / self.tails) * (self.error or 0.0)
        reference = self.check.reference or 0.0
        sign = -1 if self.check.direction == "below" else 1
        return reference * math.exp(sign * reach) if self.is_ratio else reference + sign * reach


def judge_gaps(gaps: Sequence[ScoredGap], false_discovery_rate: float) -> list[Check]:
    """The checks with their status; those of one name are judged together.

    So of many groups that have not changed, hardly more than this share of windows has one that
    breaches.
    """
    families: dict[str, list[float]] = defaultdict(list)
    for gap in gaps:
        if gap.error is not None:
            families[gap.check.check].append(gap.p_value)
    levels = {
        name: benjamini_hochberg(values, false_discovery_rate) for name, values in families.items()
    }
    return [
        gap.check if gap.error is None else _judged(gap, levels[gap.check.check]) for gap in gaps
    ]


def _judged(gap: ScoredGap, level: float) -> Check:
    check = gap.check
    if check.score is None or check.warn is None or check.threshold is None:
        return check
    limits = CheckLimits(check.warn, check.threshold, check.direction)
    noise, p_value = gap.noise(level), gap.p_value
    status, message = limits.judge(check.score), check.message
    is_chance = p_value > level
    if is_chance and CheckLimits(noise, noise, check.direction).judge(check.threshold) == OK:
        # Chance alone reaches the limit: that the group is fine needs to be shown.
        held = ScoredGap(replace(check, score=check.threshold), gap.error, is_ratio=gap.is_ratio)
        if gap.worse + NOT_WORSE * (gap.error or 0.0) > held.worse:
            status = INSUFFICIENT
            message = f"too few rows: by chance alone it is {_side(check)} {noise:.3g}"
    if is_chance and status in (WARN, FAIL):
        status, message = OK, f"within chance: without any change it is {_side(check)} {noise:.3g}"
    return replace(
        check,
        status=status,
        message=message,
        noise=noise,
        noise_method=METHOD,
        noise_level=level,
        p_value=p_value,
    )


def _side(check: Check) -> str:
    return "down to" if check.direction == "below" else "up to"
