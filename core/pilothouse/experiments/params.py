"""Values of parameters: the types that are accepted, and the text that is stored."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from typing import Any

from pilothouse.kit.errors import Invalid

MAX_VALUE_LENGTH = 6000  # characters, as in MLflow's protocol
ParamValue = str | int | float | bool | None | Sequence[Any] | Mapping[str, Any]


def param_text(value: ParamValue) -> str:
    """A parameter as the text that is stored: as Python writes it, containers as JSON.

    Raises Invalid when the text is longer than `MAX_VALUE_LENGTH`.
    """
    if isinstance(value, str):
        text = value
    elif isinstance(value, (Mapping, list, tuple)):
        text = json.dumps(value, sort_keys=True, ensure_ascii=False, default=str)
    else:
        text = str(value)
    if len(text) > MAX_VALUE_LENGTH:
        raise Invalid(f"a parameter's value is longer than {MAX_VALUE_LENGTH} characters.")
    return text


def param_number(text: str) -> float | None:
    """The finite number that a stored parameter spells, so that it sorts as one; else None."""
    try:
        number = float(text)
    except ValueError:
        return None
    # Python reads `1_000` as a number, but people and other programs do not.
    return number if math.isfinite(number) and "_" not in text else None
