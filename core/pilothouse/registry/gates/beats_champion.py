"""The candidate must not be worse than the champion."""

from __future__ import annotations

from pilothouse.kit.parameters import Parameter, Params
from pilothouse.registry.evidence import Evidence
from pilothouse.registry.gates import METRIC, Verdict, foreign_metric, gates

GATE = "beats_champion"
ROUNDING = 1e-12  # 0.7 - 0.695 is a little more than 0.005: a figure exactly at the limit passes


@gates.register(GATE)
class BeatsChampion:
    """Both are compared on the same rows when those are known; the message says when not."""

    title = "Not worse than the champion"
    description = (
        "The candidate's metric is at most `margin` worse than the champion's. The margin is a "
        "share of the champion's value where the metric is an error in the unit of the target."
    )
    unit = ""
    parameters = (
        METRIC,
        Parameter("margin", "number", 0.005, help="How much worse still passes."),
    )

    @staticmethod
    def evaluate(evidence: Evidence, params: Params) -> Verdict:
        """The figure is the candidate's metric, the limit the champion's less the margin."""
        if evidence.champion is None:
            return Verdict(GATE, "passed", None, None, "there is no champion to compare with")
        if evidence.incomparable:
            return Verdict(GATE, "inconclusive", None, None, evidence.incomparable)
        metric = evidence.resolve(params.text("metric"))
        if not metric:
            return Verdict(GATE, "passed", None, None, "this kind of model has no metric")
        if foreign := foreign_metric(GATE, evidence, metric):
            return foreign

        kind = evidence.kind(metric)
        figure, champion = evidence.metric_values(metric)
        if figure is None or champion is None:
            side = evidence.candidate if figure is None else evidence.champion
            message = f"{kind.title} of {side.version} was not measured; evaluate it"
            return Verdict(GATE, "inconclusive", figure, champion, message)
        if kind.direction == "unknown":
            message = f"whether more {kind.title} is better or worse is not known"
            return Verdict(GATE, "inconclusive", figure, champion, message)

        margin = _margin(evidence, metric, champion, params.number("margin"))
        sign = 1 if kind.direction == "higher" else -1
        limit = champion - sign * margin
        loss = sign * (champion - figure)
        message = _message(evidence, metric, figure, champion, loss, margin)
        if loss - margin <= ROUNDING:
            return Verdict(GATE, "passed", figure, limit, message)
        return Verdict(GATE, "failed", figure, limit, message)


def _margin(evidence: Evidence, metric: str, champion: float, margin: float) -> float:
    """The margin in the metric's own unit."""
    own = evidence.task.metric(metric) if evidence.task else None
    return margin * abs(champion) if own is not None and own.relative else margin


def _message(
    evidence: Evidence, metric: str, figure: float, champion: float, loss: float, margin: float
) -> str:
    kind = evidence.kind(metric)
    assert evidence.champion is not None
    name = evidence.champion.version
    values = (
        f"{kind.title} {kind.format_value(figure)} against {kind.format_value(champion)} of {name}"
    )
    if loss <= ROUNDING:
        result = "is equal" if loss >= -ROUNDING else f"is better by {kind.format_value(-loss)}"
    elif loss - margin <= ROUNDING:
        result = f"is worse by {kind.format_value(loss)}, within the margin of {margin:g}"
    else:
        excess = kind.format_value(loss - margin)
        result = (
            f"is worse by {kind.format_value(loss)}, {excess} more than the margin of {margin:g}"
        )
    return f"{values} {result}" + ("" if evidence.same_rows else " (each on rows of its own)")
