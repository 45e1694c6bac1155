"""Why a version does not stay up: the last error that its process logged before it exited."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from pilothouse.deployments.info import ReplicaInfo
from pilothouse.deployments.replica_states import CRASH_LOOP, READY
from pilothouse.kit.logs import as_text

TAIL_BYTES = 64 * 1024
MAX_CHARACTERS = 1_500
TRACEBACK = "Traceback (most recent call last)"


@dataclass(frozen=True)
class Failure:
    """How a process of the desired version exited last, and the error that it logged."""

    version: int
    ended: str
    error: str
    restarts: int
    keeps_ending: bool


def failing(replicas: Sequence[ReplicaInfo], version: int) -> ReplicaInfo | None:
    """The process of the version that exited and is not ready again; a crash loop comes first."""
    ended = [
        replica
        for replica in replicas
        if replica.version == version and replica.last_exit and replica.state != READY
    ]
    return max(ended, key=lambda r: (r.state == CRASH_LOOP, r.restarts), default=None)


def failure_of(replica: ReplicaInfo, log: Path) -> Failure:
    """How a process exited, with the last error in its log."""
    return Failure(
        version=replica.version,
        ended=replica.last_exit,
        error=last_error(tail(log)),
        restarts=replica.restarts,
        keeps_ending=replica.state == CRASH_LOOP,
    )


def tail(file: Path, count: int = TAIL_BYTES) -> str:
    """The end of a file as text, from the start of a line; empty without the file."""
    try:
        with file.open("rb") as opened:
            size = opened.seek(0, os.SEEK_END)
            opened.seek(max(0, size - count))
            data = opened.read()
    except FileNotFoundError:
        return ""
    if size > count:
        data = data.partition(b"\n")[2]
    return data.decode("utf-8", "replace")


def readable(log: str) -> str:
    """A log as people read it, whichever its format."""
    return "\n".join(as_text(line) for line in log.splitlines())


def last_error(log: str) -> str:
    """The message of the last traceback in a log, or its last line; empty for an empty log."""
    lines = [line.rstrip() for line in readable(log).splitlines() if line.strip()]
    begins = [index for index, line in enumerate(lines) if line.lstrip().startswith(TRACEBACK)]
    if not begins:
        return lines[-1][:MAX_CHARACTERS] if lines else ""
    message = [line for line in lines[begins[-1] + 1 :] if not line.startswith(" ")]
    return "\n".join(message[:1] or lines[-1:])[:MAX_CHARACTERS]
