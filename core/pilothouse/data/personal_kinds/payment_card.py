"""Numbers of payment cards, with their check digit."""

from __future__ import annotations

import re

from pilothouse.data.personal_kinds import ColumnSample, Match, by_value, personal_kinds

# The first digits of Visa, Mastercard, American Express, Discover, JCB, Diners, Maestro, UnionPay.
CARD = re.compile(
    r"4\d{12}(?:\d{3}){0,2}|(?:5[1-5]|2[2-7])\d{14}|3[47]\d{13}|6(?:011|5\d\d|4[4-9]\d)\d{12}"
    r"|35[2-8]\d{13}|3(?:0[0-5]|[689]\d)\d{11}|(?:50|5[6-9]|6[37])\d{10,17}|62\d{14,17}"
)
GROUPS = re.compile(r"[ -]")
LEAST = 0.9  # of numbers that only count, every tenth has the check digit of a card


@personal_kinds.register("payment_card")
class PaymentCard:
    """A number with a known beginning and Luhn's check digit."""

    title = "Payment card"
    description = (
        "Nearly all values are numbers of 12 to 19 digits that begin as cards do and whose last "
        "digit is Luhn's check digit."
    )
    example = "4111 1111 1111 1111"

    @staticmethod
    def look(column: ColumnSample) -> Match | None:
        """By the values alone: their beginning, length and check digit."""
        return by_value(column, is_card, LEAST, "numbers of cards with a right check digit")


def is_card(text: str) -> bool:
    """Whether a text is the number of a payment card."""
    digits = GROUPS.sub("", text.strip())
    return digits.isascii() and CARD.fullmatch(digits) is not None and luhn(digits)


def luhn(digits: str) -> bool:
    """Whether the last digit is the check digit of the others."""
    total = 0
    for position, digit in enumerate(reversed(digits)):
        value = int(digit) * (1 + position % 2)
        total += value - 9 if value > 9 else value
    return total % 10 == 0
