"""Dataclasses and frames as JSON: instants in ms since the epoch, missing values as null."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson
from fastapi import Response

from pilothouse.kit.clock import to_ms

if TYPE_CHECKING:
    import pandas as pd


def to_bytes(value: Any) -> bytes:
    """Any value of the API as JSON; NaN and infinities become null."""
    return orjson.dumps(value, default=_plain, option=orjson.OPT_NON_STR_KEYS | _OURS)


def json_answer(value: Any, status: int = 200) -> Response:
    """A response whose body is `to_bytes` of the value."""
    return Response(to_bytes(value), status, media_type="application/json")


def records(frame: pd.DataFrame) -> list[dict[str, Any]]:
    """A frame's rows."""
    plain = frame.astype(object).where(frame.notna(), float("nan"))
    names = [str(name) for name in plain.columns]
    return [dict(zip(names, row, strict=True)) for row in plain.itertuples(index=False)]


_OURS = orjson.OPT_PASSTHROUGH_DATETIME | orjson.OPT_PASSTHROUGH_DATACLASS


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return to_ms(value)
    if is_dataclass(value) and not isinstance(value, type):
        return {field.name: getattr(value, field.name) for field in fields(value)}
    if isinstance(value, Mapping):
        return dict(value)
    if hasattr(value, "tolist"):
        return value.tolist()
    if isinstance(value, date | Path):
        return str(value)
    raise TypeError(f"{type(value).__name__} has no JSON form")
