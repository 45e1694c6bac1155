"""A metric must reach a threshold."""

from __future__ import annotations

from pilothouse.kit.parameters import Parameter, Params
from pilothouse.registry.evidence import Evidence
from pilothouse.registry.gates import METRIC, Verdict, gates

GATE = "metric_threshold"


@gates.register(GATE)
class MetricThreshold:
    """An absolute requirement, whatever the champion does."""

    title = "Metric reaches its threshold"
    description = "The candidate's metric is on the good side of the threshold, or equal to it."
    unit = ""
    parameters = (
        METRIC,
        Parameter("threshold", "number", 0.6, help="The worst value that passes."),
    )

    @staticmethod
    def evaluate(evidence: Evidence, params: Params) -> Verdict:
        """The figure is the candidate's metric, the limit is the threshold."""
        metric, threshold = params.text("metric"), params.number("threshold")
        kind = evidence.kind(metric)
        figure, _ = evidence.metric_values(metric)
        if figure is None:
            message = f"{kind.title} was not measured"
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
