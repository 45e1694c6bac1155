"""Telephone numbers."""

from __future__ import annotations

import re

from pilothouse.data.personal_kinds import ColumnSample, Match, by_value, personal_kinds

INTERNATIONAL = re.compile(r"(?:\+|00)[1-9][\d ().\-/]{6,22}")
WRITTEN = re.compile(r"[+(]?\d[\d ().\-/]{4,22}")
NAMES = frozenset(
    [
        "phone",
        "telephone",
        "tel",
        "telefon",
        "telefono",
        "telephon",
        "mobile",
        "mobil",
        "handy",
        "cell",
        "cellphone",
        "fax",
        "msisdn",
        "telefonnummer",
        "rufnummer",
        "portable",
    ]
)
LEAST, LEAST_NAMED = 0.6, 0.5


@personal_kinds.register("phone")
class Phone:
    """A number with the prefix of a country, or in a column that is named so."""

    title = "Telephone number"
    description = (
        "Values have the prefix of a country (+ or 00) and 7 to 15 digits; in a column that is "
        "named so, any number of that length is one."
    )
    example = "+44 20 7946 0018"

    @staticmethod
    def look(column: ColumnSample) -> Match | None:
        """By the values; numbers without a prefix only where the name says what they are."""
        if NAMES & {*column.name_words}:
            return by_value(column, is_number, LEAST_NAMED, "numbers in a column that is named so")
        if column.type != "string":
            return None
        return by_value(column, is_international, LEAST, "numbers with the prefix of a country")


def is_international(text: str) -> bool:
    """Whether a text is a number with the prefix of a country."""
    number = text.strip()
    return bool(INTERNATIONAL.fullmatch(number)) and (
        number[0] == "+" or " " in number or "-" in number
    ) and _has_digits(number, 8)  # fmt: skip


def is_number(text: str) -> bool:
    """Whether a text could be a telephone number at all."""
    return bool(WRITTEN.fullmatch(text.strip())) and _has_digits(text, 6)


def _has_digits(text: str, least: int) -> bool:
    return least <= sum(sign.isdigit() for sign in text) <= 15
