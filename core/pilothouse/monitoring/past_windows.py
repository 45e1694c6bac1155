"""The windows of a deployment up to one of them, by what their history needs. Few columns."""

from __future__ import annotations

from dataclasses import dataclass, fields
from datetime import datetime

from sqlmodel import Session, col, select

from pilothouse.monitoring.tables import Window
from pilothouse.monitoring.windows import Span


@dataclass(frozen=True)
class PastWindow:
    """A window in a history. PERF: whole rows of a year of hours take ten times as long."""

    id: str
    deployment: str
    start: datetime
    end: datetime
    size: int | None
    model: str
    version: int
    rows: int

    @classmethod
    def of_window(cls, window: Window) -> PastWindow:
        """A stored window as a part of a history."""
        return cls(**{name: getattr(window, name) for name in NAMES})

    @property
    def span(self) -> Span:
        """Its span."""
        return Span(self.start, self.end, self.size or 0)


NAMES = tuple(field.name for field in fields(PastWindow))


def past_windows(
    session: Session, deployment: str, before: datetime | None = None, most: int | None = None
) -> list[PastWindow]:
    """The windows with rows, oldest first, and of one span the busiest version's first.

    Of those that begin before an instant the newest so many.
    """
    query = select(*[getattr(Window, name) for name in NAMES]).where(
        Window.deployment == deployment, col(Window.removed_at).is_(None), Window.rows > 0
    )
    if before is not None:
        query = query.where(col(Window.start) < before)
    query = query.order_by(col(Window.start).desc(), col(Window.rows)).limit(most)
    return [PastWindow(*row) for row in session.execute(query)][::-1]
