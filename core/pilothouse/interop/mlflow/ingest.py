"""Group commit: the writes of many requests in one transaction, acknowledged after the commit.

One thread writes. While it commits, requests queue up; it then takes all of them at once, and
waits two milliseconds at most for those who wrote last time. SQLite never sees two of our writers,
and a commit is shared by everyone who waited for it. Whoever writes alone never waits.

PERF: nearly every request succeeds, so a batch runs without savepoints, and requests that only log
points run as one (`tests/bench/ingest.py`, `tests/bench/mlflow.py`). When one fails, the batch is
rolled back and repeated with a savepoint for each, so that it affects none of the others.
"""

from __future__ import annotations

import logging
import queue
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from itertools import groupby
from typing import Any

from sqlmodel import Session

from pilothouse.experiments.metrics.summary import Points
from pilothouse.experiments.recording import log_points_of_runs
from pilothouse.kit.errors import PilothouseError, Unavailable
from pilothouse.storage import Store

log = logging.getLogger("pilothouse.ingest")
MAX_AT_ONCE = 256
GATHER_S = 0.002
Work = Callable[[Session], Any]
RunPoints = tuple[str, Sequence[Points]]


@dataclass
class _Item:
    work: Work
    points: RunPoints | None = None
    done: Future[Any] = field(default_factory=Future)
    result: Any = None
    error: Exception | None = None

    def resolve(self) -> None:
        """Hand the result, or the error, to the thread that waits."""
        if self.error is None:
            self.done.set_result(self.result)
        else:
            self.done.set_exception(self.error)


class WriteQueue:
    """The one writer of a server; `submit` from any thread, `close` at the end.

    `fallbacks` counts the batches that failed as a whole and were written request by request.
    """

    def __init__(self, store: Store) -> None:
        self.fallbacks = 0
        self._store = store
        self._waiting: queue.SimpleQueue[_Item | None] = queue.SimpleQueue()
        self._expected = 1
        self._thread = threading.Thread(target=self._write_all, name="ingest", daemon=True)
        self._thread.start()
        self._closed = False

    def submit(self, work: Work, points: RunPoints | None = None) -> Future[Any]:
        """Run the work in the next transaction; the future has its result once that is committed.

        Work that only logs `points` of a run is given them too: such requests run as one.
        """
        item = _Item(work, points)
        if self._closed:
            raise Unavailable("the server is ending.")
        self._waiting.put(item)
        return item.done

    def close(self) -> None:
        """Write what is queued, then stop."""
        self._closed = True
        self._waiting.put(None)
        self._thread.join()

    def _write_all(self) -> None:
        while True:
            items, ends = self._take()
            if items:
                self._commit(items)
            if ends:
                return

    def _take(self) -> tuple[list[_Item], bool]:
        """What is queued, at least one; and whether to stop.

        It waits a moment for as many as last time: those clients are about to send again, and one
        commit for all costs as much as one for each.
        """
        items: list[_Item] = []
        item, until = self._waiting.get(), time.monotonic() + GATHER_S
        while item is not None:
            items.append(item)
            if len(items) == MAX_AT_ONCE:
                break
            patience = until - time.monotonic() if len(items) < self._expected else 0
            try:
                item = self._waiting.get(timeout=max(0, patience))
            except queue.Empty:
                break
        self._expected = len(items)
        return items, item is None

    def _commit(self, items: list[_Item]) -> None:
        failure = self._commit_batch(items)
        if failure is not None:
            self._report_fallback(items, failure)
            self._commit_one_by_one(items)

        for item in items:
            item.resolve()

    def _report_fallback(self, items: list[_Item], failure: Exception) -> None:
        """Count and log a batch that is written again, request by request, at a higher cost."""
        self.fallbacks += 1

        # A refused request is normal (its client is told); anything else may be a fault of ours.
        expected = isinstance(failure, PilothouseError)
        log.log(
            logging.INFO if expected else logging.WARNING,
            "a batch of %d requests is written one by one, because one failed: %s: %s",
            len(items),
            type(failure).__name__,
            failure,
            exc_info=None if expected else failure,
        )

    def _commit_batch(self, items: list[_Item]) -> Exception | None:
        """Write all in one transaction; the error that rolled all of it back, or None."""
        try:
            with self._store.write() as session:
                for logs, group in groupby(items, lambda item: item.points is not None):
                    if logs:
                        _log(session, self._store, list(group))
                    else:
                        _run_all(session, list(group))
        except Exception as failure:  # which request failed is found out one by one
            return failure
        return None

    def _commit_one_by_one(self, items: list[_Item]) -> None:
        try:
            with self._store.write() as session:
                for item in items:
                    _run_one(session, item)
        except Exception as failed:  # the edge of every request in this commit
            log.exception("a transaction failed")
            for item in items:
                item.error = item.error or failed


def _log(session: Session, store: Store, items: Sequence[_Item]) -> None:
    log_points_of_runs(session, store, [item.points for item in items if item.points is not None])
    for item in items:
        item.result = {}


def _run_all(session: Session, items: Sequence[_Item]) -> None:
    for item in items:
        item.result = item.work(session)
        session.flush()
        session.expunge_all()


def _run_one(session: Session, item: _Item) -> None:
    try:
        with session.begin_nested():
            item.result = item.work(session)
    except Exception as failed:  # the edge of a request, in the writer's thread
        item.error = failed
    session.expunge_all()
