"""Model processes that answer what-if questions at once, and end when nobody asks any more.

A deployment would log the questions as if they were traffic. A process is started for the first
question about a version, answers further ones for a minute after the last, and at most two run in
one program.
"""

from __future__ import annotations

import atexit
import threading
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from pilothouse.deployments.scoring import Scored, ScoringProcess
from pilothouse.kit.errors import Unavailable
from pilothouse.registry.info import VersionInfo
from pilothouse.registry.versions import check_described
from pilothouse.storage import Store

if TYPE_CHECKING:
    import pandas as pd

IDLE_SECONDS = 60.0
MAX_PROCESSES = 2
Key = tuple[str, str, str]


@dataclass
class LiveModel:
    """A running model process, and when it last answered."""

    process: ScoringProcess
    used: float
    lock: threading.Lock = field(default_factory=threading.Lock)


_running: dict[Key, LiveModel] = {}
_lock = threading.Lock()


def answer_rows(store: Store, info: VersionInfo, frame: pd.DataFrame) -> Scored:
    """The answers of a version to a few rows, by a process that is kept for the next question.

    Raises what `scoring` and `ScoringProcess.score` raise.
    """
    check_described(info)
    try:
        return _answer(store, info, frame)
    except Unavailable:  # it has ended between two questions: one more is started
        _end(_key(store, info))
        return _answer(store, info, frame)


def end_all() -> None:
    """End every process."""
    with _lock:
        for key in list(_running):
            _end(key)


def _answer(store: Store, info: VersionInfo, frame: pd.DataFrame) -> Scored:
    model = _model(store, info)
    with model.lock:
        scored = model.process.score(frame, lambda *_: None)
        model.used = time.monotonic()
        return scored


def _model(store: Store, info: VersionInfo) -> LiveModel:
    key = _key(store, info)
    with _lock:
        if key in _running:
            _running[key].used = time.monotonic()
            return _running[key]
        while len(_running) >= MAX_PROCESSES:
            _end(min(_running, key=lambda other: _running[other].used))
        process = ScoringProcess(store, info)
        try:
            process.start(lambda *_: None)
        except BaseException:
            process.stop()
            raise
        _running[key] = LiveModel(process, time.monotonic())
        if len(_running) == 1:
            threading.Thread(target=_end_idle, name="what-if models", daemon=True).start()
        return _running[key]


def _key(store: Store, info: VersionInfo) -> Key:
    return str(store.folder), info.ref, f"{info.digest} {hash(info.signature)}"


def _end(key: Key) -> None:
    model = _running.pop(key, None)
    if model is not None:
        with model.lock:
            model.process.stop()


def _end_idle() -> None:
    """End what is idle, until nothing runs."""
    while True:
        time.sleep(IDLE_SECONDS / 6)
        with _lock:
            for key, model in list(_running.items()):
                if time.monotonic() - model.used > IDLE_SECONDS:
                    _end(key)
            if not _running:
                return


atexit.register(end_all)
