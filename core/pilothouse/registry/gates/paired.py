"""The interval of the difference to the champion, as gates that need one read it."""

from __future__ import annotations

from dataclasses import dataclass
from statistics import NormalDist

from pilothouse.kit.parameters import Params
from pilothouse.registry.evidence import Evidence
from pilothouse.registry.gates import Uses, Verdict

LEVEL = 0.95


@dataclass(frozen=True)
class PairedInterval:
    """The gain of the candidate: what it is better by (below 0: worse), with its 95 % interval."""

    metric: str
    gain: float
    low: float
    high: float
    text: str

    @property
    def worst_loss(self) -> float:
        """How much worse it may be with all that chance gives."""
        return -self.low

    def least_gain(self, candidates: int) -> float:
        """The lower end of the interval, at the level that fits so many candidates.

        Bonferroni: each of them has its share of the 5 %. The end moves as that of a normal one.
        """
        normal = NormalDist()
        ratio = normal.inv_cdf(1 - (1 - LEVEL) / (2 * candidates)) / normal.inv_cdf((1 + LEVEL) / 2)
        return self.gain - ratio * (self.gain - self.low)


def paired_interval(
    gate: str, uses: Uses, evidence: Evidence, params: Params
) -> PairedInterval | Verdict:
    """The interval; else the verdict: passed without a champion, inconclusive without one."""
    if evidence.champion is None:
        return Verdict(gate, "passed", None, None, "there is no champion to compare with")
    if evidence.incomparable:
        return Verdict(gate, "inconclusive", None, None, evidence.incomparable)
    interval = evidence.comparison.interval if evidence.comparison else None
    if not interval:
        measured = uses.find(gate, evidence, params)
        if isinstance(measured, Verdict):
            return measured
        message = "the same rows allow no interval of the difference: they are too few"
        return Verdict(gate, "inconclusive", None, None, message)
    kind = evidence.kind(str(interval["metric"]))
    if kind.direction == "unknown":
        message = f"whether more {kind.title} is better or worse is not known"
        return Verdict(gate, "inconclusive", None, None, message)
    if interval.get("too_few"):
        return Verdict(gate, "inconclusive", None, None, str(interval["note"]))

    low, high, delta = (float(interval[name]) for name in ("low", "high", "delta"))
    text = f"{kind.title} {delta:+.4g}, 95 % interval {low:+.4g} to {high:+.4g}"
    text += f", {interval['n']:,} {interval['unit']}"
    if kind.direction == "lower":
        low, high, delta = -high, -low, -delta
    return PairedInterval(kind.key, delta, low, high, text)
