"""Which inputs of a deployment are logged as they are, hashed, or not at all."""

from __future__ import annotations

from dataclasses import dataclass

from sqlmodel import Session, select

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
    return ALL_COLUMNS if row is None else _columns(row)


def logged_columns_by_name(session: Session) -> dict[str, LoggedColumns]:
    """The same of each deployment that has rules of its log."""
    return {row.deployment: _columns(row) for row in session.exec(select(LogRule))}


def _columns(row: LogRule) -> LoggedColumns:
    return LoggedColumns(frozenset(row.dropped or ()), tuple(row.hashed or ()))
