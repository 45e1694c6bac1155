"""Connections to model processes, with the health of the process at the other end.

The server checks each process once a second. A process that does not respond, or works on one batch
for long, gets no new requests until it responds again or is replaced.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress

import orjson

from pilothouse.deployments.gateway.bodies import CheckedRequest
from pilothouse.deployments.model_server.framing import (
    PREDICT,
    PREDICT_NUMBERS,
    STATE,
    SUCCESS,
    FrameClient,
)

HEALTH_CHECK_SECONDS = 1.0
SILENT_SECONDS = 3.0
BUSY_SECONDS = 15.0


class ModelConnection:
    """A connection to one model process, and the health of that process."""

    def __init__(self, client: FrameClient) -> None:
        self.client = client
        self._requested_at: float | None = None
        self._answered_at = 0.0
        self._busy = 0.0
        self.cpu = 0.0  # share of a core that the process took since the state before
        self._cpu_seconds: float | None = None
        self.takes_numbers = False  # until its state says so
        self._task: asyncio.Task[None] | None = None

    @property
    def is_responsive(self) -> bool:
        """Whether a response can be expected for a request that is sent now."""
        if not self.client.is_open or self._busy > BUSY_SECONDS:
            return False
        if self._requested_at is None:
            return True
        return asyncio.get_running_loop().time() - self._requested_at <= SILENT_SECONDS

    def check_health(self) -> None:
        """Request the state of the process, unless that was done within the last second."""
        now = asyncio.get_running_loop().time()
        if (
            self._requested_at is None
            and now - self._answered_at >= HEALTH_CHECK_SECONDS
            and self.client.is_open
        ):
            self._requested_at = now
            self._task = asyncio.create_task(self._read_health())

    async def _read_health(self) -> None:
        with suppress(ConnectionError, orjson.JSONDecodeError, AttributeError):
            answer = await self.client.request(STATE)
            state = orjson.loads(memoryview(answer)[1:]) if answer[:1] == SUCCESS else {}
            self._busy = float(state.get("busy_seconds", 0.0))
            self._measure_cpu(state.get("cpu_seconds"))
            self.takes_numbers = bool(state.get("takes_numbers", False))
        self._requested_at, self._answered_at = None, asyncio.get_running_loop().time()

    def _measure_cpu(self, seconds: float | None) -> None:
        """The CPU since the last state; 0 for a process that does not say it."""
        elapsed = asyncio.get_running_loop().time() - self._answered_at
        before, self._cpu_seconds = self._cpu_seconds, seconds
        self.cpu = 0.0 if before is None or seconds is None else (seconds - before) / elapsed

    async def predict(self, request: CheckedRequest, seconds: float) -> bytes:
        """The response to a request. Raises ConnectionError, or TimeoutError after `seconds`."""
        numbers = request.numbers() if self.takes_numbers else None
        message = PREDICT + request.payload() if numbers is None else PREDICT_NUMBERS + numbers
        return await self.client.request(message, seconds)

    def close(self) -> None:
        """Close the connection."""
        self.client.close()
