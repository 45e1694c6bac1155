"""Labels that are numbers."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Floats = npt.NDArray[np.float64]


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
