"""Connections with limits: how large a request's head may be, and how long a caller may take.

uvicorn limits only how long a keep-alive connection may stay idle. Here a client also has to send
the head of a request soon, then its body steadily, and to read the response; otherwise the
connection is closed, so that slow clients cannot use up the server (slowloris).
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

log = logging.getLogger("pilothouse.server")
MAX_HEAD_BYTES = 64 * 1024
HEAD_SECONDS = 20.0
BODY_GRACE_SECONDS = 20.0
BODY_BYTES_PER_SECOND = 16 * 1024
SILENT_SECONDS = 20.0
UNREAD_SECONDS = 60.0
CHECK_SECONDS = 1.0
REFUSED_SECONDS = 2.0
MAX_HELD_BYTES = 64 * 1024
HEAD, BODY, ANSWERING, REFUSED = "head", "body", "answering", "refused"
TOO_LARGE = (
    b"HTTP/1.1 431 Request Header Fields Too Large\r\nconnection: close\r\n"
    b"content-type: text/plain; charset=utf-8\r\ncontent-length: 34\r\n\r\n"
    b"The head of the request is too big"
)


class JoinedWrites:
    """A transport whose small writes go out together: the head of a response with its body.

    What was written first waits for the next write, at most until the event loop's turn ends. PERF:
    a call of the kernel costs more than most of what the server does for a small request.
    """

    def __init__(self, transport: asyncio.Transport, loop: asyncio.AbstractEventLoop) -> None:
        self._transport = transport
        self._loop = loop
        self._held = b""
        self._is_scheduled = False

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)

    def write(self, data: bytes) -> None:
        """Write with what is held, or hold it for the next write."""
        if self._held:
            self._flush(data)
        elif len(data) > MAX_HELD_BYTES:
            self._transport.write(data)
        else:
            self._held = data
            if not self._is_scheduled:
                self._is_scheduled = True
                self._loop.call_soon(self._end_of_turn)

    def _end_of_turn(self) -> None:
        self._is_scheduled = False
        if self._held:
            self._flush()

    def _flush(self, data: bytes = b"") -> None:
        held, self._held = self._held, b""
        if self._transport.is_closing():
            return  # its client has gone
        if len(data) > MAX_HELD_BYTES:  # not worth a copy
            self._transport.write(held)
            self._transport.write(data)
        else:
            self._transport.write(held + data)

    def write_eof(self) -> None:
        """Write what is held, then end the writing side."""
        self._end_of_turn()
        self._transport.write_eof()

    def close(self) -> None:
        """Close the connection once everything is written."""
        self._end_of_turn()
        self._transport.close()


class LimitedProtocol(HttpToolsProtocol):
    """uvicorn's HTTP/1.1 protocol, which records since when it waits for its client."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.phase = HEAD
        self.since = self.last = self.loop.time()
        self.received = 0
        self._unread = 0
        self._unread_since = 0.0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Take a connection; its responses are written through `JoinedWrites`."""
        super().connection_made(transport)
        self.transport = JoinedWrites(transport, self.loop)  # type: ignore[assignment]

    def data_received(self, data: bytes) -> None:
        """Take a piece of a request; a head that is too large ends the connection."""
        self.last = self.loop.time()
        if self.phase == REFUSED:
            # Closing a socket with unread data resets it, and the client would lose the response.
            return
        self.received += len(data)
        super().data_received(data)
        if self.phase == HEAD and self.received > MAX_HEAD_BYTES:
            self._refuse_head()

    def on_headers_complete(self) -> None:
        """The head is here; its body is waited for from now on."""
        if self.received > MAX_HEAD_BYTES and self._head_size() > MAX_HEAD_BYTES:
            self._refuse_head()
            return
        self.phase, self.since, self.received = BODY, self.last, 0
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        """A piece of the body, unless its head was refused."""
        if self.phase == BODY:
            super().on_body(body)

    def on_message_complete(self) -> None:
        """The request is whole; the next thing to wait for is its answer."""
        if self.phase == BODY:
            self.phase, self.received = ANSWERING, 0
            super().on_message_complete()

    def on_response_complete(self) -> None:
        """The answer is out; the next head is waited for, unless it has come already."""
        if self.phase == ANSWERING and not self.pipeline:
            self.phase, self.since, self.received = HEAD, self.loop.time(), 0
        super().on_response_complete()

    def fault(self, now: float) -> str:
        """What the client takes too long for, or an empty text."""
        if self.phase == REFUSED:
            return "sent a head that is too large" if now - self.since > REFUSED_SECONDS else ""
        if self._takes_nothing(now):
            return "did not read its response"
        if self.phase == HEAD:
            return "sent no request" if now - self.since > HEAD_SECONDS else ""
        if self.phase == ANSWERING:
            return ""
        if (
            self.flow is not None and self.flow.read_paused
        ):  # the server itself is slow: do not count this time
            self.since = self.last = now
            self.received = 0
            return ""
        if now - self.last > SILENT_SECONDS:
            return "stopped in the middle of a body"

        spent = now - self.since - BODY_GRACE_SECONDS
        slow = spent > 0 and self.received < spent * BODY_BYTES_PER_SECOND
        return "sent a body too slowly" if slow else ""

    def _takes_nothing(self, now: float) -> bool:
        unread = self.transport.get_write_buffer_size()
        if unread == 0 or unread != self._unread:
            self._unread, self._unread_since = unread, now
            return False
        return now - self._unread_since > UNREAD_SECONDS

    def _head_size(self) -> int:
        return len(self.url) + sum(len(name) + len(value) for name, value in self.headers)

    def _refuse_head(self) -> None:
        if self.phase != REFUSED:
            self.phase, self.since = REFUSED, self.last
            self.transport.write(TOO_LARGE)
            self.transport.write_eof()


async def close_slow(connections: Iterable[Any]) -> None:
    """Close the connections of slow clients, until cancelled."""
    while True:
        await asyncio.sleep(CHECK_SECONDS)
        now = asyncio.get_running_loop().time()
        for connection in list(connections):
            if isinstance(connection, LimitedProtocol) and (fault := connection.fault(now)):
                log.info("closing a connection: its client %s", fault)
                connection.transport.abort()
