"""The worker's loop: durable work, deployments, notifications, events, tidying of logs."""

from __future__ import annotations

import logging
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from types import FrameType

from filelock import FileLock, Timeout

from pilothouse.kit import logs
from pilothouse.kit.errors import Conflict
from pilothouse.kit.heartbeat import Heartbeat
from pilothouse.kit.processes import announce
from pilothouse.kit.settings import Settings
from pilothouse.storage import Store

JOB_TICK_S = 0.2
DEPLOYMENT_TICK_S = 0.1  # whether something is due, see the controller
ROLLOUT_TICK_S = 0.5
COMPACTION_TICK_S = 10.0
HISTORIES_TICK_S = 10.0
WATCH_TICK_S = 5.0
NOTIFICATIONS_TICK_S = 1.0
FOLDERS_TICK_S = 2.0
EVENTS_TICK_S = 1.0
LOCK_SECONDS = 10.0
FIRST_PAUSE_S, MAX_PAUSE_S = 1.0, 60.0
log = logging.getLogger(__name__)


def work(settings: Settings) -> None:
    """Work until it is asked to stop. Raises Conflict when the workspace has a worker already."""
    from pilothouse.workspace import open_workspace

    logs.configure("worker", settings.log_format)
    workspace = open_workspace(settings=settings)
    store = workspace.store
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, _setter(stop))
    try:
        with FileLock(store.run_folder / "worker.lock", timeout=LOCK_SECONDS):
            announce(store.run_folder, "worker")
            _loop(store, stop)
    except Timeout as held:
        raise Conflict(
            "this workspace has a worker already.",
            hint="One worker serves a workspace on SQLite; a second needs PostgreSQL.",
        ) from held


def _loop(store: Store, stop: threading.Event) -> None:
    from pilothouse.deployments.controller.controller import Controller
    from pilothouse.deployments.rollouts.rollout_controller import RolloutController
    from pilothouse.experiments.metrics.packed_history import compact_waiting
    from pilothouse.interop.events.supervision import EventWorker
    from pilothouse.interop.importing.watches import FolderWatcher
    from pilothouse.jobs.engine import Engine
    from pilothouse.monitoring.notifications.sender import NotificationWorker
    from pilothouse.pipelines.auto_monitor import monitor_new

    reconcile = Controller(store).tick_when_due
    rollouts = RolloutController(store)
    events = EventWorker(store)
    heart = Heartbeat(store.run_folder, "worker")
    threads = [
        heart.start(stop),
        _every(DEPLOYMENT_TICK_S, _beating(heart, reconcile, "tick"), stop, "deployments"),
        _every(ROLLOUT_TICK_S, rollouts.tick, stop, "rollouts"),
        _every(WATCH_TICK_S, lambda: monitor_new(store), stop, "watching"),
        _every(NOTIFICATIONS_TICK_S, NotificationWorker(store).tick, stop, "notifications"),
        _every(FOLDERS_TICK_S, FolderWatcher(store).tick, stop, "folders"),
        _every(EVENTS_TICK_S, events.tick, stop, "events"),
        _every(COMPACTION_TICK_S, lambda: _compact(store), stop, "compaction"),
        _every(HISTORIES_TICK_S, lambda: compact_waiting(store), stop, "histories"),
    ]
    engine = Engine(store)
    engine.resume()
    log.info("the worker is at work")
    _repeat(JOB_TICK_S, _beating(heart, engine.tick, "jobs"), stop, "jobs")
    engine.close()
    for thread in threads:
        thread.join(timeout=5)
    rollouts.close()
    events.close()


def _beating(heart: Heartbeat, act: Callable[[], object], name: str) -> Callable[[], object]:
    """A task that must end in time, or the supervisor starts another worker."""

    def watched() -> None:
        with heart.action(name):
            act()

    return watched


def _compact(store: Store) -> None:
    """Turn sealed journals into Parquet, in a child process that returns its memory."""
    from pilothouse.deployments.prediction_log.compaction import pending

    if pending(store.folder):
        command = [
            sys.executable,
            "-m",
            "pilothouse.deployments.prediction_log.compaction",
            str(store.folder),
        ]
        subprocess.run(command, stdin=subprocess.DEVNULL, check=True)


def _every(
    seconds: float, act: Callable[[], object], stop: threading.Event, name: str
) -> threading.Thread:
    thread = threading.Thread(
        target=_repeat, args=(seconds, act, stop, name), name=name, daemon=True
    )
    thread.start()
    return thread


def _repeat(seconds: float, act: Callable[[], object], stop: threading.Event, name: str) -> None:
    """Run a background task for ever: a failure is logged and tried again; other tasks continue.

    The pause doubles with every failure in a row up to a bound, and only the first one of a kind
    is logged with all its lines: what stays broken must fill neither the disk nor a processor.
    """
    failures, last = 0, ""
    while not stop.is_set():
        began = time.monotonic()
        try:
            act()
            failures, last = 0, ""
        except Exception as broken:
            failures += 1
            pause, reason = pause_after(failures), f"{type(broken).__name__}: {broken}"
            log.error(
                "%s failed %d times in a row, tried again in %.0f s: %s",
                *(name, failures, pause, reason),
                exc_info=reason != last,
            )
            last = reason
            stop.wait(pause)
        stop.wait(max(0.0, seconds - (time.monotonic() - began)))


def pause_after(failures: int) -> float:
    """Seconds to wait after so many failures in a row."""
    return min(FIRST_PAUSE_S * 2.0 ** min(failures - 1, 10), MAX_PAUSE_S)


def _setter(stop: threading.Event) -> Callable[[int, FrameType | None], None]:
    return lambda _number, _frame: stop.set()
