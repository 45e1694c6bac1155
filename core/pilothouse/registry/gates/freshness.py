"""The model must not be made of old rows, nor its figures be old."""

from __future__ import annotations

from pilothouse.kit.parameters import Parameter, Params
from pilothouse.registry.evidence import AgeFact, Evidence
from pilothouse.registry.gates import Verdict, gates

GATE = "freshness"


@gates.register(GATE)
class Freshness:
    """Ages count from the newest event of the data, or its registration, to the request."""

    title = "Recent enough"
    description = (
        "The newest row of the training's data is at most `data` days old, and the newest "
        "measurement of the version at most `evaluation` days."
    )
    unit = "days"
    parameters = (
        Parameter("data", "integer", 365, low=0, unit="days", help="The oldest that passes."),
        Parameter("evaluation", "integer", 90, low=0, unit="days", help="The oldest that passes."),
    )

    @staticmethod
    def evaluate(evidence: Evidence, params: Params) -> Verdict:
        """The figure is the first age that exceeds its limit, else that of the data."""
        age = evidence.age or AgeFact()
        ages = (
            ("the newest row of its data", age.data_days, params.number("data")),
            ("its evaluation", age.evaluation_days, params.number("evaluation")),
        )
        for title, days, limit in ages:
            if days is not None and days > limit:
                return Verdict(GATE, "failed", days, limit, f"{title} is {days:,.0f} days old")
        if unknown := [title for title, days, _ in ages if days is None]:
            message = f"the age of {' and of '.join(unknown)} is not known"
            return Verdict(GATE, "inconclusive", None, None, message)
        message = ", ".join(f"{title} is {days:,.0f} days old" for title, days, _ in ages)
        return Verdict(GATE, "passed", age.data_days, params.number("data"), message)
