"""A figure must reach a threshold."""

from __future__ import annotations

from pilothouse.registry.evidence import Evidence
from pilothouse.registry.gates import Verdict, gates

GATE = "metric_threshold"


@gates.register(GATE)
def metric_threshold(
    evidence: Evidence, /, *, metric: str = "roc_auc", threshold: float = 0.6
) -> Verdict:
    """The candidate's metric is on the good side of the threshold, or on it."""
    kind = evidence.kind(metric)
    figure, _ = evidence.figures(metric)
    if figure is None:
        words = f"{kind.title} was not measured"
        return Verdict(GATE, "inconclusive", None, threshold, words)
    if kind.direction == "unknown":
        words = f"whether more {kind.title} is better or worse is not known"
        return Verdict(GATE, "inconclusive", figure, threshold, words)
    short = threshold - figure if kind.direction == "higher" else figure - threshold
    said = f"{kind.title} {kind.write(figure)}"
    if short <= 0:
        words = f"{said} reaches the threshold {kind.write(threshold)}"
        return Verdict(GATE, "passed", figure, threshold, words)
    side = "below" if kind.direction == "higher" else "above"
    words = f"{said} is {kind.write(short)} {side} the threshold {kind.write(threshold)}"
    return Verdict(GATE, "failed", figure, threshold, words)
