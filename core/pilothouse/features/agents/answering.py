"""What every agent does: it reads questions, answers each, and says why where it cannot.

A program of this folder imports it by its bare name: the folder of a script is on its path.
"""

from __future__ import annotations

import json
import math
import os
import struct
import sys
import time
import traceback
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta, timezone
from typing import Any, BinaryIO

HEAD = struct.Struct(">I")
Verb = Callable[..., dict[str, Any]]


class QuestionRefused(Exception):
    """What was asked cannot be answered; the words are for the person."""


def serve(open_store: Callable[[], tuple[Any, str]], verbs: Sequence[Verb]) -> None:
    """Answer until there are no more questions; the first frame has the version, or an error.

    A question names its verb as the function is named.
    """
    by_name = {verb.__name__: verb for verb in verbs}
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what the library prints must not stand among the answers
    sys.path.append(os.getcwd())
    try:
        store, version = open_store()
    except ImportError as missing:
        write(answers, {"error": str(missing), "kind": "missing"})
        return
    except Exception as broken:
        write(answers, failure(broken))
        return
    write(answers, {"version": version})
    while (question := read(sys.stdin.buffer)) is not None:
        write(answers, answer(store, by_name, question))


def answer(store: Any, verbs: Mapping[str, Verb], question: dict[str, Any]) -> dict[str, Any]:
    """The result of one question, or why there is none."""
    began = time.perf_counter()
    try:
        result = verbs[question.pop("verb")](store, **question)
    except Exception as broken:
        return failure(broken)
    return {"result": result, "ms": round((time.perf_counter() - began) * 1000, 3)}


def failure(broken: Exception) -> dict[str, Any]:
    """An error as the other side reads it; the traceback goes to the log."""
    traceback.print_exc()
    kind = "invalid" if isinstance(broken, QuestionRefused) else "failed"
    text = str(broken) or type(broken).__name__
    return {"error": text[:2000], "kind": kind, "type": type(broken).__name__}


def read(stream: BinaryIO) -> dict[str, Any] | None:
    """The next frame; None at the end."""
    head = stream.read(HEAD.size)
    if len(head) < HEAD.size:
        return None
    return dict(json.loads(stream.read(HEAD.unpack(head)[0])))


def write(stream: BinaryIO, value: dict[str, Any]) -> None:
    """One frame."""
    body = json.dumps(value, default=str).encode()
    stream.write(HEAD.pack(len(body)) + body)
    stream.flush()


def plain(value: Any) -> Any:
    """A value that JSON has; lists and maps as their text."""
    # Unions of types are no types for Python 3.9, which some libraries need.
    if hasattr(value, "tolist"):
        value = value.tolist()
    if value is None or isinstance(value, (bool, int, str)):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, (list, dict, tuple, set)):
        return json.dumps(list(value) if isinstance(value, set) else value, default=str)
    if value != value:  # not a time
        return None
    return value.isoformat() if isinstance(value, datetime) else str(value)


def instant_text(value: Any) -> str | None:
    """An instant in UTC as text; one without a zone is in UTC."""
    if not isinstance(value, datetime) or value != value:
        return None
    return (value if value.tzinfo else value.replace(tzinfo=timezone.utc)).isoformat()  # noqa: UP017


def seconds_of(value: Any) -> float | None:
    """The seconds of a duration; None for none, or one of zero, which is read as no limit."""
    return value.total_seconds() or None if isinstance(value, timedelta) else None
