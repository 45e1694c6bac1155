"""E-mail addresses."""

from __future__ import annotations

import re

from pilothouse.data.personal_kinds import ColumnSample, Match, by_value, personal_kinds

ADDRESS = re.compile(r"[^\s@<>,;:\"()]{1,64}@(?:[\w-]{1,63}\.)+[^\W\d_]{2,24}")
LEAST = 0.5


@personal_kinds.register("email")
class Email:
    """An address with a host."""

    title = "E-mail address"
    description = "At least half of the values are addresses with a host, such as ada@example.org."
    example = "someone@example.org"

    @staticmethod
    def look(column: ColumnSample) -> Match | None:
        """By the values alone: nothing else is written so."""
        return by_value(column, is_email, LEAST, "values are written as e-mail addresses")


def is_email(text: str) -> bool:
    """Whether a text is an e-mail address."""
    return ADDRESS.fullmatch(text.strip()) is not None
