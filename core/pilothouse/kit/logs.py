"""Logs of a process as text, or as JSON lines by the Elastic Common Schema (ECS).

    {"@timestamp": "2026-01-31T12:00:00.000Z", "log.level": "info", "message": "listening", ...}

The fields are those of the published schema of ECS loggers, written here because a model process
runs in environments where nothing can be installed. With `ecs`, what is printed and uncaught
exceptions are lines of JSON too, so that every line of the output can be parsed; only what native
code writes to the file descriptor itself is not.
"""

from __future__ import annotations

import io
import json
import logging
import os
import sys
import threading
import time
import traceback
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from types import MappingProxyType, TracebackType
from typing import Any, TextIO

TEXT, ECS = "text", "ecs"
FORMATS = (TEXT, ECS)
VARIABLE = "PILOTHOUSE_LOG_FORMAT"  # by which processes that are started know it
TEXT_FORMAT = "%(asctime)s %(levelname)-7s %(message)s"
ECS_VERSION = "8.11.0"
SERVICE = "pilothouse"
log = logging.getLogger(__name__)
_labels: ContextVar[Mapping[str, str]] = ContextVar("labels", default=MappingProxyType({}))
_busy = threading.local()


def configure(
    process: str, log_format: str = "", stream: TextIO | None = None, **labels: object
) -> None:
    """Log what is at least INFO to a stream (by default stderr) in a format.

    `process` is server, worker, app or model; `labels` are on every line of ECS. Without a format
    it is that of the process that started this one. Processes started later have it too.
    """
    chosen = log_format or os.environ.get(VARIABLE, TEXT)
    os.environ[VARIABLE] = chosen
    if chosen != ECS:
        logging.basicConfig(level=logging.INFO, format=TEXT_FORMAT, stream=stream)
        return

    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(EcsFormatter(process, labels))
    logging.basicConfig(level=logging.INFO, handlers=[handler])
    sys.stdout = _LoggedStream(sys.stdout, "stdout", logging.INFO)
    sys.stderr = _LoggedStream(sys.stderr, "stderr", logging.WARNING)
    sys.excepthook = _log_uncaught
    threading.excepthook = _log_uncaught_in_thread


def configure_child(process: str) -> None:
    """Log as the process that started this one does; text as Python does by itself."""
    if os.environ.get(VARIABLE) == ECS:
        configure(process, ECS)


@contextmanager
def labelled(**labels: object) -> Iterator[None]:
    """Put labels on every line of ECS that this context logs."""
    token = _labels.set({**_labels.get(), **_texts(labels)})
    try:
        yield
    finally:
        _labels.reset(token)


class EcsFormatter(logging.Formatter):
    """A record as one line of JSON; an exception's trace is a field of it."""

    def __init__(self, process: str, labels: Mapping[str, object] | None = None) -> None:
        super().__init__()
        self._dataset = f"{SERVICE}.{process}"
        self._own = _texts(labels or {})

    def format(self, record: logging.LogRecord) -> str:
        """The line, without its end."""
        second = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(record.created))
        fields: dict[str, Any] = {
            "@timestamp": f"{second}.{int(record.msecs):03d}Z",
            "log.level": record.levelname.lower(),
            "message": record.getMessage(),
            "ecs.version": ECS_VERSION,
            "log.logger": record.name,
            "service.name": SERVICE,
            "event.dataset": self._dataset,
            "process.pid": record.process,
            "process.thread.name": record.threadName,
        }
        if record.exc_info and record.exc_info[0] is not None:
            fields |= _error(*record.exc_info)
        elif record.exc_text:  # it was formatted in another process
            fields["error.stack_trace"] = record.exc_text
        if labels := {**self._own, **_labels.get()}:
            fields["labels"] = labels
        # Lone surrogates in a message cannot be encoded: ASCII with escapes always can.
        return json.dumps(fields, default=str)


def as_text(line: str) -> str:
    """A line of a log as people read it: one of ECS as text with its trace, others as they are."""
    if not line.startswith('{"@timestamp"'):
        return line
    try:
        fields = json.loads(line)
    except ValueError:  # the end of a file that is being written
        return line
    level = str(fields.get("log.level", "")).upper()
    text = f"{fields['@timestamp']} {level:<7} {fields.get('message', '')}"
    if fields.get("log.logger") in ("stdout", "stderr"):
        text = str(fields.get("message", ""))
    trace = fields.get("error.stack_trace")
    return f"{text}\n{trace}" if trace else text


def _error(
    kind: type[BaseException], error: BaseException | None, trace: TracebackType | None
) -> dict[str, str]:
    return {
        "error.type": kind.__name__,
        "error.message": str(error),
        "error.stack_trace": "".join(traceback.format_exception(kind, error, trace)).rstrip("\n"),
    }


def _texts(labels: Mapping[str, object]) -> dict[str, str]:
    """Labels as ECS has them: texts, without what is absent."""
    return {name: str(value) for name, value in labels.items() if value not in (None, "")}


class _LoggedStream(io.TextIOBase):
    """What is printed, logged line by line; all else is that of the stream it replaces."""

    def __init__(self, stream: TextIO, name: str, level: int) -> None:
        super().__init__()
        self._stream, self._log, self._level = stream, logging.getLogger(name), level
        self._rest = threading.local()

    @property
    def encoding(self) -> str:  # type: ignore[override]
        """That of the stream."""
        return self._stream.encoding

    def write(self, text: str) -> int:
        """Log the lines that have ended; the rest waits for its end."""
        if getattr(_busy, "logs", False):  # a handler that fails prints about itself
            return self._stream.write(text)
        *lines, self._rest.text = (getattr(self._rest, "text", "") + text).split("\n")
        for line in lines:
            self._emit(line)
        return len(text)

    def flush(self) -> None:
        """The stream's; a line without an end waits for it."""
        self._stream.flush()

    def isatty(self) -> bool:
        """It is none."""
        return False

    def writable(self) -> bool:
        """It is."""
        return True

    def fileno(self) -> int:
        """That of the stream, for native code."""
        return self._stream.fileno()

    def _emit(self, line: str) -> None:
        if not line.strip():
            return
        _busy.logs = True
        try:
            self._log.log(self._level, "%s", line.rstrip("\r"))
        finally:
            _busy.logs = False


def _log_uncaught(
    kind: type[BaseException], error: BaseException, trace: TracebackType | None
) -> None:
    if issubclass(kind, KeyboardInterrupt):
        return
    log.critical("the process ends by an error", exc_info=(kind, error, trace))


def _log_uncaught_in_thread(arguments: threading.ExceptHookArgs) -> None:
    if arguments.exc_value is not None:
        info = (arguments.exc_type, arguments.exc_value, arguments.exc_traceback)
        log.error("a thread ended by an error", exc_info=info)
