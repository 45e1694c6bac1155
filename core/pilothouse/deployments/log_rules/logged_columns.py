"""What a deployment logs: of which requests, and which inputs as they are, hashed, or not."""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from dataclasses import dataclass

from sqlmodel import Session, select

from pilothouse.deployments.tables import LogRule


@dataclass(frozen=True)
class LoggedColumns:
    """The inputs that the log drops, and those of which it has hashes; all others are as sent.

    `share` is that of the requests whose predictions are logged.
    """

    dropped: frozenset[str] = frozenset()
    hashed: tuple[str, ...] = ()
    share: float = 1.0

    def includes(self, prediction_ids: Sequence[str]) -> bool:
        """Whether the predictions of a request are logged.

        The first id decides, so that a request that is sent again has the same answer.
        """
        if self.share >= 1.0 or not prediction_ids:
            return True
        return zlib.crc32(prediction_ids[0].encode()) < self.share * 2**32


ALL_COLUMNS = LoggedColumns()


def logged_columns(session: Session, deployment: str) -> LoggedColumns:
    """How the inputs of a deployment are logged now."""
    row = session.get(LogRule, deployment)
    return ALL_COLUMNS if row is None else _columns(row)


def logged_columns_by_name(session: Session) -> dict[str, LoggedColumns]:
    """The same of each deployment that has rules of its log."""
    return {row.deployment: _columns(row) for row in session.exec(select(LogRule))}


def _columns(row: LogRule) -> LoggedColumns:
    return LoggedColumns(frozenset(row.dropped or ()), tuple(row.hashed or ()), row.share or 1.0)
