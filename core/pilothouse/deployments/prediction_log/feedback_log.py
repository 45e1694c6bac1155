"""Rewards that callers send for predictions, or for entities: a file a day, one line a reward.

    <workspace>/feedback/<deployment>/<date>.jsonl

The last reward of an id counts, so that a repeated request changes nothing and a later one
corrects. Days that are older than `KEPT_DAYS` are removed when a new day begins.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import orjson

from pilothouse.kit.errors import TooLarge, Unavailable

MAX_DAY_BYTES = 64 << 20
KEPT_DAYS = 90
SUFFIX = ".jsonl"


@dataclass(frozen=True)
class SentReward:
    """What a prediction, or an entity that a version answered, has brought."""

    reward: float
    prediction_id: str = ""
    entity_id: str = ""
    version: int | None = None

    def line(self, at_us: int) -> bytes:
        """The line of JSON that is kept."""
        about: dict[str, Any] = {"at": at_us, "reward": self.reward}
        if self.prediction_id:
            return orjson.dumps(about | {"id": self.prediction_id}) + b"\n"
        return orjson.dumps(about | {"entity": self.entity_id, "version": self.version}) + b"\n"


@dataclass(frozen=True)
class Rewards:
    """The rewards of a span: by prediction id, and by version and entity."""

    by_id: dict[str, float]
    by_entity: dict[tuple[int, str], float]


def feedback_folder(workspace: Path, deployment: str) -> Path:
    """The folder of a deployment's rewards."""
    return workspace / "feedback" / deployment


def append_rewards(folder: Path, rewards: Sequence[SentReward], now: datetime) -> None:
    """Keep rewards with one write.

    Raises TooLarge when the day is full, Unavailable when the disk refuses.
    """
    at_us = int(now.timestamp() * 1_000_000)
    data = b"".join(reward.line(at_us) for reward in rewards)
    path = folder / f"{now.astimezone(UTC).date().isoformat()}{SUFFIX}"
    try:
        if not path.exists():
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            _remove_old(folder, now.astimezone(UTC).date())
        elif path.stat().st_size + len(data) > MAX_DAY_BYTES:
            raise TooLarge(
                f"the feedback of this day is full: {MAX_DAY_BYTES >> 20} MB are kept.",
                hint="Send one reward for several predictions, or go on tomorrow.",
            )
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
        try:
            if os.write(descriptor, data) != len(data):
                raise Unavailable("the feedback cannot be written: no space left.")
        finally:
            os.close(descriptor)
    except OSError as refused:
        raise Unavailable(f"the feedback cannot be written: {refused.strerror}.") from refused


def read_rewards(workspace: Path, deployment: str, since: datetime, until: datetime) -> Rewards:
    """The rewards that were received in since <= at < until, the last of each id."""
    first, end = (int(at.timestamp() * 1_000_000) for at in (since, until))
    rewards = Rewards({}, {})
    for path in sorted(feedback_folder(workspace, deployment).glob(f"*{SUFFIX}")):
        if path.stem < since.astimezone(UTC).date().isoformat():
            continue
        for line in _lines(path):
            if not first <= line["at"] < end:
                continue
            if "id" in line:
                rewards.by_id[line["id"]] = line["reward"]
            else:
                rewards.by_entity[line["version"], line["entity"]] = line["reward"]
    return rewards


def _lines(path: Path) -> Iterator[dict[str, Any]]:
    with suppress(FileNotFoundError):
        for line in path.read_bytes().split(b"\n"):
            with suppress(orjson.JSONDecodeError):  # the line that a kill cut off
                if line:
                    yield orjson.loads(line)


def _remove_old(folder: Path, today: date) -> None:
    oldest = (today - timedelta(days=KEPT_DAYS)).isoformat()
    for path in folder.glob(f"*{SUFFIX}"):
        if path.stem < oldest:
            path.unlink(missing_ok=True)
