"""Scores blocks of rows where the parts of a job run: each worker has a model process of its own.

A worker of a cluster needs the workspace for it, as for whole jobs: the model's file, and what it
was told to load it with.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from typing import TYPE_CHECKING, Any

from pilothouse.deployments.scoring import Scored, batch_rows, score_frame, scoring
from pilothouse.jobs.backends import part_runner
from pilothouse.jobs.executor import opened_store
from pilothouse.models.tasks import Row

if TYPE_CHECKING:
    import pandas as pd

    from pilothouse.deployments.scoring import ScoringProcess
    from pilothouse.jobs import Progress
    from pilothouse.registry.info import VersionInfo
    from pilothouse.storage import Store

BLOCK_BATCHES = 5  # of a block: several, for each block crosses the network
IDLE_SECONDS = 20.0  # that a worker keeps its model process after the last block


def score_blocks(
    store: Store, version: VersionInfo, frame: pd.DataFrame, progress: Progress
) -> Scored:
    """Score every row of a frame, in order; its blocks are spread as the store's settings say.

    The answers are those of `score_frame`. Raises what `score_frame` and `part_runner` raise.
    """
    with part_runner(store.settings) as runner:
        if not runner.where:
            return score_frame(store, version, frame, progress)
        size = batch_rows(version.signature) * BLOCK_BATCHES
        starts = range(0, len(frame), size)
        blocks = ((frame.iloc[start : start + size],) for start in starts)
        shared = (store.settings.model_dump_json(), version)
        rows: list[Row] = []
        columns: dict[str, list[Any]] = {}
        progress(0.0, f"{len(starts):,} blocks of rows for {version.ref} on {runner.where}")
        with closing(runner.map(score_block, shared, blocks, progress.check)) as results:
            for number, block in enumerate(results, start=1):
                rows.extend(block.rows)
                for name, values in block.columns.items():
                    columns.setdefault(name, []).extend(values)
                done = f"{len(rows):,} rows, block {number:,} of {len(starts):,}"
                progress(number / len(starts), f"{done} scored by {version.ref} on {runner.where}")
        return Scored(columns, rows)


def score_block(shared: tuple[str, VersionInfo], block: pd.DataFrame) -> Scored:
    """Score one block of rows, with the model process that this worker keeps."""
    settings, version = shared
    with _worker_process.process(settings, version) as process:
        return process.score(block, lambda *_: None)


class KeptProcess:
    """The model process that a worker used last; it ends when it is idle, or another is needed."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._key: tuple[str, str] | None = None
        self._process: ScoringProcess | None = None
        self._open = ExitStack()
        self._users = 0
        self._idle: threading.Timer | None = None

    @contextmanager
    def process(self, settings: str, version: VersionInfo) -> Iterator[ScoringProcess]:
        """The process of a version, for the block; another thread may use it too."""
        with self._lock:
            process = self._borrow(settings, version)
        if process is None:  # this worker answers for another version in another thread
            with scoring(opened_store(settings), version, lambda *_: None) as own:
                yield own
            return
        try:
            yield process
        finally:
            with self._lock:
                self._give_back()

    def _borrow(self, settings: str, version: VersionInfo) -> ScoringProcess | None:
        key = (settings, version.ref)
        if self._key != key:
            if self._users:
                return None
            self._end()
            opened = scoring(opened_store(settings), version, lambda *_: None)
            self._process = self._open.enter_context(opened)
            self._key = key
        if self._idle is not None:
            self._idle.cancel()
        self._users += 1
        return self._process

    def _give_back(self) -> None:
        self._users -= 1
        if not self._users:
            self._idle = threading.Timer(IDLE_SECONDS, self._end_if_idle)
            self._idle.daemon = True
            self._idle.start()

    def _end_if_idle(self) -> None:
        with self._lock:
            if not self._users:
                self._end()

    def _end(self) -> None:
        self._key = self._process = None
        self._open.close()


_worker_process = KeptProcess()
