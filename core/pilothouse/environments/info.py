"""What the room of environments answers: values without a database behind them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from pilothouse.environments.failure import KINDS
from pilothouse.environments.tables import BUILT, CHECKING, FAILED, IN_PROGRESS, READY, WANTED


@dataclass(frozen=True, repr=False)
class EnvironmentInfo:
    """An environment: what was requested, what it has, and how far it is.

    `state` is wanted, resolving, building, built, checking, ready, failed or removed; it is ready
    when at least one model has answered its example in it. `failure` is one of the kinds of
    failure, with `message` and the way on in `hint`. `own_bytes` are those that no other
    environment and no cache shares. `deployed` are the subjects a deployment serves.
    """

    id: str
    hash: str
    kind: str
    python: str
    platform: str
    interpreter: Path | None
    requirements: tuple[str, ...]
    logged_at: datetime | None
    lock: str
    packages: int
    bytes: int
    own_bytes: int
    state: str
    failure: str
    message: str
    hint: str
    notes: tuple[str, ...]
    job: str | None
    subjects: tuple[str, ...]
    deployed: tuple[str, ...]
    created_at: datetime
    created_by: str
    built_at: datetime | None
    used_at: datetime | None
    request: Mapping[str, Any]

    def __repr__(self) -> str:
        return f"<environment {self.id}, Python {self.python}, {self.state}>"

    @property
    def failure_title(self) -> str:
        """What people call the kind of failure; empty without one."""
        return KINDS[self.failure].title if self.failure in KINDS else ""

    @property
    def in_progress(self) -> bool:
        """Whether its job waits or runs."""
        return self.state in (*IN_PROGRESS, CHECKING)

    @property
    def can_be_rebuilt(self) -> bool:
        """Whether `rebuild` would not be refused."""
        return not self.in_progress and not self.deployed

    @property
    def can_be_removed(self) -> bool:
        """Whether `remove` would not be refused."""
        return not self.in_progress and not self.deployed


@dataclass(frozen=True)
class EnvironmentUseInfo:
    """How a subject, such as `churn@3`, stands with its environment.

    `state` is that of the environment until it is built, then built (not yet checked), checking,
    ready or failed. `interpreter` runs the model, once the environment is built.
    """

    subject: str
    environment: str
    state: str
    failure: str
    message: str
    hint: str
    interpreter: Path | None
    checked_at: datetime | None

    @property
    def is_ready(self) -> bool:
        """Whether the model answered its example in it."""
        return self.state == READY

    @property
    def failure_title(self) -> str:
        """What people call the kind of failure; empty without one."""
        return KINDS[self.failure].title if self.failure in KINDS else ""


@dataclass(frozen=True)
class CollectedEnvironments:
    """What a collection removed: ids, and the bytes that the disk got back."""

    removed: tuple[str, ...]
    freed_bytes: int
    left_bytes: int


def combined_state(environment: str, uses: list[str]) -> str:
    """The state of an environment with those of its uses: ready when one of them is."""
    if environment != BUILT:
        return environment
    for state in (CHECKING, READY, FAILED):
        if state in uses:
            return state
    return BUILT


def use_state(environment: str, use: str) -> str:
    """The state of a use: its environment's until that is built, then its own."""
    if environment != BUILT:
        return environment
    return BUILT if use == WANTED else use
