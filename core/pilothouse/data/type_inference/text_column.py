"""A column of texts that is to get a type: its values, the words for missing, and a decision."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import pyarrow as pa
import pyarrow.compute as pc

from pilothouse.data.booleans import BooleanWords
from pilothouse.data.canonical import ARROW
from pilothouse.data.reading_options import DateOrder, ReadOptions
from pilothouse.data.reading_report import ColumnReading
from pilothouse.data.schema import Type
from pilothouse.data.type_inference import dates, numbers

DIGIT_SHARE = 0.5  # of the values; a column of numbers or times has more with digits
INFINITE = r"^[-+]?(?i:inf|infinity|∞)$"
MISSING = (
    *("#N/A", "#N/A N/A", "#NA", "-1.#IND", "-1.#QNAN", "-NaN", "-nan", "1.#IND", "1.#QNAN"),
    *("<NA>", "N/A", "NA", "NULL", "NaN", "None", "n/a", "nan", "null", "NaT"),
)  # the words that pandas takes for missing
TYPED_MISSING = (
    *("-", "--", "---", "\u2013", "\u2014", "?", ".", "n.a.", "N.A.", "k.A.", "k. A.", "n.v."),
    *("s.o.", "#DIV/0!", "#VALUE!", "#WERT!", "#REF!", "#BEZUG!", "#NUM!", "#ZAHL!", "#NV"),
    *("#N/V", "\\N", "(null)", "(blank)", "none", "missing", "unknown"),
)  # words that mean a missing value among numbers and times, and may be values among texts


@dataclass(frozen=True)
class Clues:
    """What the decided columns of a file say about the open ones."""

    separator: str = ""
    decimal: str | None = None
    orders: Mapping[str, DateOrder] = field(default_factory=dict)


@dataclass(frozen=True)
class TypeDecision:
    """A column in its type, why, and what it tells about other columns."""

    column: pa.ChunkedArray
    type: Type
    reason: str
    form: str = ""
    notes: tuple[str, ...] = ()
    boolean_words: BooleanWords | None = None
    decimal: str | None = None
    order: tuple[str, DateOrder] | None = None
    missing_words: tuple[tuple[str, int], ...] = ()

    def reading(self, name: str) -> ColumnReading:
        """What the report says of it."""
        return ColumnReading(
            name, self.type, self.reason, self.form, self.column.null_count,
            self.missing_words, self.notes,
        )  # fmt: skip


@dataclass(frozen=True)
class TypedTable:
    """A table in its types, with the words of its booleans and how each column was read."""

    table: pa.Table
    boolean_words: Mapping[str, BooleanWords]
    columns: tuple[ColumnReading, ...]


class Undecided(Exception):
    """A column's own values leave its form open."""


class TextColumn:
    """The texts of a column, without blanks and missing words, and what they could be."""

    def __init__(self, name: str, texts: pa.ChunkedArray, options: ReadOptions) -> None:
        self.name = name
        self.options = options
        trimmed = pc.utf8_trim_whitespace(texts)
        blank = pc.equal(trimmed, "")
        self.texts = pc.if_else(blank, pa.scalar(None, pa.string()), texts)
        self.trimmed = pc.if_else(blank, pa.scalar(None, pa.string()), trimmed)
        missing_words = MISSING if options.missing is None else options.missing
        self.values, self.word_counts = without_words(self.trimmed, missing_words)
        self.present = len(self.values) - self.values.null_count

    def without_words(self, missing_words: Sequence[str]) -> TextColumn:
        """The same column where more words are missing values."""
        other = TextColumn(self.name, self.texts, self.options)
        other.values, counts = without_words(self.values, missing_words)
        other.word_counts = {**self.word_counts, **counts}
        other.present = len(other.values) - other.values.null_count
        return other

    @property
    def counted_words(self) -> tuple[tuple[str, int], ...]:
        """The missing words that occur, the most frequent first."""
        return tuple(sorted(self.word_counts.items(), key=lambda pair: (-pair[1], pair[0])))

    @cached_property
    def may_be_typed(self) -> bool:
        """Whether enough values have a digit, or are infinite, to be worth a closer look."""
        likely = pc.match_substring_regex(self.values, rf"\d|{INFINITE}")
        return bool((pc.sum(likely).as_py() or 0) >= DIGIT_SHARE * self.present)

    @cached_property
    def infinite(self) -> pa.ChunkedArray:
        """Where the values are infinite."""
        return pc.match_substring_regex(self.values, INFINITE).fill_null(False)

    @cached_property
    def parts(self) -> numbers.NumberTexts:
        """The finite values taken apart as numbers."""
        finite = pc.if_else(self.infinite, pa.scalar(None, pa.string()), self.values)
        return numbers.parse_numbers(finite)

    @cached_property
    def times(self) -> dates.TimeTexts:
        """The values taken apart as times."""
        return dates.parse_times(self.values)

    def forms(self) -> list[numbers.NumberForm]:
        """The forms of numbers that read all values and that the options allow."""
        if pc.any(self.parts.rejected, min_count=0).as_py():
            return []
        return [
            form for form in numbers.fitting_forms(self.parts) if is_allowed(form, self.options)
        ]


def is_allowed(form: numbers.NumberForm, options: ReadOptions) -> bool:
    if options.decimal and form.decimal != options.decimal:
        return False
    return not (options.thousands and form.thousands not in ("", options.thousands))


def without_words(
    texts: pa.ChunkedArray, missing_words: Sequence[str]
) -> tuple[pa.ChunkedArray, dict[str, int]]:
    """The texts without some words, and how often each of them occurs."""
    hit = pc.is_in(texts, pa.array(list(missing_words), pa.string()))
    if not pc.any(hit, min_count=0).as_py():
        return texts, {}
    counts = pc.value_counts(texts.filter(hit))
    occurring = {item["values"]: item["counts"] for item in counts.to_pylist()}
    return pc.if_else(hit, pa.scalar(None, pa.string()), texts), occurring


def positions(mask: pa.ChunkedArray) -> list[int]:
    positions: list[int] = pc.indices_nonzero(mask).to_pylist()
    return positions


def cast(texts: pa.ChunkedArray, kind: Type) -> pa.ChunkedArray | None:
    """The texts as one type, or None when some are of another."""
    try:
        return texts.cast(ARROW[kind])
    except pa.ArrowInvalid:
        return None


def all_match(texts: pa.ChunkedArray, pattern: str) -> bool:
    return bool(pc.all(pc.match_substring_regex(texts, pattern), min_count=0).as_py())


def any_match(texts: pa.ChunkedArray, pattern: str) -> bool:
    return bool(pc.any(pc.match_substring_regex(texts, pattern), min_count=0).as_py())
