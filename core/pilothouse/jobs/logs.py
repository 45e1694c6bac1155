"""A log file for each job, fed by the standard logging module from the worker and its children."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path

from pilothouse.kit.errors import Invalid
from pilothouse.kit.logs import labelled
from pilothouse.storage import Store

FORMAT = logging.Formatter("%(asctime)s %(levelname)-7s %(message)s", "%Y-%m-%d %H:%M:%SZ")
FORMAT.converter = time.gmtime
TAIL_BYTES = 200_000
log = logging.getLogger(__name__)
_job: ContextVar[str | None] = ContextVar("job", default=None)


class _JobFilter(logging.Filter):
    def __init__(self, job_id: str) -> None:
        super().__init__()
        self._job_id = job_id

    def filter(self, record: logging.LogRecord) -> bool:
        return _job.get() == self._job_id


@contextmanager
def log_to_file(store: Store, job_id: str) -> Iterator[None]:
    """Write this context's log records to the job's file, if the file can be opened."""
    handler = _handler(store, job_id)
    root = logging.getLogger()
    if root.level > logging.INFO or root.level == logging.NOTSET:
        root.setLevel(logging.INFO)
    root.addHandler(handler)
    token = _job.set(job_id)
    try:
        with labelled(job_id=job_id):
            yield
    finally:
        _job.reset(token)
        root.removeHandler(handler)
        handler.close()


def _handler(store: Store, job_id: str) -> logging.Handler:
    path = log_path(store, job_id)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handler: logging.Handler = logging.FileHandler(path, encoding="utf-8")
    except OSError as refused:
        log.warning("the job %s has no log: %s", job_id, refused)
        return logging.NullHandler()
    handler.setFormatter(FORMAT)
    handler.addFilter(_JobFilter(job_id))
    return handler


def log_path(store: Store, job_id: str) -> Path:
    """The path of a job's log. Raises Invalid for an id that could leave the folder."""
    if not job_id.replace("-", "").isalnum():
        raise Invalid(f"{job_id!r} is not a job id.")
    return store.log_folder / "jobs" / f"{job_id}.log"


def read_log(store: Store, job_id: str, lines: int = 200) -> str:
    """The last lines of a job's log; empty when it has written none."""
    path = log_path(store, job_id)
    if not path.exists():
        return ""
    with path.open("rb") as source:
        source.seek(max(0, path.stat().st_size - TAIL_BYTES))
        text = source.read().decode("utf-8", errors="replace")
    return "\n".join(text.splitlines()[-lines:])
