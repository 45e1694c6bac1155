"""Dates of birth, by the column's name."""

from __future__ import annotations

import re

from pilothouse.data.personal_kinds import ColumnSample, Match, personal_kinds

DATE = re.compile(r"\d{1,4}([./ -])\d{1,2}\1\d{1,4}(?:[T ][\d:.+Z]*)?")
YEAR = re.compile(r"(?:18|19|20)\d\d(?:\.0)?")
NAMES = frozenset(
    [
        "birth",
        "birthdate",
        "birthday",
        "birthdate",
        "dob",
        "born",
        "geburtsdatum",
        "geburtstag",
        "geburt",
        "geboren",
        "naissance",
        "nacimiento",
        "nascita",
        "yob",
    ]
)
LEAST = 0.8


@personal_kinds.register("birth_date")
class BirthDate:
    """Dates or years in a column that is named so."""

    title = "Date of birth"
    description = "The column is named so, such as birth_date or Geburtsdatum, and holds dates."
    example = "1990-01-01"

    @staticmethod
    def look(column: ColumnSample) -> Match | None:
        """By the name; the values must be dates, or years."""
        if not NAMES & {*column.name_words} or not column.values:
            return None
        share = 1.0 if column.type == "time" else column.share(_is_date)
        if share < LEAST:
            return None
        return Match(share, "dates or years in a column that is named so")


def _is_date(text: str) -> bool:
    return bool(DATE.fullmatch(text.strip()) or YEAR.fullmatch(text.strip()))
