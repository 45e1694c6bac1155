"""Sends calls to a server and compares what two servers answer, field by field."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from email.message import Message
from typing import Any
from urllib.parse import unquote

import httpx
from calls import Call
from differences import EMPTY_IS_ABSENT, IGNORED, SAME_TYPE, SORTED_BY, UNORDERED

from harness.tracking_calls import API

JSON = {"Content-Type": "application/json"}
SHORTEST = 8  # shorter values, such as numbers, are compared as they are
MISSING = object()


@dataclass(frozen=True)
class Answer:
    """What a server said, with its own ids written as the variables they are kept in."""

    status: int
    body: Any
    headers: dict[str, str]

    @property
    def code(self) -> str | None:
        """The protocol's error code, when the body tells one."""
        return self.body.get("error_code") if isinstance(self.body, dict) else None


class Server:
    """One of the two servers, and the variables that its answers have filled."""

    def __init__(self, url: str) -> None:
        self._http = httpx.Client(base_url=url, timeout=120, trust_env=False)
        self._kept: dict[str, str] = {}

    def close(self) -> None:
        self._http.close()

    def ask(self, call: Call) -> Answer:
        """Send a call, keep what it keeps, and say what came back."""
        path = self._filled(call.path)
        words: dict[str, Any] = {}
        if call.content is not None:
            words["content"] = self._filled(call.content.decode("latin-1")).encode("latin-1")
            words["headers"] = {} if path.startswith("/") else JSON
        else:
            words["params" if call.method == "GET" else "json"] = self._filled(call.fields)
        url = path if path.startswith("/") else API + path
        came = self._http.request(call.method, url, **words)
        body = _read(came)
        for name, place in call.kept.items():
            value = _at(body, place)
            if isinstance(value, str):
                self._kept[name] = value
        return Answer(came.status_code, self._named(body), _headers(came))

    def _filled(self, value: Any) -> Any:
        if isinstance(value, str):
            return re.sub(r"\$(\w+)", lambda m: self._kept.get(m[1], m[0]), value)
        if isinstance(value, list):
            return [self._filled(each) for each in value]
        if isinstance(value, dict):
            return {key: self._filled(each) for key, each in value.items()}
        return value

    def _named(self, value: Any) -> Any:
        if isinstance(value, str):
            return "/".join(self._name(part) for part in value.split("/"))
        if isinstance(value, list):
            return [self._named(each) for each in value]
        if isinstance(value, dict):
            return {key: self._named(each) for key, each in value.items()}
        return value

    def _name(self, part: str) -> str:
        for name, kept in self._kept.items():
            if part == kept and len(kept) >= SHORTEST:
                return f"${name}"
        return part


def _read(came: httpx.Response) -> Any:
    try:
        return came.json()
    except ValueError:
        return {"text": came.text}


def _at(body: Any, place: str) -> Any:
    for part in place.split("."):
        body = body.get(part) if isinstance(body, dict) else None
    return body


def _headers(came: httpx.Response) -> dict[str, str]:
    """What a browser makes of the body: compared as it is read, not as it is spelled."""
    if came.status_code >= 400 or "content-disposition" not in came.headers:
        return {}
    held = came.headers["content-disposition"]
    read, full = Message(), re.search(r"filename\*=UTF-8''(.*)", held)
    read["content-disposition"] = held
    return {
        "kind": came.headers["content-type"].partition(";")[0],
        "held as": read.get_content_disposition() or "",
        "file name": unquote(full[1]) if full else read.get_filename() or "",
        "sniffing": came.headers.get("x-content-type-options", ""),
    }


def compare(theirs: Answer, ours: Answer) -> list[str]:
    """In which ways two answers differ."""
    if theirs.status != ours.status:
        return [f"status {theirs.status}, here {ours.status}"]
    if ours.status >= 400:
        found = [] if theirs.code else ["MLflow's error is not in the protocol's form"]
        if theirs.code and theirs.code != ours.code:
            found.append(f"code {theirs.code}, here {ours.code}")
        return found + ([] if ours.code else ["our error is not in the protocol's form"])
    differing = _differing(theirs.headers, ours.headers, "headers")
    return [*differing, *_differing(theirs.body, ours.body, "")]


def _differing(theirs: Any, ours: Any, place: str) -> Iterator[str]:
    name = place.rpartition(".")[2]
    if name in IGNORED:
        return
    if name in EMPTY_IS_ABSENT:
        theirs = MISSING if theirs == "" else theirs
        ours = MISSING if ours == "" else ours
    if type(theirs) is not type(ours):
        yield f"{place}: {_short(theirs)}, here {_short(ours)}"
    elif isinstance(theirs, dict):
        for key in sorted(theirs.keys() | ours.keys()):
            pair = theirs.get(key, MISSING), ours.get(key, MISSING)
            yield from _differing(*pair, f"{place}.{key}")
    elif isinstance(theirs, list):
        yield from _differing_rows(theirs, ours, place)
    elif theirs != ours and name not in SAME_TYPE:
        yield f"{place}: {_short(theirs)}, here {_short(ours)}"


def _differing_rows(theirs: list[Any], ours: list[Any], place: str) -> Iterator[str]:
    if len(theirs) != len(ours):
        yield f"{place}: {len(theirs)} of them, here {len(ours)}"
        return
    if place.rpartition(".")[2] in UNORDERED:
        theirs, ours = sorted(theirs, key=_place_of), sorted(ours, key=_place_of)
    for number, pair in enumerate(zip(theirs, ours, strict=True)):
        yield from _differing(*pair, f"{place}.{number}")


def _place_of(row: Any) -> str:
    if isinstance(row, dict):
        return next((str(row[name]) for name in SORTED_BY if name in row), "")
    return str(row)


def _short(value: Any) -> str:
    return "nothing" if value is MISSING else repr(value)[:120]
