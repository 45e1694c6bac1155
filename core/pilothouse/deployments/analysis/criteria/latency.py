"""How long answers take: a percentile of the candidate's latency against the stable version's."""

from __future__ import annotations

from pilothouse.deployments.analysis.confidence_sequences import (
    AnytimeInterval,
    percentile_interval,
)
from pilothouse.deployments.analysis.criteria import criteria
from pilothouse.deployments.analysis.criterion_result import (
    CriterionResult,
    decided,
    finite,
    no_data,
)
from pilothouse.deployments.analysis.traffic_needed import RequestShares, answers_for_percentile
from pilothouse.deployments.analysis.variant_samples import VariantSample
from pilothouse.kit.parameters import Parameter, Params

KIND = "latency"


@criteria.register(KIND)
class AnswerLatency:
    """A percentile of the milliseconds from the receipt of a request to its answer; of a shadow,
    of those that its process took."""

    title = "Latency"
    description = (
        "The percentile may be `limit` times the stable one, and `margin_ms` more: a model that "
        "answers in 2 ms for 1 ms is not slow."
    )
    required = True
    parameters = (
        Parameter(
            "percentile",
            "choice",
            95,
            choices=(50, 95, 99),
            help="95 is what one answer in twenty takes longer than.",
        ),
        Parameter(
            "limit",
            "number",
            1.5,
            low=1.0,
            title="May be times",
            help="1.5 is half more.",
        ),
        Parameter(
            "margin_ms",
            "number",
            10.0,
            low=0.0,
            unit="ms",
            title="Margin",
            help="Milliseconds that are allowed besides.",
        ),
    )

    @staticmethod
    def compare(
        stable: VariantSample, candidate: VariantSample, params: Params, level: float
    ) -> CriterionResult:
        """Judged on what the candidate's percentile has above the allowed one, in milliseconds."""
        at, factor = params.number("percentile") / 100, params.number("limit")
        before, after = stable.answered_ms, candidate.answered_ms
        if len(candidate.mirrored_ms):  # of a shadow both are the time of the model process
            before = candidate.mirrored_ms
        if not len(before) or not len(after):
            return no_data(KIND, "no answers of both versions yet")
        slow, usual = (
            percentile_interval(after, at, level / 2),
            percentile_interval(before, at, level / 2),
        )
        margin = params.number("margin_ms")
        ends = (factor * end + margin for end in (usual.estimate, usual.low, usual.high))
        allowed = AnytimeInterval(*ends)
        excess = AnytimeInterval(
            slow.estimate - allowed.estimate, slow.low - allowed.high, slow.high - allowed.low
        )
        message = (
            f"p{at * 100:.0f} {slow.estimate:.1f} ms over {len(after):,} answers; "
            f"{usual.estimate:.1f} ms with the stable version, so {allowed.estimate:.1f} ms allowed"
        )
        return CriterionResult(
            KIND, decided(excess, 0.0), message, usual.estimate, slow.estimate,
            finite(slow.low), finite(slow.high), allowed.estimate,
        )  # fmt: skip

    @staticmethod
    def requests_needed(params: Params, level: float, today: RequestShares) -> int | None:
        """The fewest with which its bound exists; how wide it is depends on the answers."""
        return answers_for_percentile(params.number("percentile") / 100, level / 2)
