"""Progress of a job, reported from any process; and the point where it learns of a cancellation."""

from __future__ import annotations

import time
from collections.abc import Callable

from sqlmodel import select, update

from pilothouse.jobs.tables import Job
from pilothouse.kit.errors import Cancelled
from pilothouse.storage import Store

SECONDS_BETWEEN = 0.3


class Progress:
    """Reports a job's progress and raises Cancelled once its cancellation was requested.

    `start` and `end` are the share of the whole job that this part of the work covers;
    `raise_if_closed` raises when the process that does the work is closing.
    """

    def __init__(
        self,
        store: Store,
        job_id: str | None,
        *,
        start: float = 0.0,
        end: float = 1.0,
        raise_if_closed: Callable[[], None] = lambda: None,
    ) -> None:
        self._store = store
        self._job_id = job_id
        self._start = start
        self._end = end
        self._raise_if_closed = raise_if_closed
        self._last = 0.0

    def __call__(self, fraction: float, message: str = "") -> None:
        """Report a fraction (0 to 1) of this part; written a few times a second at most."""
        now = time.monotonic()
        if self._job_id is None or (now - self._last < SECONDS_BETWEEN and fraction < 1):
            return
        self._last = now
        share = self._start + (self._end - self._start) * min(max(fraction, 0.0), 1.0)
        with self._store.write() as session:
            session.execute(
                update(Job)
                .where(Job.id == self._job_id)  # type: ignore[arg-type]  # SQLModel types columns as values
                .values(progress=share, message=message)
            )
        self.check()

    def check(self) -> None:
        """Raise Cancelled when the cancellation of the job was requested."""
        self._raise_if_closed()
        if self._job_id is None:
            return
        with self._store.read() as session:
            cancel_requested = session.exec(
                select(Job.cancel_requested).where(Job.id == self._job_id)
            ).first()
        if cancel_requested:
            raise Cancelled("the job was cancelled.")
