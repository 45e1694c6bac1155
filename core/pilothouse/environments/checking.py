"""The check of a model in its environment: it is ready once it loaded and answered its example.

How a model is loaded is known above this room, so the job hands in the function that does it.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from sqlmodel import Session, col, select

from pilothouse.activity import record
from pilothouse.environments.failure import CHECK_FAILURES, KINDS
from pilothouse.environments.locations import interpreter_of
from pilothouse.environments.requests import KIND, job_has_ended, require, uses_of
from pilothouse.environments.tables import BUILT, CHECKING, FAILED, READY, WANTED, EnvironmentUse
from pilothouse.jobs import Progress
from pilothouse.kit.errors import PilothouseError
from pilothouse.storage import Store

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class CheckOutcome:
    """Whether a model answered its example; `failure` is one of `CHECK_FAILURES`, empty if so."""

    failure: str = ""
    message: str = ""
    hint: str = ""

    def __post_init__(self) -> None:
        """Refuse a kind that no check has."""
        if self.failure and self.failure not in CHECK_FAILURES:
            raise ValueError(f"{self.failure!r} is not a failure of a check")


# Runs a subject's model with an interpreter; None when there is nothing to be checked yet.
EnvironmentCheck = Callable[[Store, str, Path], CheckOutcome | None]


def check_uses(
    store: Store, progress: Progress, environment: str, check: EnvironmentCheck, job_id: str
) -> dict[str, str]:
    """Check every subject that waits for it; the state of each by its name."""
    states: dict[str, str] = {}
    while (subject := _claim(store, environment, job_id, states)) is not None:
        progress(0.0, f"checking {subject}")
        interpreter = interpreter_of(store, environment)
        try:
            outcome = check(store, subject, interpreter)
        except PilothouseError as refused:
            outcome = CheckOutcome("other", refused.message, refused.hint)
        states[subject] = _end(store, subject, outcome)
        log.info("%s: %s", subject, states[subject])
    return states


def _claim(store: Store, environment: str, job_id: str, visited: dict[str, str]) -> str | None:
    """The next subject to check: one that waits, or whose check was lost with its job."""
    with store.write() as session:
        row = require(session, environment)
        if row.state != BUILT:
            return None
        for use in uses_of(session, row.id):
            if use.subject not in visited and _is_open(session, use, job_id):
                use.state, use.job = CHECKING, job_id
                session.add(use)
                return use.subject
    return None


def _is_open(session: Session, use: EnvironmentUse, job_id: str) -> bool:
    if use.state == CHECKING:
        return use.job == job_id or job_has_ended(session, use.job)
    return use.state == WANTED


def _end(store: Store, subject: str, outcome: CheckOutcome | None) -> str:
    with store.write() as session:
        use = session.get(EnvironmentUse, subject)
        if use is None or use.state != CHECKING:  # removed or requested anew meanwhile
            return "" if use is None else use.state
        if outcome is None:
            use.state = WANTED
            session.add(use)
            return BUILT
        use.state = FAILED if outcome.failure else READY
        use.failure, use.message = outcome.failure, outcome.message
        use.hint = outcome.hint or (KINDS[outcome.failure].hint if outcome.failure else "")
        use.checked_at = store.now()
        session.add(use)
        after = {"subject": subject, "failure": outcome.failure, "message": outcome.message}
        record(session, store, use.state, KIND, use.environment, name=subject, after=after)
        return use.state


def waiting(session: Session, environment: str) -> list[str]:
    """Subjects whose check has not begun."""
    query = select(EnvironmentUse.subject).where(
        EnvironmentUse.environment == environment, EnvironmentUse.state == WANTED
    )
    return list(session.exec(query.order_by(col(EnvironmentUse.subject))))
