"""Which inputs of a deployment are logged as they are, hashed, or not at all."""

from __future__ import annotations

from dataclasses import dataclass

from sqlmodel import Session

from pilothouse.deployments.tables import LogRule


@dataclass(frozen=True)
class LoggedColumns:
    """The inputs that the log drops, and those of which it has hashes; all others are as sent."""

    dropped: frozenset[str] = frozenset()
    hashed: tuple[str, ...] = ()


ALL_COLUMNS = LoggedColumns()


def logged_columns(session: Session, deployment: str) -> LoggedColumns:
    """How the inputs of a deployment are logged now."""
    row = session.get(LogRule, deployment)
    if row is None:
        return ALL_COLUMNS
    return LoggedColumns(frozenset(row.dropped or ()), tuple(row.hashed or ()))
