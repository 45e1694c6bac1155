"""Probabilities and intervals must mean what they say."""

from __future__ import annotations

from pilothouse.kit.parameters import Parameter, Params
from pilothouse.registry.evidence import Evidence
from pilothouse.registry.gates import Verdict, at_most, gates

GATE = "calibration"


@gates.register(GATE)
class WellCalibrated:
    """Of predictions of 70 %, seven of ten come true; a 90 % interval holds nine of ten values."""

    title = "Well calibrated"
    description = (
        "The calibration error of probabilities, or how far the coverage of intervals is off their "
        "level, is at most `error`."
    )
    unit = ""
    parameters = (
        Parameter("error", "number", 0.05, low=0.0, high=1.0, help="The largest that passes."),
    )

    @staticmethod
    def evaluate(evidence: Evidence, params: Params) -> Verdict:
        """The figure is the calibration error, the limit what is allowed."""
        metrics = evidence.task.metrics if evidence.task else ()
        metric = next((metric.key for metric in metrics if metric.is_calibration), "")
        if not metric:
            message = "this kind of model gives no probabilities or intervals: leave this gate out"
            return Verdict(GATE, "inconclusive", None, None, message)
        kind, (figure, champion) = evidence.kind(metric), evidence.metric_values(metric)
        if figure is None:
            message = f"{kind.title} was not measured; evaluate the version on labelled rows"
            return Verdict(GATE, "inconclusive", None, None, message)
        limit = params.number("error")
        message = f"{kind.title} {kind.format_value(figure)}, {kind.format_value(limit)} is allowed"
        if champion is not None and evidence.same_rows:
            message += f"; the champion's is {kind.format_value(champion)}"
        return at_most(GATE, figure, limit, message)
