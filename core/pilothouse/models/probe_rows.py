"""Rows that try a model: drawn from what its signature saw in training, and rows at its edges."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Any

from pilothouse.models.signature import Signature, SignatureField

SEED = 20
UNSEEN = "a value that was never seen"
DAY_MS = 86_400_000
SOME_TIME_MS = 1_700_000_000_000
MAX_CATEGORIES = 50  # of one column; more of them are drawn at random only

Lists = list[list[Any]]


def drawn_rows(signature: Signature, count: int, example: Sequence[dict[str, Any]] = ()) -> Lists:
    """Columns of rows drawn at random, the same ones each time; the example's rows come first."""
    draw = random.Random(SEED)
    columns = []
    for field in signature.inputs:
        of_example = [row.get(field.name) for row in example]
        typical = next((value for value in of_example if value is not None), None)
        values = [_drawn(field, typical, draw) for _ in range(count - len(of_example))]
        columns.append([*(_typed(field, value, typical) for value in of_example), *values])
    return columns


def edge_rows(signature: Signature, example: Sequence[dict[str, Any]] = ()) -> Lists:
    """Columns of rows at the edges, each otherwise as a drawn one.

    Of every column: missing where it may be, each category and one never seen, the extremes and
    values beyond them; and a row without any value that may be missing.
    """
    [*base] = zip(*drawn_rows(signature, 1, example[:1]), strict=True)
    rows = []
    for position, field in enumerate(signature.inputs):
        for value in _edges(field, base[0][position]):
            rows.append([*base[0][:position], value, *base[0][position + 1 :]])
    may_miss = [field.takes_missing for field in signature.inputs]
    if any(may_miss):
        pairs = zip(base[0], may_miss, strict=True)
        rows.append([None if misses else value for value, misses in pairs])
    return [list(column) for column in zip(*rows, strict=True)]


def _drawn(field: SignatureField, typical: Any, draw: random.Random) -> Any:
    if field.takes_missing and draw.random() < 0.05:
        return None
    if field.type == "string":
        return draw.choice(field.categories or (str(typical), UNSEEN))
    if field.type == "boolean":
        return draw.random() < 0.5
    low, high = _range(field, typical)
    value = draw.uniform(low, high)
    return value if field.type == "number" else round(value)


def _typed(field: SignatureField, value: Any, typical: Any) -> Any:
    """A value of an example; one that does not fit the type of its column is replaced."""
    if value is None and field.takes_missing:
        return None
    fits = {
        "string": isinstance(value, str),
        "boolean": isinstance(value, bool),
        "number": isinstance(value, (int, float)) and not isinstance(value, bool),
    }
    is_whole = isinstance(value, int) and not isinstance(value, bool)
    if not fits.get(field.type, is_whole):
        return _drawn(field, typical, random.Random(SEED))
    return float(value) if field.type == "number" else value


def _edges(field: SignatureField, typical: Any) -> list[Any]:
    missing = [None] if field.takes_missing else []
    if field.type == "string":
        return [*(field.categories or ())[:MAX_CATEGORIES], UNSEEN, "", *missing]
    if field.type == "boolean":
        return [False, True, *missing]
    low, high = _range(field, typical)
    beyond = max(high - low, 1.0) * 10
    values = [low, high, low - beyond, high + beyond, 0.0]
    return [*(values if field.type == "number" else map(round, values)), *missing]


def _range(field: SignatureField, typical: Any) -> tuple[float, float]:
    """What training saw of a number, or else values around the example's."""
    if field.low is not None and field.high is not None and field.low <= field.high:
        return float(field.low), float(field.high)
    if field.type == "time":
        at = typical if isinstance(typical, int) else SOME_TIME_MS
        return at - 30 * DAY_MS, at + 30 * DAY_MS
    middle = float(typical) if isinstance(typical, (int, float)) else 0.0
    return middle - abs(middle) - 1.0, middle + abs(middle) + 1.0
