"""Addresses of people and houses, by the column's name and the shape of its values."""

from __future__ import annotations

import re

from pilothouse.data.personal_kinds import ColumnSample, Match, by_value, personal_kinds

NAMES = frozenset(
    [
        "address",
        "addr",
        "street",
        "strasse",
        "anschrift",
        "adresse",
        "wohnort",
        "rue",
        "calle",
        "direccion",
        "indirizzo",
        "via",
        "postanschrift",
    ]
)
OTHER = frozenset(
    ["ip", "mac", "email", "mail", "web", "url", "host", "network", "wallet", "memory"]
)
LEAST = 0.5


@personal_kinds.register("postal_address")
class PostalAddress:
    """Streets with numbers in a column that is named so."""

    title = "Postal address"
    description = (
        "The column is named so, such as street or Anschrift, and at least half of the values have "
        "words and a number."
    )
    example = "1 Example Street"

    @staticmethod
    def look(column: ColumnSample) -> Match | None:
        """By the name; a street without a number is shared by many."""
        names = {*column.name_words}
        if column.type != "string" or not names & NAMES or names & OTHER:
            return None
        return by_value(column, _is_address, LEAST, "words with a number in such a column")


def _is_address(text: str) -> bool:
    return " " in text.strip() and bool(re.search(r"\d", text) and re.search(r"[^\W\d_]{2}", text))
