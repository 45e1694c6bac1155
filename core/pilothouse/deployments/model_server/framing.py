"""Frames over a unix socket: `[u32 length][u32 id][payload]`, many requests on one connection.

The first byte of a payload is its kind. Requests: `P` predict columns as JSON; `N` predict numbers,
as float64 (little-endian) one column after another, NaN for what is missing, where the state says
that the model takes them; `?` state. Responses: `+` success, `!` the rows cannot be predicted, `-`
failure, the last two with a message.
"""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import cast

HEAD = struct.Struct("!II")
MAX_FRAME = 64 * 1024 * 1024
EXPIRY_CHECK_SECONDS = 1.0
PREDICT, PREDICT_NUMBERS, STATE = b"P", b"N", b"?"
SUCCESS, FAILURE, REFUSED = b"+", b"-", b"!"

Reply = Callable[[bytes], None]
Handler = Callable[[bytes, Reply], None]


class BrokenFrame(ConnectionError):
    """The peer sent a frame that is not one of this protocol."""


def encode_frame(request_id: int, payload: bytes) -> bytes:
    """One frame, ready for the wire."""
    return HEAD.pack(len(payload), request_id) + payload


class FrameDecoder:
    """Assembles frames from the pieces that a socket delivers."""

    def __init__(self) -> None:
        self._buffer = bytearray()

    def feed(self, data: bytes) -> Iterator[tuple[int, bytes]]:
        """Every frame that is complete now. Raises BrokenFrame when one is too large."""
        self._buffer += data
        start, end = 0, len(self._buffer)
        while end - start >= HEAD.size:
            length, request_id = HEAD.unpack_from(self._buffer, start)
            if length > MAX_FRAME:
                raise BrokenFrame(f"a frame of {length} bytes is larger than {MAX_FRAME}")
            stop = start + HEAD.size + length
            if stop > end:
                break
            yield request_id, bytes(self._buffer[start + HEAD.size : stop])
            start = stop
        del self._buffer[:start]


class FrameServer(asyncio.Protocol):
    """A client's connection; responses are sent as they become ready, in any order.

    The handler is called with each payload and with a function that takes its response, at once or
    later. PERF: no task is made for a request, and responses of one batch are sent by one write.
    """

    def __init__(self, handler: Handler) -> None:
        self._handler = handler
        self._decoder = FrameDecoder()
        self._ready: list[bytes] = []
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport for responses."""
        self._transport = cast(asyncio.Transport, transport)  # uvloop's is not a subclass

    def data_received(self, data: bytes) -> None:
        """Hand over each complete frame."""
        try:
            for request_id, payload in self._decoder.feed(data):
                self._handler(payload, partial(self._reply, request_id))
        except BrokenFrame:
            self.close()

    def close(self) -> None:
        """End the connection at once."""
        if self._transport is not None:
            self._transport.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        """Drop the transport: later responses are discarded."""
        self._transport = None

    def _reply(self, request_id: int, payload: bytes) -> None:
        if not self._ready:
            asyncio.get_running_loop().call_soon(self._send)
        self._ready.append(encode_frame(request_id, payload))

    def _send(self) -> None:
        data = b"".join(self._ready)
        self._ready.clear()
        if self._transport is not None and not self._transport.is_closing():
            self._transport.write(data)


class FrameClient(asyncio.Protocol):
    """A connection to one model process, shared by every request in flight.

    PERF: the requests of one turn of the event loop are sent by one write.
    """

    def __init__(self) -> None:
        self._decoder = FrameDecoder()
        self._outgoing: list[bytes] = []
        self._waiting: dict[int, asyncio.Future[bytes]] = {}
        self._deadlines: dict[int, tuple[float, float]] = {}  # when, and after how long
        self._next = 0
        self._transport: asyncio.Transport | None = None

    @classmethod
    async def connect(cls, path: str) -> FrameClient:
        """Connect, or raise OSError."""
        loop = asyncio.get_running_loop()
        _, client = await loop.create_unix_connection(cls, path)
        return client

    @property
    def is_open(self) -> bool:
        """Whether requests can be sent."""
        return self._transport is not None and not self._transport.is_closing()

    @property
    def in_flight(self) -> int:
        """How many requests wait for their response."""
        return len(self._waiting)

    def waiting(self, seconds: float) -> int:
        """How many requests with a time limit have waited for longer than that."""
        since = asyncio.get_running_loop().time() - seconds
        limits = self._deadlines.items()
        return sum(at - limit < since for id, (at, limit) in limits if id in self._waiting)

    async def request(self, payload: bytes, seconds: float = 0.0) -> bytes:
        """Send a payload and wait for its response. Raises ConnectionError without a peer.

        With `seconds`, raises TimeoutError when it takes longer, within a second. PERF: one timer
        serves all requests.
        """
        if self._transport is None or self._transport.is_closing():
            raise ConnectionResetError("the model process is not connected")
        loop = asyncio.get_running_loop()
        self._next = (self._next + 1) & 0xFFFFFFFF
        request_id = self._next
        waiting: asyncio.Future[bytes] = loop.create_future()
        self._waiting[request_id] = waiting
        if seconds:
            if not self._deadlines:
                loop.call_later(EXPIRY_CHECK_SECONDS, self._expire)
            self._deadlines[request_id] = (loop.time() + seconds, seconds)
        if not self._outgoing:
            loop.call_soon(self._send)
        self._outgoing.append(encode_frame(request_id, payload))
        try:
            return await waiting
        finally:
            self._waiting.pop(request_id, None)

    def _send(self) -> None:
        """Send what has come together; without a peer, whoever waits is told by its loss."""
        data = b"".join(self._outgoing)
        self._outgoing.clear()
        if self._transport is not None:
            self._transport.write(data)

    def _expire(self) -> None:
        """Fail the requests that wait for too long, and look again while there are others."""
        loop = asyncio.get_running_loop()
        now = loop.time()
        self._deadlines = {id: at for id, at in self._deadlines.items() if id in self._waiting}
        for request_id, (deadline, _) in self._deadlines.items():
            if deadline <= now and not (waiting := self._waiting[request_id]).done():
                waiting.set_exception(TimeoutError("the model process did not answer in time"))
        if self._deadlines:
            loop.call_later(EXPIRY_CHECK_SECONDS, self._expire)

    def close(self) -> None:
        """Close the connection at once."""
        if self._transport is not None:
            self._transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport for requests."""
        self._transport = cast(asyncio.Transport, transport)  # uvloop's is not a subclass

    def data_received(self, data: bytes) -> None:
        """Resolve the request of each complete response."""
        try:
            for request_id, payload in self._decoder.feed(data):
                waiting = self._waiting.get(request_id)
                if waiting is not None and not waiting.done():
                    waiting.set_result(payload)
        except BrokenFrame:
            self.close()

    def connection_lost(self, exc: Exception | None) -> None:
        """Fail every request that waits."""
        self._transport = None
        for waiting in self._waiting.values():
            if not waiting.done():
                waiting.set_exception(
                    ConnectionResetError("the model process closed the connection")
                )


def request(path: str | Path, payload: bytes, timeout: float) -> bytes:
    """Send one request and wait, without an event loop. Raises OSError."""
    decoder = FrameDecoder()
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        connection.settimeout(timeout)
        connection.connect(str(path))
        connection.sendall(encode_frame(1, payload))
        while data := connection.recv(1 << 16):
            for _, answer in decoder.feed(data):
                return answer
    raise ConnectionResetError("the model process closed the connection")
