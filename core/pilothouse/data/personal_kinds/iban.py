"""Numbers of bank accounts, with their check digits."""

from __future__ import annotations

import re

from pilothouse.data.personal_kinds import ColumnSample, Match, by_value, personal_kinds

IBAN = re.compile(r"[A-Z]{2}\d{2}[A-Z0-9]{11,30}")
LEAST = 0.5


@personal_kinds.register("iban")
class Iban:
    """An account number of ISO 13616."""

    title = "Bank account (IBAN)"
    description = "At least half of the values are account numbers with the right check digits."
    example = "GB33 BUKB 2020 1555 5555 55"

    @staticmethod
    def look(column: ColumnSample) -> Match | None:
        """By the values alone: a remainder of 97 is not met by chance."""
        return by_value(column, is_iban, LEAST, "account numbers with the right check digits")


def is_iban(text: str) -> bool:
    """Whether a text is an IBAN: its letters as numbers, moved, leave 1 when divided by 97."""
    plain = text.replace(" ", "").upper()
    if not (plain.isascii() and IBAN.fullmatch(plain)):
        return False
    moved = plain[4:] + plain[:4]
    return int("".join(str(int(sign, 36)) for sign in moved)) % 97 == 1
