"""The candidate must not be worse than the champion."""

from __future__ import annotations

from pilothouse.registry.evidence import Evidence
from pilothouse.registry.gates import Verdict, gates

GATE = "beats_champion"
ROUNDING = 1e-12  # a figure exactly at the limit passes, whatever subtraction makes of it


@gates.register(GATE)
def beats_champion(
    evidence: Evidence, /, *, metric: str = "roc_auc", margin: float = 0.005
) -> Verdict:
    """The candidate's metric is at most `margin` worse than the champion's.

    Both are measured on the same rows when that is known; when it is not, the words say so.
    """
    if evidence.champion is None:
        return Verdict(GATE, "passed", None, None, "there is no champion to compare with")
    kind = evidence.kind(metric)
    figure, champion = evidence.figures(metric)
    if figure is None or champion is None:
        who = evidence.candidate.version if figure is None else evidence.champion.version
        words = f"{kind.title} of {who} was not measured"
        return Verdict(GATE, "inconclusive", figure, champion, words)
    if kind.direction == "unknown":
        words = f"whether more {kind.title} is better or worse is not known"
        return Verdict(GATE, "inconclusive", figure, champion, words)
    sign = 1 if kind.direction == "higher" else -1
    limit = champion - sign * margin
    worse = sign * (champion - figure)
    words = _words(evidence, metric, figure, champion, worse, margin)
    outcome = "passed" if worse - margin <= ROUNDING else "failed"
    return Verdict(GATE, outcome, figure, limit, words)  # type: ignore[arg-type]  # one of the outcomes


def _words(
    evidence: Evidence, metric: str, figure: float, champion: float, worse: float, margin: float
) -> str:
    kind = evidence.kind(metric)
    assert evidence.champion is not None
    name = evidence.champion.version
    said = f"{kind.title} {kind.write(figure)} against {kind.write(champion)} of {name}"
    if worse <= ROUNDING:
        judged = "is equal" if worse >= -ROUNDING else f"is better by {kind.write(-worse)}"
    elif worse - margin <= ROUNDING:
        judged = f"is worse by {kind.write(worse)}, within the margin of {margin:g}"
    else:
        over = kind.write(worse - margin)
        judged = f"is worse by {kind.write(worse)}, {over} more than the margin of {margin:g}"
    return f"{said} {judged}" + ("" if evidence.same_rows else " (each on rows of its own)")
