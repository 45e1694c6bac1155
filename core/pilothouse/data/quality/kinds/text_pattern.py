"""Texts that do not match a pattern."""

from __future__ import annotations

import pyarrow as pa
import pyarrow.compute as pc

from pilothouse.data.quality.kinds import (
    COLUMN,
    MOST_SHARE,
    CheckedRows,
    Measure,
    percent,
    quality_kinds,
    share_of,
)
from pilothouse.kit.errors import Invalid
from pilothouse.kit.parameters import Parameter, Params


@quality_kinds.register("text_pattern")
class TextPattern:
    """The share of rows whose whole text does not match a regular expression."""

    title = "Pattern"
    description = (
        "The share of rows whose text does not match a regular expression (RE2's syntax, the "
        "whole text); missing values are left out."
    )
    parameters = (
        COLUMN,
        Parameter(
            "pattern", "text", required=True, help=r"A regular expression, such as [A-Z]{2}\d{4}."
        ),
        MOST_SHARE,
    )
    unit = "share"
    takes = ("string",)

    @staticmethod
    def check(settings: Params) -> None:
        """Raise Invalid for what is no regular expression of RE2."""
        try:
            _matches(pa.chunked_array([pa.array([""])]), settings.text("pattern"))
        except pa.ArrowInvalid as wrong:
            problem = str(wrong).partition(": ")[2].splitlines()[0] or "is not valid"
            raise Invalid(
                f"the pattern is no regular expression: {problem}.",
                fields={"params.pattern": problem},
            ) from wrong

    @staticmethod
    def phrase(settings: Params) -> str:
        """The column and the pattern."""
        some = f", at most {percent(settings['share'])} others" if settings["share"] else ""
        return f"{settings['column']}: matches {settings['pattern']}{some}"

    @staticmethod
    def measure(settings: Params, rows: CheckedRows) -> Measure:
        """Rows that do not match over rows."""
        matches = _matches(rows.column(settings.text("column")), settings.text("pattern"))
        return share_of(pc.fill_null(pc.invert(matches), False), settings.number("share"))


def _matches(texts: pa.ChunkedArray, pattern: str) -> pa.ChunkedArray:
    """RE2 takes a time that grows with the text only, whatever the pattern."""
    return pc.match_substring_regex(texts, rf"\A(?:{pattern})\z")
