"""The fields of a request: texts, numbers and lists from JSON or a query, checked when read.

As in the protocol's own parser, a number may be sent as text, and a field that is null is missing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pilothouse.interop.mlflow.errors import bad_value, invalid, missing, too_long, wrong_type

INT64 = 1 << 63
MAX_ITEMS = {"order_by": 32}  # each may cost a join, of which databases take few
LATEST_MS = 253_402_300_799_999  # the end of the year 9999, the last instant that we can keep


class QueryValues(list[str]):
    """The values of one name in a query, where one value and a list look the same."""


class Fields:
    """A request's fields by name; `of` is the prefix of names in error messages."""

    def __init__(self, values: Mapping[str, Any], of: str = "") -> None:
        self._values = values
        self._prefix = of

    def has(self, name: str) -> bool:
        """Whether the field was sent."""
        return self._values.get(name) is not None

    def _one(self, name: str) -> Any:
        """The value as sent; a single value of a query without its list."""
        value = self._values.get(name)
        return value[0] if isinstance(value, QueryValues) and len(value) == 1 else value

    def text(self, name: str, default: str = "", *, max_length: int | None = None) -> str:
        """A text, or the default."""
        value = self._one(name)
        if value is None:
            return default
        if not isinstance(value, str):
            raise wrong_type(self._prefix + name, value)
        if max_length is not None and len(value) > max_length:
            raise too_long(name, max_length)
        return _stored(self._prefix + name, value)

    def enum_text(self, name: str) -> str:
        """An enumeration's name, or its number as digits; empty for anything else."""
        value = self._one(name)
        return str(value) if isinstance(value, str | int) else ""

    def required(self, name: str, *, max_length: int | None = None) -> str:
        """A required text, which must not be empty."""
        value = self.text(name, max_length=max_length)
        if not value:
            raise missing(self._prefix + name)
        return value

    def integer(self, name: str, default: int = 0) -> int:
        """An integer of 64 bits, or the default."""
        value = self._one(name)
        if value is None:
            return default
        number = _whole(value)
        if number is None or not -INT64 <= number < INT64:
            raise wrong_type(self._prefix + name, value)
        return number

    def instant_ms(self, name: str, default: int = 0) -> int:
        """Milliseconds since the epoch, up to the year 9999."""
        number = self.integer(name, default)
        if not 0 <= number <= LATEST_MS:
            raise bad_value(
                self._prefix + name,
                number,
                "Expected milliseconds since 1970, up to the year 9999.",
            )
        return number

    def number(self, name: str) -> float:
        """A required number; the texts NaN and Infinity are numbers too."""
        value = self._one(name)
        if value is None or value == "":
            raise missing(self._prefix + name)
        try:
            if isinstance(value, str | int | float):
                return float(value)
        except (ValueError, OverflowError):
            pass
        raise wrong_type(self._prefix + name, value)

    def flag(self, name: str) -> bool:
        """A boolean; False when it is missing."""
        value = self._one(name)
        return value is True or (isinstance(value, str) and value.lower() == "true")

    def rows(self, name: str) -> list[Fields]:
        """A list of objects."""
        value = self._list(name)
        for row in value:
            if not isinstance(row, dict):
                raise wrong_type(self._prefix + name, value)
        return [Fields(row, f"{self._prefix}{name}[{i}].") for i, row in enumerate(value)]

    def plain_rows(self, name: str) -> list[Any]:
        """A list as it was sent, without a check of its items."""
        return self._list(name)

    def nested(self, name: str) -> Fields:
        """A nested object; an empty one when it is missing."""
        value = self._values.get(name)
        return Fields(value if isinstance(value, dict) else {}, f"{self._prefix}{name}.")

    def texts(self, name: str) -> list[str]:
        """A list of texts; integers in it are read as their digits."""
        return [_text_of(self._prefix + name, item) for item in self._list(name)]

    def _list(self, name: str) -> list[Any]:
        value = self._values.get(name)
        if value is None:
            return []
        if not isinstance(value, list):
            raise wrong_type(self._prefix + name, value)
        most = MAX_ITEMS.get(name, len(value))
        if len(value) > most:
            raise invalid(f"At most {most} values of '{name}' can be given. Got {len(value)}.")
        return value

    def page_size(self, default: int, most: int) -> int:
        """The page size that was requested."""
        size = self.integer("max_results", default)
        if size <= 0:
            raise invalid(
                f"Invalid value {size} for parameter 'max_results' supplied. "
                "It must be a positive integer"
            )
        if size > most:
            raise wrong_type("max_results", self._one("max_results"))
        return size


def pairs(rows: Sequence[Fields]) -> dict[str, str]:
    """Key and value of each row; the last one wins when a key comes twice."""
    return {row.required("key"): row.text("value") for row in rows}


def _whole(value: Any) -> int | None:
    try:
        if isinstance(value, bool) or (isinstance(value, float) and not value.is_integer()):
            return None
        return int(value) if isinstance(value, int | float | str) else None
    except (ValueError, OverflowError):
        return None


def _text_of(name: str, value: Any) -> str:
    if isinstance(value, bool) or not isinstance(value, str | int):
        raise wrong_type(name, value)
    return _stored(name, str(value))


def _stored(name: str, value: str) -> str:
    """The text, when a database can store it: no NUL, no half of a surrogate pair."""
    if "\0" in value or any("\ud800" <= character <= "\udfff" for character in value):
        raise bad_value(name, value.encode("ascii", "replace").decode(), "Not a valid text.")
    return value
