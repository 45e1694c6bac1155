"""ASGI messages: read a request's body within its limits, send a response or an error."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, NamedTuple

import orjson

from pilothouse.kit.errors import (
    Invalid,
    KeyNeeded,
    PilothouseError,
    TooLarge,
    Unavailable,
)

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
SMALL_BODY = 64 * 1024
MAX_BUFFERED_BYTES = 96 << 20


class Response(NamedTuple):
    """A response on its way out. PERF: a tuple is made faster than a frozen dataclass."""

    status: int
    body: bytes
    headers: tuple[tuple[bytes, bytes], ...] = ()
    content_type: bytes = b"application/json"


class BodyBudget:
    """How many bytes of large bodies the server holds at once; a body beyond that is refused.

    Small bodies are not counted, so that large ones cannot keep them out.
    """

    def __init__(self, limit: int = MAX_BUFFERED_BYTES) -> None:
        self._limit = limit
        self._held = 0

    def reserve(self) -> Reservation:
        """What one request will hold, as a context: it holds nothing afterwards."""
        return Reservation(self)

    def hold(self, change: int) -> None:
        """Hold more bytes or fewer. Raises Unavailable beyond the limit."""
        self._held += change
        if change > 0 and self._held > self._limit:
            raise Unavailable(
                "too many large bodies are being read.", hint="Try again in a few seconds."
            )


class Reservation:
    """What one request holds of a budget. PERF: not a generator, as every request makes one."""

    __slots__ = ("_budget", "_held")

    def __init__(self, budget: BodyBudget) -> None:
        self._budget = budget
        self._held = 0

    def __enter__(self) -> Callable[[int], None]:
        """A function to call with the size of the body so far. It raises Unavailable."""
        return self._grow

    def _grow(self, size: int) -> None:
        if size > SMALL_BODY:
            change, self._held = size - self._held, size
            self._budget.hold(change)

    def __exit__(self, *_: object) -> None:
        if self._held:
            self._budget.hold(-self._held)


def header(scope: Scope, name: bytes) -> str:
    """The first header of a name in small letters, or an empty text."""
    for key, value in scope["headers"]:
        if key == name:
            return str(value, "latin-1")
    return ""


async def read_body(
    scope: Scope, receive: Receive, limit: int, grow: Callable[[int], None] | None = None
) -> bytes:
    """The whole body. Raises TooLarge as soon as that is certain, by its declared length first."""
    length = header(scope, b"content-length")
    if length.isdigit() and (len(length) > 18 or int(length) > limit):
        raise _too_large(limit)

    pieces: list[bytes] = []
    size = 0

    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise Invalid("The client closed the connection before the request was complete.")
        pieces.append(message.get("body", b""))
        size += len(pieces[-1])
        if size > limit:
            raise _too_large(limit)
        if grow is not None:
            grow(size)
        if not message.get("more_body", False):
            return b"".join(pieces)


def _too_large(limit: int) -> TooLarge:
    return TooLarge(f"the body is larger than {limit >> 20} MB.", hint="Send fewer rows.")


async def respond(send: Send, answer: Response) -> None:
    """Send a response."""
    headers = [
        (b"content-type", answer.content_type),
        (b"content-length", b"%d" % len(answer.body)),
        *answer.headers,
    ]
    await send({"type": "http.response.start", "status": answer.status, "headers": headers})
    await send({"type": "http.response.body", "body": answer.body})


def error_response(refused: PilothouseError, status: int | None = None) -> Response:
    """An error as the protocols want it: `{"error": message}`, with its code and fields."""
    body: dict[str, Any] = {"error": str(refused), "code": refused.code}
    if isinstance(refused, Invalid) and refused.fields:
        body["fields"] = refused.fields
    return Response(status or refused.status, orjson.dumps(body), _error_headers(refused))


def _error_headers(refused: PilothouseError) -> tuple[tuple[bytes, bytes], ...]:
    if isinstance(refused, Unavailable):
        return ((b"retry-after", b"%d" % refused.retry_seconds),)
    return ((b"www-authenticate", b"Bearer"),) if isinstance(refused, KeyNeeded) else ()


def json_response(value: Any, number: int | None = None, *, status: int = 200) -> Response:
    """A value as JSON, with the model version that gave it."""
    headers = () if number is None else ((b"x-model-version", b"%d" % number),)
    return Response(status, orjson.dumps(value), headers)
