"""Identifiers of people that only the organisation knows: marked by hand, never proposed."""

from __future__ import annotations

from pilothouse.data.personal_kinds import ColumnSample, Match, personal_kinds


@personal_kinds.register("identifier")
class Identifier:
    """The number or code of a customer, a patient, an account."""

    title = "Identifier of a person"
    description = (
        "The number of a customer or a patient. It looks like any other number, so it is never "
        "proposed: somebody marks it."
    )
    example = "0"

    @staticmethod
    def look(column: ColumnSample) -> Match | None:
        """Never: an order number has the same shape."""
        del column
        return None
