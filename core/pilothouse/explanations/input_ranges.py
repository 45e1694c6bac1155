"""What values the inputs of a version have had, so that a value outside can be marked."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pilothouse.explanations.held_out import background
from pilothouse.kit.errors import Conflict
from pilothouse.models.signature import SignatureField
from pilothouse.registry.info import VersionInfo
from pilothouse.storage import Store

if TYPE_CHECKING:
    import pandas as pd

MAX_VALUES = 50
NUMBERS = ("number", "integer")


@dataclass(frozen=True)
class InputRange:
    """The smallest and the largest number that an input had, or its values, most frequent first.

    `seen_in` is "training", or the rows in words; empty where nothing is known.
    """

    name: str
    low: float | None = None
    high: float | None = None
    values: tuple[Any, ...] = ()
    seen_in: str = ""

    def is_outside(self, value: Any) -> bool:
        """Whether a value was not seen; a missing value is none, and never outside."""
        if value is None or not self.seen_in:
            return False
        if self.low is not None and self.high is not None:
            return not self.low <= float(value) <= self.high
        return bool(self.values) and value not in self.values


def input_ranges(store: Store, info: VersionInfo, rows: int) -> dict[str, InputRange]:
    """The range of every input; of what the signature does not say, of so many rows."""
    ranges = {field.name: _of_signature(field) for field in info.signature.inputs}
    unknown = [field for field in info.signature.inputs if not ranges[field.name].seen_in]
    if not unknown:
        return ranges
    try:
        frame, description = background(store, info, rows)
    except Conflict:
        return ranges
    return ranges | {
        field.name: _of_rows(field, frame[field.name], description) for field in unknown
    }


def _of_signature(field: SignatureField) -> InputRange:
    if field.low is not None and field.high is not None and field.type in NUMBERS:
        return InputRange(field.name, field.low, field.high, seen_in="training")
    if field.categories:
        return InputRange(field.name, values=field.categories, seen_in="training")
    if field.type == "boolean":
        return InputRange(field.name, values=(False, True), seen_in="training")
    return InputRange(field.name)


def _of_rows(field: SignatureField, values: pd.Series[Any], description: str) -> InputRange:
    present = values.dropna()
    if present.empty or field.type == "time":
        return InputRange(field.name)
    if field.type in NUMBERS:
        numbers = present.astype(float)
        return InputRange(
            field.name, float(numbers.min()), float(numbers.max()), seen_in=description
        )
    frequent = tuple(present.value_counts().index[:MAX_VALUES])
    return InputRange(field.name, values=frequent, seen_in=description)
