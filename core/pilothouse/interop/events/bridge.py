"""The process that moves events: a thread for each connection, and nothing else of Pilothouse.

    python -m pilothouse.interop.events.bridge   (the settings come on standard input)

The worker starts it while a connection is enabled (`supervision`). It ends when its input does, so
that it does not outlive the worker, and may be killed at any point.
"""

from __future__ import annotations

import logging
import signal
import sys
import threading
import time
from datetime import datetime

from sqlmodel import col

from pilothouse.activity.actors import WORKER
from pilothouse.interop.events import set_aside, states
from pilothouse.interop.events.connections import existing
from pilothouse.interop.events.flow_context import FlowContext
from pilothouse.interop.events.flows import RunningFlow, flows
from pilothouse.interop.tables import EventConnection
from pilothouse.kit import logs
from pilothouse.kit.errors import PilothouseError
from pilothouse.kit.parameters import Params
from pilothouse.kit.settings import Settings
from pilothouse.storage import Store, open_store

LOOK_SECONDS = 1.0  # how often changed connections are looked for
IDLE_SECONDS = 0.5  # after a step that had nothing to do
LAG_SECONDS = 10.0
TIDY_SECONDS = 3_600.0
FIRST_PAUSE_S, MAX_PAUSE_S = 1.0, 60.0
END_SECONDS = 4.0  # for all threads together; what one had in hand is read again
log = logging.getLogger("pilothouse.events")


class ConnectionThread(threading.Thread):
    """Runs one connection as it was when the thread was started; failures are tried again."""

    def __init__(self, store: Store, row: EventConnection) -> None:
        super().__init__(name=f"events {row.name}", daemon=True)
        self.changed_at: datetime = row.changed_at
        self.stopping = threading.Event()
        self._store, self._row, self._failures = store, row, 0
        self._lag_at = self._tidied_at = -TIDY_SECONDS
        self._moved = 0

    def run(self) -> None:
        """Open the flow, step through it, and begin again after a pause when it fails."""
        while not self.stopping.is_set():
            flow: RunningFlow | None = None
            try:
                flow = self.opened()
                while not self.stopping.is_set():
                    moved = flow.step()
                    self._report(flow, moved)
                    if not moved:
                        self.stopping.wait(IDLE_SECONDS)
            except Exception as broken:  # whatever it is, the other connections go on
                self._failed(broken)
            finally:
                if flow is not None:
                    flow.close()

    def opened(self) -> RunningFlow:
        """The flow with its connection. Raises as the system does."""
        row = self._row
        settings, options = Params(row.settings), Params(row.options)
        context = FlowContext(self._store, row.id, row.deployment, row.system, settings, options)
        return flows.get(row.flow).open(context)

    def _report(self, flow: RunningFlow, moved: int) -> None:
        """Say that it works and how much waits, now and then."""
        now = time.monotonic()
        has_caught_up = self._moved > 0 and not moved
        self._moved = moved
        if self._failures or has_caught_up or now - self._lag_at >= LAG_SECONDS:
            self._failures, self._lag_at = 0, now
            states.works(self._store, self._row.id, flow.lag())
        if now - self._tidied_at >= TIDY_SECONDS and not moved:
            self._tidied_at = now
            with self._store.write() as session:
                set_aside.remove_old(session, self._store, self._row.id)

    def _failed(self, broken: Exception) -> None:
        self._failures += 1
        pause = min(FIRST_PAUSE_S * 2.0 ** min(self._failures - 1, 10), MAX_PAUSE_S)
        error = str(broken) or type(broken).__name__
        expected = isinstance(broken, PilothouseError)
        log.warning(
            "the event connection %s failed, tried again in %.0f s: %s",
            *(self._row.name, pause, error),
            exc_info=not expected and self._failures == 1,
        )
        try:
            states.fails(self._store, self._row.id, error)
        except PilothouseError as busy:
            log.warning("its state could not be written: %s", busy)
        self.stopping.wait(pause)


def serve(store: Store, stop: threading.Event) -> None:
    """Keep a thread for each enabled connection, as it is now, until it is asked to stop."""
    threads: dict[str, ConnectionThread] = {}
    while not stop.is_set():
        keep(store, threads)
        stop.wait(LOOK_SECONDS)
    for thread in threads.values():
        thread.stopping.set()
    end = time.monotonic() + END_SECONDS
    for thread in threads.values():
        thread.join(max(end - time.monotonic(), 0.0))


def keep(store: Store, threads: dict[str, ConnectionThread]) -> None:
    """Stop the threads of connections that changed, and start those that are missing."""
    with store.read() as session:
        rows = {row.id: row for row in session.exec(existing().where(col(EventConnection.enabled)))}
    for connection, thread in list(threads.items()):
        row = rows.get(connection)
        if row is None or row.changed_at != thread.changed_at:
            thread.stopping.set()
        if not thread.is_alive():  # a thread that still stops is not doubled
            del threads[connection]
    for connection, row in rows.items():
        if connection not in threads:
            threads[connection] = ConnectionThread(store, row)
            threads[connection].start()


def main() -> None:
    """Serve until standard input ends."""
    settings = Settings.model_validate_json(sys.stdin.buffer.readline())
    logs.configure("events", settings.log_format)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the worker ends this process
    stop = threading.Event()

    def wait_for_end() -> None:
        sys.stdin.buffer.read()
        stop.set()

    threading.Thread(target=wait_for_end, daemon=True).start()
    serve(open_store(settings).acting_as(WORKER), stop)


if __name__ == "__main__":
    main()
