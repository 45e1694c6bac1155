"""Batching without waiting: requests that arrived while the last batch ran form the next one.

A request is never delayed to fill a batch and never split; the limit counts rows.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

MAX_BATCH_ROWS = 2_000

Columns = list[list[Any]]
Rows = list[list[Any]]
Predict = Callable[[Columns], Rows]


@dataclass
class _PendingRequest:
    columns: Columns
    rows: int
    done: asyncio.Future[Rows]


class Batches:
    """Predicts one batch at a time in a thread, so that the event loop stays responsive."""

    def __init__(self, predict: Predict, max_rows: int = MAX_BATCH_ROWS) -> None:
        self._predict = predict
        self._max_rows = max_rows
        self._queue: deque[_PendingRequest] = deque()
        self._thread = ThreadPoolExecutor(1, "predict")
        self._running: asyncio.Task[None] | None = None
        self._began: float | None = None
        self.served_rows = 0
        self.batches = 0

    @property
    def in_flight(self) -> int:
        """How many requests wait or are being predicted."""
        return len(self._queue) + (0 if self._running is None or self._running.done() else 1)

    @property
    def busy_seconds(self) -> float:
        """How long the model has worked on the current batch."""
        return 0.0 if self._began is None else time.monotonic() - self._began

    async def predict(self, columns: Columns, rows: int) -> Rows:
        """One list of raw values per row. Raises what the model raised."""
        done: asyncio.Future[Rows] = asyncio.get_running_loop().create_future()
        self._queue.append(_PendingRequest(columns, rows, done))
        if self._running is None or self._running.done():
            self._running = asyncio.ensure_future(self._run())
        return await done

    async def _run(self) -> None:
        while self._queue:
            batch = self._next_batch()
            self.batches += 1
            self.served_rows += sum(part.rows for part in batch)
            await self._serve(batch)

    def _next_batch(self) -> list[_PendingRequest]:
        batch = [self._queue.popleft()]
        rows = batch[0].rows
        while self._queue and rows + self._queue[0].rows <= self._max_rows:
            rows += self._queue[0].rows
            batch.append(self._queue.popleft())
        return batch

    async def _serve(self, batch: list[_PendingRequest]) -> None:
        loop = asyncio.get_running_loop()
        columns = _joined(batch)
        self._began = time.monotonic()
        running = loop.run_in_executor(self._thread, self._predict, columns)
        [rows] = await asyncio.gather(running, return_exceptions=True)
        self._began = None
        if isinstance(rows, BaseException):
            await self._serve_one_by_one(batch, rows)
            return

        start = 0
        for part in batch:
            if not part.done.done():
                part.done.set_result(rows[start : start + part.rows])
            start += part.rows

    async def _serve_one_by_one(self, batch: list[_PendingRequest], error: BaseException) -> None:
        """Predict each request of a failed batch by itself: a bad one must not fail the others."""
        if len(batch) > 1:
            for part in batch:
                await self._serve([part])
        elif not batch[0].done.done():
            batch[0].done.set_exception(error)


def _joined(batch: list[_PendingRequest]) -> Columns:
    if len(batch) == 1:
        return batch[0].columns
    return [
        [value for part in parts for value in part]
        for parts in zip(*(part.columns for part in batch), strict=True)
    ]
