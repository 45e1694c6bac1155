"""No watched metric may be much worse than the champion's, not only the one that decides."""

from __future__ import annotations

from pilothouse.kit.parameters import Parameter, Params
from pilothouse.registry.evidence import Evidence
from pilothouse.registry.gates import CHAMPION_DIFFERENCE, Uses, Verdict, at_most, gates

GATE = "watched_metrics"
OTHER_ROWS = "they were measured on different rows, so their metrics are not compared"


@gates.register(GATE)
class WatchedMetrics:
    """A model may gain in one metric and lose in others that people rely on."""

    title = "Every metric near the champion's"
    description = (
        "On the same rows, no metric of the model's kind is worse than the champion's by more than "
        "its tolerance: what monitoring tolerates of it, and `others` of a share that it does not "
        "watch."
    )
    unit = "metrics"
    uses = Uses(CHAMPION_DIFFERENCE, against_champion=True)
    parameters = (
        Parameter("others", "number", 0.1, low=0.0, high=1.0, help="How much worse a share is."),
        Parameter("without", "text", "", help="Metrics left out, separated by commas."),
    )

    @staticmethod
    def evaluate(evidence: Evidence, params: Params) -> Verdict:
        """The figure counts the metrics that are worse, the limit is none."""
        if evidence.champion is None:
            return Verdict(GATE, "passed", None, None, "there is no champion to compare with")
        if evidence.incomparable or evidence.task is None:
            message = evidence.incomparable or "which metrics belong to the model is not known"
            return Verdict(GATE, "inconclusive", None, None, message)
        if not evidence.same_rows:
            measured = WatchedMetrics.uses.find(GATE, evidence, params)
            return Verdict(GATE, "inconclusive", None, None, measured.message or OTHER_ROWS)

        compared, worse = 0, []
        left_out = {name.strip() for name in params.text("without").split(",")}
        for metric in evidence.task.metrics:
            if metric.key in left_out:
                continue
            own, other = evidence.metric_values(metric.key)
            tolerance = evidence.tolerance(metric.key)
            if tolerance is None and not metric.in_target_unit:
                tolerance = params.number("others")
            if own is None or other is None or tolerance is None:
                continue
            loss = evidence.loss(metric.key, own, other)
            if loss is None:
                continue
            compared += 1
            allowed = evidence.in_unit(metric.key, tolerance, other)
            if loss > allowed:
                kind = evidence.kind(metric.key)
                values = f"{kind.format_value(own)} against {kind.format_value(other)}"
                worse.append(f"{kind.title} {values} is worse by more than {allowed:.3g}")
        if not compared:
            message = "no metric of both was measured on the same rows"
            return Verdict(GATE, "inconclusive", None, None, message)
        message = "; ".join(worse) or f"{compared} metrics are within their tolerances"
        return at_most(GATE, float(len(worse)), 0.0, message)
