"""A metric must reach a threshold."""

from __future__ import annotations

from pilothouse.kit.parameters import Parameter, Params
from pilothouse.registry.evidence import PRIMARY, Evidence
from pilothouse.registry.gates import METRIC, Verdict, foreign_metric, gates

GATE = "metric_threshold"
UNDESCRIBED = "the version is not described yet, so that its goal is not known"


@gates.register(GATE)
class MetricThreshold:
    """An absolute requirement, whatever the champion does.

    Without a threshold it is the goal of the candidate's kind of model, on that goal's metric.
    """

    title = "Metric reaches its threshold"
    description = (
        "The candidate's metric is on the good side of the threshold, or equal to it. Left empty, "
        "metric and threshold are the goal of the model's kind."
    )
    unit = ""
    parameters = (
        METRIC,
        Parameter(
            "threshold", "number", help="The worst value that passes; empty for the default goal."
        ),
    )

    @staticmethod
    def evaluate(evidence: Evidence, params: Params) -> Verdict:
        """The figure is the candidate's metric, the limit is the threshold."""
        metric, threshold = _requirement(evidence, params)
        if threshold is None and params.text("metric") in PRIMARY:
            if evidence.task and not evidence.task.described:
                return Verdict(GATE, "inconclusive", None, None, UNDESCRIBED)
            kind_of_model = f" ({evidence.task.title})" if evidence.task else ""
            message = f"there is no goal for this kind of model{kind_of_model}"
            return Verdict(GATE, "passed", None, None, message)
        if foreign := foreign_metric(GATE, evidence, metric):
            return foreign

        kind = evidence.kind(metric)
        figure, _ = evidence.metric_values(metric)
        if threshold is None:
            message = f"the gate has no threshold for {kind.title}: set one"
            return Verdict(GATE, "inconclusive", figure, None, message)
        if figure is None:
            message = f"{kind.title} was not measured; evaluate the version on labelled rows"
            return Verdict(GATE, "inconclusive", None, threshold, message)
        if kind.direction == "unknown":
            message = f"whether more {kind.title} is better or worse is not known"
            return Verdict(GATE, "inconclusive", figure, threshold, message)

        shortfall = threshold - figure if kind.direction == "higher" else figure - threshold
        result, limit = f"{kind.title} {kind.format_value(figure)}", kind.format_value(threshold)
        if shortfall <= 0:
            message = f"{result} reaches the threshold {limit}"
            return Verdict(GATE, "passed", figure, threshold, message)
        side = "below" if kind.direction == "higher" else "above"
        message = f"{result} is {kind.format_value(shortfall)} {side} the threshold {limit}"
        return Verdict(GATE, "failed", figure, threshold, message)


def _requirement(evidence: Evidence, params: Params) -> tuple[str, float | None]:
    """The metric and its threshold; what the rule leaves open is the goal of the task."""
    metric, threshold = params.text("metric"), params["threshold"]
    goal = evidence.task.goal if evidence.task else None
    if threshold is not None:
        return evidence.resolve(metric), float(threshold)
    if goal is not None and metric in (*PRIMARY, goal.metric):
        return goal.metric, goal.threshold
    return evidence.resolve(metric), None
