"""Kinds of personal data that a column may hold: one module a kind, chosen by its name.

A kind looks at a sample of a column and says how much of it is what it knows. What looks alike but
is not personal, such as an order number, must not be recognised: a checksum, a shape that nothing
else has, or the column's name has to speak for it.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Protocol

from pilothouse.data.schema import Type
from pilothouse.kit.plugins import Plugins

MIN_VALUES = 3  # fewer prove nothing by their shape


@dataclass(frozen=True)
class ColumnSample:
    """Some of a column's values as text, without missing ones, and its name and type."""

    name: str
    type: Type
    values: tuple[str, ...]

    @cached_property
    def name_words(self) -> tuple[str, ...]:
        """The words of the column's name, in small letters without accents."""
        return words_of(self.name)

    def share(self, is_one: Callable[[str], bool]) -> float:
        """The share of the values for which something holds."""
        if not self.values:
            return 0.0
        return sum(map(is_one, self.values)) / len(self.values)


@dataclass(frozen=True)
class Match:
    """Why a column seems to hold a kind of personal data, and the share of values that match."""

    share: float
    reason: str


class PersonalKind(Protocol):
    """A kind of personal data."""

    @property
    def title(self) -> str:
        """Its name for people."""
        ...

    @property
    def description(self) -> str:
        """How it is recognised, in a sentence or two."""
        ...

    @property
    def example(self) -> str:
        """A value of nobody, which stands where an example is needed."""
        ...

    def look(self, column: ColumnSample) -> Match | None:
        """Whether the column holds this kind; None when nothing speaks for it."""
        ...


def words_of(name: str) -> tuple[str, ...]:
    """The words of a name such as `firstName`, `Straße / Nr` or `Имя`, of any script."""
    plain = without_marks(name.replace("ß", "ss"))
    apart = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", " ", plain)
    return tuple(re.findall(r"[^\W\d_]+", apart.lower()))


def without_marks(text: str) -> str:
    """A text without accents, vowel signs and other marks, which are no letters."""
    plain = unicodedata.normalize("NFKD", text)
    return "".join(letter for letter in plain if not unicodedata.category(letter).startswith("M"))


def words_in(names: str) -> frozenset[str]:
    """Names of columns in any script, apart by spaces, as `words_of` has them."""
    return frozenset(words_of(names))


def by_value(
    column: ColumnSample, is_one: Callable[[str], bool], least: float, what: str
) -> Match | None:
    """The match of a column of text, of which at least a share of the values is what they seem."""
    if column.type not in ("string", "integer") or len(column.values) < MIN_VALUES:
        return None
    share = column.share(is_one)
    return Match(share, what) if share >= least else None


personal_kinds: Plugins[PersonalKind] = Plugins(__name__, "personal data kind")
