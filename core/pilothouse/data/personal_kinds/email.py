"""E-mail addresses."""

from __future__ import annotations

import re

from pilothouse.data.personal_kinds import (
    MIN_VALUES,
    ColumnSample,
    Match,
    by_value,
    personal_kinds,
)

ADDRESS = re.compile(r"[^\s@<>,;:\"()]{1,64}@(?:[\w-]{1,63}\.)+[^\W\d_]{2,24}")
LEAST, LEAST_WITHIN = 0.5, 0.02  # of the values: an address, or a text that has one


@personal_kinds.register("email")
class Email:
    """An address with a host."""

    title = "E-mail address"
    description = (
        "At least half of the values are addresses with a host, such as ada@example.org, or at "
        "least 2 % are texts that have one."
    )
    example = "someone@example.org"

    @staticmethod
    def look(column: ColumnSample) -> Match | None:
        """By the values alone: nothing else is written so."""
        whole = by_value(column, is_email, LEAST, "values are written as e-mail addresses")
        if whole or sum(map(has_email, column.values)) < MIN_VALUES:
            return whole
        return by_value(column, has_email, LEAST_WITHIN, "e-mail addresses within texts")


def is_email(text: str) -> bool:
    """Whether a text is an e-mail address."""
    return ADDRESS.fullmatch(text.strip()) is not None


def has_email(text: str) -> bool:
    """Whether an e-mail address is written in a text."""
    return "@" in text and ADDRESS.search(text) is not None
