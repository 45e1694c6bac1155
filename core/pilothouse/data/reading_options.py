"""How a file is to be read where the reader should not decide by itself, and what it may cost."""

from __future__ import annotations

import codecs
from dataclasses import dataclass, fields
from typing import Any, Literal, get_args

from pilothouse.kit.errors import Invalid

DateOrder = Literal["day-first", "month-first"]
DATE_ORDERS: tuple[DateOrder, ...] = get_args(DateOrder)
SEPARATORS = (",", ";", "\t", "|")
DECIMALS = (".", ",")
THOUSANDS = (",", ".", " ", "'")
MAX_COLUMNS = 5_000
MAX_NAME = 1_000  # characters of a column's name
MAX_CELL = 1 << 24  # bytes
MAX_HEADER = 1 << 20  # bytes
MAX_UNPACKED = 4 << 30  # bytes that a compressed file may become
MAX_TABLE = 8 << 30  # bytes of a table in memory


@dataclass(frozen=True)
class ReadOptions:
    """What is not to be recognised from a file's content; None leaves it to recognition.

    `missing` are the words that mean a missing value besides empty cells. `sheet` names the sheet
    of a workbook. `date_order` says how 03/04/2024 is meant.
    """

    encoding: str | None = None
    separator: str | None = None
    decimal: str | None = None
    thousands: str | None = None
    date_order: DateOrder | None = None
    missing: tuple[str, ...] | None = None
    sheet: str | None = None

    def __post_init__(self) -> None:
        """Raise Invalid for an option that cannot be."""
        _one_of("separator", self.separator, SEPARATORS)
        _one_of("decimal", self.decimal, DECIMALS)
        _one_of("thousands", self.thousands, THOUSANDS)
        _one_of("date_order", self.date_order, DATE_ORDERS)
        if self.decimal and self.decimal == self.thousands:
            raise Invalid(
                f"{self.decimal!r} cannot separate both decimals and thousands.",
                fields={"thousands": "is the decimal separator"},
            )
        if self.encoding is not None:
            _check_encoding(self.encoding)

    def to_json(self) -> dict[str, Any]:
        """A plain value with the options that are set."""
        values = {field.name: getattr(self, field.name) for field in fields(self)}
        values["missing"] = None if self.missing is None else list(self.missing)
        return {name: value for name, value in values.items() if value is not None}

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> ReadOptions:
        """The options that `to_json` wrote."""
        missing = value.get("missing")
        return cls(**{**value, "missing": None if missing is None else tuple(missing)})


def _one_of(name: str, value: str | None, choices: tuple[str, ...]) -> None:
    if value is not None and value not in choices:
        raise Invalid(
            f"{value!r} cannot be the {name.replace('_', ' ')}.",
            hint=f"Use one of {', '.join(map(repr, choices))}.",
            fields={name: "not one of the choices"},
        )


def _check_encoding(name: str) -> None:
    try:
        is_text = codecs.lookup(name)._is_text_encoding
    except (LookupError, ValueError):
        is_text = False
    if not is_text:
        raise Invalid(
            f"{name!r} is not a text encoding.",
            hint="Such as utf-8, windows-1252, iso-8859-15 or utf-16.",
            fields={"encoding": "is not known"},
        )


AUTOMATIC = ReadOptions()
