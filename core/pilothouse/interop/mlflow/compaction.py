"""Compaction after the response: the histories of runs that clients have ended become blocks."""

from __future__ import annotations

import logging
import queue
import threading
from functools import partial

from pilothouse.experiments.metrics import definitions, packed_history
from pilothouse.interop.mlflow.ingest import Work, WriteQueue
from pilothouse.kit.errors import Unavailable
from pilothouse.storage import Store

log = logging.getLogger("pilothouse.compaction")
MAX_PENDING = 1000  # beyond that the worker finds them by itself


class Compactor:
    """A thread that reads and packs histories; it writes through the server's one writer."""

    def __init__(self, store: Store, ingest: WriteQueue) -> None:
        self._store = store
        self._ingest = ingest
        self._waiting: queue.SimpleQueue[str | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._work, name="compaction", daemon=True)
        self._thread.start()

    def add(self, run_id: str) -> None:
        """Compact a run that has ended, when there is time."""
        if self._waiting.qsize() < MAX_PENDING:
            self._waiting.put(run_id)

    def close(self) -> None:
        """End after the run at hand."""
        while not self._waiting.empty():
            self._waiting.get()
        self._waiting.put(None)
        self._thread.join()

    def _work(self) -> None:
        self._refresh_best()
        while (run_id := self._waiting.get()) is not None:
            try:
                packed_history.compact(self._store, run_id, self._write)
            except Unavailable:  # the server is ending; the worker does what is left
                log.info("run %s is left to the worker", run_id)
            except Exception:  # the edge of a duty: a run that fails keeps none of the others
                log.exception("run %s was not compacted", run_id)

    def _refresh_best(self) -> None:
        """Once after an upgrade: best values follow the directions that names have now."""
        try:
            with self._store.read() as session:
                keys = definitions.metrics_with_outdated_best(session)
            if keys:
                self._write(partial(definitions.refresh_best, keys=keys))
                log.info("the best values of %d metrics were brought up to date", len(keys))
        except Unavailable:  # the server is ending; the next one does it
            log.info("best values are left to the next start")
        except Exception:  # the edge of a duty: compaction goes on
            log.exception("best values were not brought up to date")

    def _write(self, work: Work) -> None:
        self._ingest.submit(work).result()
