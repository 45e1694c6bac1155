"""Pagination: an opaque token holds where the next page begins."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Sequence
from typing import Any

import orjson

from pilothouse.interop.mlflow.errors import invalid


def offset_of(token: str) -> int:
    """Where a page begins. Raises when the token is not valid."""
    if not token:
        return 0
    try:
        text = base64.b64decode(token, validate=True)
    except (binascii.Error, ValueError):
        raise invalid("Invalid page token, could not base64-decode") from None
    try:
        offset = orjson.loads(text)["offset"]
    except (ValueError, KeyError, TypeError):
        raise invalid("Invalid page token, parsed value is not valid JSON") from None
    if not isinstance(offset, int) or not 0 <= offset < 1 << 62:
        raise invalid(f"Invalid page token, the offset {str(offset)[:40]!r} is not valid")
    return offset


def page(name: str, rows: Sequence[Any], offset: int, size: int) -> dict[str, Any]:
    """A response from up to `size + 1` rows: `size` of them, and a token if there are more.

    As in the protocol, an empty list is left out.
    """
    answer: dict[str, Any] = {}
    if rows:
        answer[name] = list(rows[:size])
    if len(rows) > size:
        token = base64.b64encode(b'{"offset": %d}' % (offset + size)).decode()
        answer["next_page_token"] = token
    return answer
