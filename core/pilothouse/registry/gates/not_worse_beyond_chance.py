"""The difference to the champion must not reach below a tolerance, with all that chance gives."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pilothouse.kit.parameters import Parameter, Params
from pilothouse.registry.evidence import Evidence
from pilothouse.registry.gates import Verdict, gates

GATE = "not_worse_beyond_chance"
TOLERANCE = 0.05  # of a metric that has none of its own


@gates.register(GATE)
class NotWorseBeyondChance:
    """A test of non-inferiority on the rows that both answered, such as those of a retraining.

    Whether a version is better is another question, which the message answers: trained on newer
    rows, one that is as good may well be wanted, and a person decides on it.
    """

    title = "Not worse beyond chance"
    description = (
        "The 95 % interval of the difference to the champion, on the same rows, ends at most "
        "`tolerance` on the worse side. It passes without such an interval, and the message says "
        "whether the candidate is better beyond chance."
    )
    unit = ""
    parameters = (
        Parameter(
            "tolerance", "number", low=0.0,
            help="How much worse the end of the interval may be; empty for what monitoring "
            "tolerates of the metric. A share of the champion's value where that is one.",
        ),
    )  # fmt: skip

    @staticmethod
    def evaluate(evidence: Evidence, params: Params) -> Verdict:
        """The figure is the end of the interval on the worse side, the limit the tolerance."""
        interval = evidence.comparison.interval if evidence.comparison else None
        if evidence.champion is None or not interval:
            return Verdict(GATE, "passed", None, None, "there is no interval of a difference")
        if evidence.incomparable:
            return Verdict(GATE, "inconclusive", None, None, evidence.incomparable)
        kind = evidence.kind(str(interval["metric"]))
        if kind.direction == "unknown":
            message = f"whether more {kind.title} is better or worse is not known"
            return Verdict(GATE, "inconclusive", None, None, message)

        is_higher = kind.direction == "higher"
        worst = interval["low"] if is_higher else interval["high"]
        tolerance = _tolerance(evidence, interval, params)
        limit = -tolerance if is_higher else tolerance
        passed = worst >= limit if is_higher else worst <= limit
        message = f"{kind.title} is {_conclusion(interval, is_higher=is_higher)}"
        if not passed:
            # The sign is part of a difference, so numbers are written as the interval has them.
            message += f"; it may be worse by {abs(worst):.4g}, and {tolerance:.4g} is tolerated"
        return Verdict(GATE, "passed" if passed else "failed", worst, limit, message)


def _conclusion(interval: Mapping[str, Any], *, is_higher: bool) -> str:
    """Whether the candidate is better, with the interval and what it rests on."""
    low, high = interval["low"], interval["high"]
    gain, loss = (low, high) if is_higher else (-high, -low)
    result = "better" if gain > 0 else "worse" if loss < 0 else "not better"
    text = f"{result} beyond chance: 95 % interval {low:+.4g} to {high:+.4g}"
    text += f", {interval['n']:,} {interval['unit']}"
    return f"{text} ({interval['note']})" if interval.get("note") else text


def _tolerance(evidence: Evidence, interval: Mapping[str, Any], params: Params) -> float:
    """The tolerance in the metric's own unit."""
    metric = str(interval["metric"])
    own = evidence.task.metric(metric) if evidence.task else None
    tolerance = params.get("tolerance")
    if tolerance is None:
        tolerance = own.tolerance if own is not None and own.tolerance is not None else TOLERANCE
    champion = evidence.metric_values(metric)[1]
    is_share = own is not None and own.relative and champion is not None
    return float(tolerance) * (abs(champion) if is_share and champion is not None else 1.0)
