"""Batching without waiting: requests that arrived while the last batch ran form the next one.

A request is never delayed to fill a batch and never split; the limit counts rows. One batch runs at
a time: in a thread, so that the event loop stays responsive, or on the loop itself when the model's
time for so many rows is known to be short. PERF: a thread costs a small batch more than many a
model does, as both need the interpreter's lock (benchmark: run.py serving).
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from pilothouse.models.columns import Columns, joined

MAX_BATCH_ROWS = 2_000
QUICK_SECONDS = 0.002  # on the loop: health is answered in between
FORGOTTEN = 0.8  # of a slow batch, whose reason may have been another process

Rows = list[list[Any]]
Predict = Callable[[Columns], Rows]
Done = Callable[["Rows | BaseException"], None]


@dataclass
class _PendingRequest:
    columns: Columns
    rows: int
    done: Done


class Batches:
    """Predicts one batch at a time; used in the event loop of one process.

    With `on_loop`, batches that are known to be quick run on the loop: only for models whose time
    depends on the number of rows and on nothing in them.
    """

    def __init__(
        self, predict: Predict, max_rows: int = MAX_BATCH_ROWS, *, on_loop: bool = False
    ) -> None:
        self._predict = predict
        self._max_rows = max_rows
        self._on_loop = on_loop
        self._queue: deque[_PendingRequest] = deque()
        self._alone: deque[_PendingRequest] = deque()
        self._seconds: dict[int, float] = {}
        self._thread = ThreadPoolExecutor(1, "predict")
        self._is_active = False
        self._began: float | None = None
        self.served_rows = 0
        self.batches = 0

    @property
    def in_flight(self) -> int:
        """How many requests wait or are being predicted."""
        return len(self._queue) + len(self._alone) + (self._began is not None)

    @property
    def busy_seconds(self) -> float:
        """How long the model has worked on the current batch."""
        return 0.0 if self._began is None else time.monotonic() - self._began

    def submit(self, columns: Columns, rows: int, done: Done) -> None:
        """Predict later, then call `done` with one list of raw values per row, or with an error."""
        self._queue.append(_PendingRequest(columns, rows, done))
        if not self._is_active:
            self._is_active = True
            asyncio.get_running_loop().call_soon(self._next)

    def _next(self) -> None:
        batch = self._next_batch()
        if not batch:
            self._is_active = False
            return
        rows = sum(part.rows for part in batch)
        self.batches += 1
        self.served_rows += rows
        self._began = time.monotonic()
        loop = asyncio.get_running_loop()
        columns = joined([part.columns for part in batch])
        if self._on_loop and self._seconds.get(rows.bit_length(), QUICK_SECONDS) < QUICK_SECONDS:
            self._finish(batch, rows, *self._timed(columns))
            return
        running = loop.run_in_executor(self._thread, self._timed, columns)
        running.add_done_callback(lambda future: self._finish(batch, rows, *future.result()))

    def _next_batch(self) -> list[_PendingRequest]:
        if self._alone:
            return [self._alone.popleft()]
        batch: list[_PendingRequest] = []
        rows = 0
        while self._queue and (not batch or rows + self._queue[0].rows <= self._max_rows):
            rows += self._queue[0].rows
            batch.append(self._queue.popleft())
        return batch

    def _timed(self, columns: Columns) -> tuple[Rows | BaseException, float]:
        began = time.perf_counter()
        try:
            answer: Rows | BaseException = self._predict(columns)
        except BaseException as error:  # handed to whoever asked, whatever a model raises
            answer = error
        return answer, time.perf_counter() - began

    def _finish(
        self, batch: list[_PendingRequest], rows: int, answer: Rows | BaseException, seconds: float
    ) -> None:
        """Hand out the answers. A bad request must not fail those that were joined with it."""
        self._began = None
        size = rows.bit_length()
        self._seconds[size] = max(seconds, FORGOTTEN * self._seconds.get(size, seconds))
        if isinstance(answer, BaseException):
            if len(batch) > 1:
                self._alone.extend(batch)
            else:
                batch[0].done(answer)
        else:
            start = 0
            for part in batch:
                part.done(answer[start : start + part.rows])
                start += part.rows
        asyncio.get_running_loop().call_soon(self._next)
