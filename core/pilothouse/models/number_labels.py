"""Labels that are numbers."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from pilothouse.models.signature import Signature

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Floats = npt.NDArray[np.float64]


class NumberLabels:
    """How tasks read labels that are numbers, and what they say of them."""

    @staticmethod
    def read_label(signature: Signature, value: Any) -> Any:
        """The number that a label is; None when it is none."""
        return read_number(value)

    @staticmethod
    def label_hint(signature: Signature) -> str:
        """A label is a number."""
        return "a number"

    @staticmethod
    def truth(signature: Signature, labels: Sequence[Any]) -> Floats:
        """The observed numbers."""
        return numbers(labels)

    @staticmethod
    def summary(signature: Signature, truth: Floats) -> dict[str, float]:
        """The mean of the observed numbers."""
        return {f"Mean {signature.target or 'label'}": float(truth.mean())} if len(truth) else {}


def read_number(value: Any) -> float | None:
    """The finite number that a value is or spells; None for anything else, also for booleans."""
    plain = value.item() if hasattr(value, "item") else value
    if isinstance(plain, bool) or not isinstance(plain, int | float | str):
        return None
    try:
        number = float(plain)
    except (ValueError, OverflowError):
        return None
    return number if math.isfinite(number) else None


def numbers(labels: Sequence[Any]) -> Floats:
    """Labels as numbers; NaN for what is missing or no number."""
    import numpy as np

    values = [read_number(label) for label in labels]
    return np.array([np.nan if value is None else value for value in values], dtype=np.float64)
