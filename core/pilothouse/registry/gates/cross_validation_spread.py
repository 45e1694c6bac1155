"""The folds of the training must agree on how good the model is."""

from __future__ import annotations

from pilothouse.kit.parameters import Parameter, Params
from pilothouse.registry.evidence import Evidence
from pilothouse.registry.gates import METRIC, Verdict, at_most, gates

GATE = "cross_validation_spread"
DEFAULT = 0.05  # of a metric that has no tolerance of its own


@gates.register(GATE)
class CrossValidationSpread:
    """A figure that depends on which rows were held out says little of new ones."""

    title = "Stable over the folds"
    description = (
        "The standard deviation of the metric over the folds of the training is at most "
        "`deviation`; a share of the mean where the metric is an error in the unit of the target."
    )
    unit = ""
    parameters = (
        METRIC,
        Parameter(
            "deviation",
            "number",
            low=0.0,
            help="Empty for what monitoring tolerates of the metric.",
        ),
    )

    @staticmethod
    def evaluate(evidence: Evidence, params: Params) -> Verdict:
        """The figure is the deviation over the folds, the limit what is allowed."""
        metric = evidence.resolve(params.text("metric"))
        metrics = evidence.candidate.metrics
        mean, deviation = (metrics.get(f"cv_{metric}_{part}") for part in ("mean", "std"))
        if mean is None or deviation is None:
            title = evidence.kind(metric).title if metric else "its metric"
            message = f"{title} was not measured on folds; train it with folds"
            return Verdict(GATE, "inconclusive", None, None, message)
        allowed = params.get("deviation")
        if allowed is None:
            allowed = evidence.tolerance(metric) or DEFAULT
        limit, kind = evidence.in_unit(metric, float(allowed), mean), evidence.kind(metric)
        message = (
            f"{kind.title} is {kind.format_value(mean)} ± {kind.format_value(deviation)} over the "
            f"folds, and ± {kind.format_value(limit)} is allowed"
        )
        return at_most(GATE, deviation, limit, message)
