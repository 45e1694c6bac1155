"""Reads request bodies: small ones in the event loop, large ones in the reader process.

The reader process is started for the first large body and terminated when it has been idle.
"""

from __future__ import annotations

import asyncio
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass
from functools import lru_cache
from typing import Any

from pilothouse.deployments.gateway.bodies import (
    MAX_PAYLOAD,
    CheckedRequest,
    count_values,
    is_light,
    is_light_request,
    read_labels,
    read_request,
)
from pilothouse.deployments.gateway.external_rows import ExternalRows, from_head, read_body
from pilothouse.deployments.gateway.labels import Labels
from pilothouse.deployments.gateway.protocols import Form
from pilothouse.deployments.gateway.reader_process import pack, unpack
from pilothouse.deployments.gateway.request import ReplyForm, RequestHead, RequestLimits
from pilothouse.deployments.model_server.child_environment import environment
from pilothouse.deployments.model_server.framing import REFUSED, FrameClient
from pilothouse.kit.errors import (
    Invalid,
    PilothouseError,
    TooLarge,
    Unavailable,
    UnsupportedContent,
)
from pilothouse.models.signature import Signature

MODULE = "pilothouse.deployments.gateway.reader_process"
READ_SECONDS = 30.0
QUEUE_SECONDS = 15.0
IDLE_SECONDS = 60.0
LARGE_PEAK = 200 << 20
REFUSALS = {kind.code: kind for kind in (Invalid, TooLarge, UnsupportedContent)}


@dataclass
class _Process:
    child: subprocess.Popen[bytes]
    connection: FrameClient

    def terminate(self) -> None:
        self.connection.close()
        self.child.kill()


class BodyReader:
    """Reads the bodies of one server's requests."""

    def __init__(self, limits: RequestLimits) -> None:
        self.limits = limits
        self._lock = asyncio.Lock()
        self._process: _Process | None = None
        self._terminated: list[subprocess.Popen[bytes]] = []
        self._used_at = 0.0

    async def request(
        self, form: Form, head: RequestHead, body: bytes, signature: Signature
    ) -> CheckedRequest:
        """A request for predictions. Raises Invalid, or TooLarge."""
        if is_light_request(head, body):
            return read_request(form, head, body, signature, self.limits)

        about = self._head(form, signature) | {"request": head._asdict()}
        result, tail = await self._request(about, body)
        return CheckedRequest(
            rows=result["rows"],
            names=signature.names,
            event_ms=result["event_ms"],
            prediction_ids=result["prediction_ids"],
            request_id=result["request_id"],
            reply=_reply_form(result["reply"]),
            entity_id=result["entity_id"],
            encoded=_parts(tail, result["lengths"]),
        )

    async def labels(self, body: bytes, signature: Signature, now_ms: int) -> Labels:
        """Labels for predictions. Raises Invalid, or TooLarge."""
        if is_light(body):
            return read_labels(body, signature, self.limits, now_ms)
        result, _ = await self._request(self._head("labels", signature) | {"now_ms": now_ms}, body)
        return Labels(result["ids"], result["labels"], result["times"])

    async def predictions(
        self, content_type: str, body: bytes, signature: Signature, now_ms: int
    ) -> ExternalRows:
        """Predictions that were made elsewhere. Raises Invalid, or TooLarge."""
        if is_light(body):
            return read_body(body, content_type, signature, self.limits, now_ms)
        about = {"content_type": content_type, "now_ms": now_ms}
        result, tail = await self._request(self._head("predictions", signature) | about, body)
        return from_head(result, bytes(tail))

    async def check_json(self, body: bytes, max_values: int) -> None:
        """Raises TooLarge for a JSON body of more values than a reader on the loop can take."""
        if count_values(body) > max_values:
            await self._request({"form": "json", "max_values": max_values}, body)

    def _head(self, form: str, signature: Signature) -> dict[str, Any]:
        return {"form": form, "signature": _json_of(signature), "limits": asdict(self.limits)}

    async def _request(
        self, head: dict[str, Any], body: bytes
    ) -> tuple[dict[str, Any], memoryview]:
        if len(body) > MAX_PAYLOAD:
            raise TooLarge(f"the body is larger than {MAX_PAYLOAD >> 20} MB.")

        async with self._exclusive() as process:
            try:
                async with asyncio.timeout(READ_SECONDS):
                    reply = await process.connection.request(pack(b"R", head, body))
            except TimeoutError as late:
                raise TooLarge(f"the body cannot be read within {READ_SECONDS:.0f} s.") from late
            except ConnectionError as gone:  # it exceeded its memory limit and ended
                raise TooLarge("the body takes too much memory when it is read.") from gone
            kind, result, tail = unpack(reply)
            if result["peak_bytes"] > LARGE_PEAK:
                self._terminate()  # Python keeps freed memory; a new process is small

        if kind == REFUSED:
            raise _refusal(result)
        return result, tail

    @asynccontextmanager
    async def _exclusive(self) -> AsyncIterator[_Process]:
        """The process, for one body; terminated when the body was not read to its end.

        A response that is still due would be taken for the response to the next body.
        """
        try:
            async with asyncio.timeout(QUEUE_SECONDS):
                await self._lock.acquire()
        except TimeoutError as late:
            raise Unavailable(
                "other large bodies are being read.", hint="Try again in a few seconds."
            ) from late

        done = False
        try:
            yield await self._ensure_started()
            done = True
        finally:
            self._used_at = time.monotonic()
            if not done:
                self._terminate()
            self._lock.release()

    async def _ensure_started(self) -> _Process:
        if self._process is None or not self._process.connection.is_open:
            self._terminate()
            self._process = await _start()
        return self._process

    def terminate_if_idle(self) -> None:
        """Terminate an idle process; called regularly by the server."""
        idle = time.monotonic() - self._used_at > IDLE_SECONDS
        if self._process is not None and idle and not self._lock.locked():
            self._terminate()

        self._terminated = [child for child in self._terminated if child.poll() is None]

    def close(self) -> None:
        """Terminate the process and wait for it."""
        self._terminate()
        for child in self._terminated:
            child.wait()

    def _terminate(self) -> None:
        if self._process is not None:
            self._process.terminate()
            self._terminated.append(self._process.child)
            self._process = None


async def _start() -> _Process:
    server_side, child_side = socket.socketpair()
    server_side.setblocking(False)
    with child_side:
        child = subprocess.Popen(
            [sys.executable, "-P", "-m", MODULE, str(child_side.fileno())],
            stdin=subprocess.DEVNULL,
            pass_fds=(child_side.fileno(),),
            env=environment(),
        )
    loop = asyncio.get_running_loop()
    _, connection = await loop.create_unix_connection(FrameClient, sock=server_side)
    return _Process(child, connection)


@lru_cache(maxsize=16)
def _json_of(signature: Signature) -> dict[str, Any]:
    return signature.to_json()


def _reply_form(value: dict[str, Any]) -> ReplyForm:
    return ReplyForm(tuple(value["outputs"]), tuple(value["binary"]), value["layout"])


def _parts(tail: memoryview, lengths: list[int]) -> list[bytes]:
    parts, start = [], 0
    for length in lengths:
        parts.append(bytes(tail[start : start + length]))
        start += length
    return parts


def _refusal(result: dict[str, Any]) -> PilothouseError:
    kind = REFUSALS.get(result["code"], Invalid)
    return kind(result["message"], hint=result["hint"], fields=result["fields"])
