"""The logged inputs of deployments, as the rules of their logs name them."""

from __future__ import annotations

from sqlmodel import Session, select

from pilothouse.deployments.log_rules.logged_columns import ALL_COLUMNS, LoggedColumns
from pilothouse.deployments.tables import LogRule


def logged_columns(session: Session, deployment: str) -> LoggedColumns:
    """How the inputs of a deployment are logged now."""
    row = session.get(LogRule, deployment)
    return ALL_COLUMNS if row is None else _columns(row)


def logged_columns_by_name(session: Session) -> dict[str, LoggedColumns]:
    """The same of each deployment that has rules of its log."""
    return {row.deployment: _columns(row) for row in session.exec(select(LogRule))}


def _columns(row: LogRule) -> LoggedColumns:
    return LoggedColumns(frozenset(row.dropped or ()), tuple(row.hashed or ()), row.share or 1.0)
