"""The model card of the candidate must be complete, and written for this version."""

from __future__ import annotations

from typing import ClassVar

from pilothouse.kit.parameters import Parameter, Params
from pilothouse.registry.evidence import Evidence
from pilothouse.registry.gates import Verdict, gates

GATE = "card_complete"
MAX_NAMED = 5


@gates.register(GATE)
class CardComplete:
    """Nobody can use a model well whose purpose and limits are not written down."""

    title = "Model card complete"
    description = (
        "No required part of the model card is missing, and what people wrote was saved for this "
        "version, not for one before it."
    )
    unit = "parts"
    parameters: ClassVar[tuple[Parameter, ...]] = (
        Parameter(
            *("own", "boolean", True),
            title="Saved for this version",
            help="Whether texts of a former version must be confirmed for this one.",
        ),
    )

    @staticmethod
    def evaluate(evidence: Evidence, params: Params) -> Verdict:
        """The figure is the number of parts that have a text, the limit is all of them."""
        card = evidence.card
        if card is None:
            return Verdict(GATE, "inconclusive", None, None, "its model card was not read")
        figure, limit = float(card.filled), float(card.total)
        if card.missing:
            more = len(card.missing) - MAX_NAMED
            named = ", ".join(card.missing[:MAX_NAMED]) + (f" and {more} more" if more > 0 else "")
            message = f"{card.filled} of {card.total} parts of its card; missing: {named}"
            return Verdict(GATE, "failed", figure, limit, message)
        if params["own"] and card.carried_from is not None:
            message = (
                f"what people wrote in its card is of version {card.carried_from}; save it for "
                "this version"
            )
            return Verdict(GATE, "inconclusive", figure, limit, message)
        message = f"all {card.total} parts of its card have a text"
        return Verdict(GATE, "passed", figure, limit, message)
