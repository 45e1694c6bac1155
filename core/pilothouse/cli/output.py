"""What a command prints: JSON for programs, tables and lines for people."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, fields, is_dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    import pandas as pd

EMPTY = "Nothing here yet."


@dataclass(frozen=True)
class Output:
    """The result of a command: `value` is printed with --json, `text` without."""

    value: Any
    text: str
    exit_code: int = 0


def emit(result: Any, as_json: bool) -> None:
    """Print the result of a command on stdout: an `Output`, a frame, or the facts of an object."""
    if isinstance(result, Output):
        click.echo(to_json(result.value) if as_json else result.text)
        if result.exit_code:
            raise SystemExit(result.exit_code)
    elif as_json:
        click.echo(to_json(result))
    else:
        click.echo(text_of(result))


def text_of(result: Any) -> str:
    """A result for people: a frame as a table, an object as one line for each of its facts."""
    if _is_frame(result):
        return EMPTY if result.empty else str(_readable(result).to_string(index=False))
    if isinstance(result, list | tuple):
        return "\n".join(map(_line, result)) or EMPTY
    facts = _facts(result)
    if facts is None:
        return str(result)
    return "\n".join(
        f"{name}: {_value_text(value)}" for name, value in facts.items() if not _is_blank(value)
    )


def to_json(value: Any, indent: int | None = None) -> str:
    """JSON that every reader takes: instants in ISO 8601; null for what is missing or no number."""
    return json.dumps(_plain(value), indent=indent, ensure_ascii=False, allow_nan=False)


def _plain(value: Any) -> Any:
    if _is_frame(value):
        return _plain(value.to_dict(orient="records"))
    if (facts := _facts(value)) is not None:
        return {str(name): _plain(part) for name, part in facts.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_plain(part) for part in value]
    if hasattr(value, "tolist"):
        return _plain(value.tolist())
    if value is None or value != value:  # NaN and NaT are not equal to themselves
        return None
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, datetime):
        return value.isoformat()
    return value if isinstance(value, str | int) else str(value)


def _facts(value: Any) -> Mapping[Any, Any] | None:
    """The parts of a mapping or of a dataclass; None for anything else."""
    if isinstance(value, Mapping):
        return value
    if is_dataclass(value) and not isinstance(value, type):
        return {field.name: getattr(value, field.name) for field in fields(value)}
    return None


def _is_frame(value: Any) -> bool:
    """Whether it is a DataFrame, found without importing pandas: most commands need no pandas."""
    return type(value).__name__ == "DataFrame"


def _readable(frame: pd.DataFrame) -> pd.DataFrame:
    """The frame without columns that are empty in every row: a wide table is read by nobody."""
    if len(frame.columns) <= 2:
        return frame
    filled = [
        index
        for index in range(len(frame.columns))
        if not frame.iloc[:, index].map(_is_blank).all()
    ]
    return frame.iloc[:, filled] if filled else frame


def _is_blank(value: Any) -> bool:
    if value is None or (isinstance(value, str | tuple | list | Mapping) and not value):
        return True
    return isinstance(value, float) and math.isnan(value)


def _line(item: Any) -> str:
    facts = _facts(item)
    if facts is None:
        return _value_text(item)
    return "  ".join(_value_text(value) for value in facts.values() if not _is_blank(value))


def _value_text(value: Any) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, datetime):
        return value.isoformat(sep=" ", timespec="seconds")
    if _facts(value) is not None or isinstance(value, list | tuple):
        return to_json(value)
    return str(value)
