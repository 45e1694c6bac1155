"""What jobs import, imported by one thread before there are several.

Two threads that import packages which import each other can be handed a module that is only half
made. A worker that finds several jobs waiting starts them all at once, so whatever a job needs in
the worker's own interpreter is loaded before its thread begins.
"""

from __future__ import annotations

import importlib
import threading

from pilothouse.jobs.context import workflows

PROCESS_POOL = "joblib.externals.loky.process_executor"
_lock = threading.Lock()
_is_done = False


def import_for_jobs() -> None:
    """Import every workflow and what runs children; the second call has nothing to do.

    It is called when there is work, so that a worker without any stays small.
    """
    global _is_done
    with _lock:
        if _is_done:
            return
        workflows.names()
        importlib.import_module(PROCESS_POOL)
        _is_done = True
