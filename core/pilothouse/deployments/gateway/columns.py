"""Checks columns against a signature: their names, types, finiteness and missing values.

Plain lists on purpose: the server loads neither numpy nor pandas. PERF: most columns are accepted
by one pass of `set(map(type, values))`, which runs in C (benchmark: run.py predict).
"""

from __future__ import annotations

import difflib
import math
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from itertools import chain
from typing import Any

from pilothouse.deployments.gateway.request import MAX_ID, MAX_NAMES, excerpt, join_names
from pilothouse.kit.clock import MAX_MS, to_ms
from pilothouse.kit.errors import Invalid
from pilothouse.models.signature import Signature, SignatureField

Columns = Mapping[str, list[Any]]
INT64_LIMIT = 1 << 63
MAX_EXACT_INTEGER = 1 << 53
NULL = type(None)
NUMBERS = {float, int}
BOOLEAN_TEXTS = {"true": True, "false": False, "1": True, "0": False}
MAX_COMPARED = 50  # names that are compared with a missing one, to guess what was misspelt


class OneRow(Mapping[str, list[Any]]):
    """The columns of a request that has one row: its values in the order of the names.

    PERF: a list a column is made only for whoever asks for a column.
    """

    __slots__ = ("_columns", "names", "row")

    def __init__(self, names: tuple[str, ...], row: list[Any]) -> None:
        self.names = names
        self.row = row
        self._columns: dict[str, list[Any]] | None = None

    def __getitem__(self, name: str) -> list[Any]:
        if self._columns is None:
            pairs = zip(self.names, self.row, strict=True)
            self._columns = {column: [value] for column, value in pairs}
        return self._columns[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self.names)

    def __len__(self) -> int:
        return len(self.names)

    def by_name(self) -> dict[str, Any]:
        """The value of each column."""
        return dict(zip(self.names, self.row, strict=True))


def check_columns(
    signature: Signature,
    received: Mapping[str, list[Any]],
    rows: int,
    unused: tuple[str, ...] | None = None,
) -> Columns:
    """The received columns in the signature's order, each of the right type.

    A column that may be missing may be left out. `unused` are columns that the protocol ignores;
    where it is None, a column that the model does not have is refused. Raises Invalid with a
    message per column.
    """
    if (numbers := _all_numbers(signature, received, rows)) is not None:
        return numbers
    _check_names(signature, received, unused)

    columns: dict[str, list[Any]] = {}
    problems: dict[str, str] = {}
    for field in signature.inputs:
        values = received.get(field.name)
        try:
            columns[field.name] = (
                [None] * rows if values is None else check_column(field, values, rows)
            )
        except Invalid as refused:
            problems[field.name] = refused.message

    if problems:
        summary = "; ".join(f"{name}: {message}" for name, message in problems.items())
        raise Invalid(f"{summary}.", fields=problems)

    return columns


def _all_numbers(
    signature: Signature, received: Mapping[str, list[Any]], rows: int
) -> Columns | None:
    """The columns of a request that holds every column, and finite numbers only; else None.

    PERF: one pass over all columns; whatever else there is, the careful check says what is wrong.
    """
    if not signature.takes_numbers_only or len(received) != len(signature.names):
        return None
    if type(received) is OneRow:
        return _one_row_of_numbers(signature, received)
    if tuple(received) == signature.names:
        columns = dict(received)
    elif received.keys() == set(signature.names):
        columns = {name: received[name] for name in signature.names}
    else:
        return None
    if set(map(len, columns.values())) != {rows}:
        return None
    values = [*chain.from_iterable(columns.values())]
    floats = _finite_floats(values)
    if floats is None:
        return None
    if floats is values:
        return columns
    parts = zip(columns, range(0, len(floats), rows), strict=True)
    return {name: floats[start : start + rows] for name, start in parts}


def _one_row_of_numbers(signature: Signature, received: OneRow) -> OneRow | None:
    """The same for one row."""
    if received.names is not signature.names:
        return None
    floats = _finite_floats(received.row)
    if floats is None:
        return None
    return OneRow(received.names, floats)


def _finite_floats(values: list[Any]) -> list[float] | None:
    """Values that are finite numbers as floats, the same list when all are; else None."""
    kinds = set(map(type, values))
    if not kinds <= NUMBERS:
        return None
    try:
        if not math.isfinite(sum(values)):  # a sum is finite only if all its parts are
            return None
        return values if int not in kinds else [*map(float, values)]
    except OverflowError:
        return None


def _check_names(
    signature: Signature, received: Mapping[str, list[Any]], unused: tuple[str, ...] | None
) -> None:
    names = set(signature.names)
    unknown = [name for name in received if name not in names] if unused is None else []
    absent = [f.name for f in signature.inputs if f.required and f.name not in received]
    if not unknown and not absent:
        return

    fields = dict.fromkeys(
        (name[:MAX_ID] for name in unknown[:MAX_COMPARED]), "the model has no such column"
    )
    fields |= dict.fromkeys(absent, "this column is missing")
    problems = []
    if absent:
        problems.append(f"missing columns: {join_names(absent)}")

    others = unknown if unused is None else list(unused)
    if others:
        label = "unknown columns" if unused is None else "columns that are not used"
        guesses = [_guess(name, absent) for name in others[:MAX_NAMES]]
        problems.append(f"{label}: {join_names([*guesses, *others[MAX_NAMES:]])}")

    raise Invalid(
        f"{'; '.join(problems)}.",
        hint=f"The model takes: {join_names(signature.names)}.",
        fields=fields,
    )


def _guess(name: str, absent: list[str]) -> str:
    if len(name) > MAX_ID:
        return name
    near = difflib.get_close_matches(name, absent[:MAX_COMPARED], n=1)
    return f"{name} (did you mean {near[0]}?)" if near else name


def check_column(field: SignatureField, values: list[Any], rows: int) -> list[Any]:
    """The values of one column, of the right type. Raises Invalid that names the first wrong."""
    if len(values) != rows:
        raise Invalid(f"has {len(values)} values, the request has {rows} rows")
    kinds = set(map(type, values))
    if NULL in kinds:
        if not field.takes_missing:
            raise Invalid(f"row {values.index(None)} is missing, and this column must have a value")
        kinds.discard(NULL)
    if field.type == "boolean":
        return _booleans(field, values, kinds)
    return _READERS[field.type](values, kinds) if kinds else values


def _number(values: list[Any], kinds: set[type]) -> list[Any]:
    if not kinds <= {int, float}:
        raise _first_wrong(values, (int, float), "a number")
    if int in kinds:
        values = [_as_float(v) if type(v) is int else v for v in values]
    for row, value in enumerate(values):
        if value is not None and not math.isfinite(value):
            raise Invalid(f"row {row} is not a finite number")
    return values


def _as_float(value: int) -> float:
    try:
        return float(value)
    except OverflowError:  # the caller refuses it, as it does any infinite number
        return math.inf


def _integer(values: list[Any], kinds: set[type]) -> list[Any]:
    if not kinds <= {int, float}:
        raise _first_wrong(values, (int, float), "a whole number")
    if float in kinds:
        values = [_whole(v, row) for row, v in enumerate(values)]
    for row, value in enumerate(values):
        if value is not None and not -INT64_LIMIT <= value < INT64_LIMIT:
            raise Invalid(f"row {row} does not fit into 64 bits")
    return values


def _whole(value: float | None, row: int) -> int | None:
    if value is None or isinstance(value, int):
        return value
    if not value.is_integer() or abs(value) > MAX_EXACT_INTEGER:
        raise Invalid(f"row {row} is {excerpt(value)}, and a whole number is needed")
    return int(value)


def _string(values: list[Any], kinds: set[type]) -> list[Any]:
    if kinds != {str}:
        raise _first_wrong(values, (str,), "a text")
    return values


def _booleans(field: SignatureField, values: list[Any], kinds: set[type]) -> list[Any]:
    """Booleans, also as 1 and 0, as texts, or as the two texts that the data has for them."""
    if kinds == {bool}:
        return values
    by_text = BOOLEAN_TEXTS
    if field.boolean_words is not None:
        false, true = field.boolean_words
        by_text = BOOLEAN_TEXTS | {false.casefold(): False, true.casefold(): True}
    return [_boolean(value, row, by_text) for row, value in enumerate(values)]


def _boolean(value: Any, row: int, by_text: Mapping[str, bool]) -> bool | None:
    if value is None or value is True or value is False:
        return value
    if type(value) in (int, float) and value in (0, 1):
        return bool(value)
    truth = by_text.get(value.strip().casefold()) if type(value) is str else None
    if truth is None:
        raise Invalid(f"row {row} is {excerpt(value)}, and true or false is needed")
    return truth


def _time(values: list[Any], kinds: set[type]) -> list[Any]:
    """Milliseconds since the epoch; ISO 8601 is accepted and means UTC without an offset."""
    if not kinds <= {int, float, str}:
        raise _first_wrong(values, (int, float, str), "milliseconds since 1970 or an ISO 8601 time")
    if kinds != {int}:
        values = [_instant(v, row) for row, v in enumerate(values)]
    for row, value in enumerate(values):
        if value is not None and abs(value) > MAX_MS:
            raise Invalid(f"row {row} is {value} ms, which is beyond the year 9999")
    return values


def _instant(value: float | str | None, row: int) -> int | None:
    if not isinstance(value, str):
        return _whole(value, row)
    try:
        at = datetime.fromisoformat(value)
    except ValueError as bad:
        raise Invalid(f"row {row} is {excerpt(value)}, which is not an ISO 8601 time") from bad
    return to_ms(at if at.tzinfo else at.replace(tzinfo=UTC))


def _first_wrong(values: list[Any], kinds: tuple[type, ...], expected: str) -> Invalid:
    for row, value in enumerate(values):
        if value is not None and type(value) not in kinds:
            return Invalid(f"row {row} is {excerpt(value)}, and {expected} is needed")
    raise AssertionError("called without a wrong value")


_READERS: dict[str, Callable[[list[Any], set[type]], list[Any]]] = {
    "number": _number,
    "integer": _integer,
    "string": _string,
    "time": _time,
}
