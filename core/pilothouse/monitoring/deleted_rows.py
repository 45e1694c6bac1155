"""Windows of which retention has deleted rows: they stay as they were judged."""

from __future__ import annotations

from datetime import datetime

from sqlmodel import Session, select

from pilothouse.deployments.log_rules.deletions import deleted_before
from pilothouse.kit.errors import Conflict
from pilothouse.monitoring.tables import Window
from pilothouse.monitoring.windows import Span


def lacks_rows(span: Span, deleted: datetime | None, *, is_judged: bool) -> bool:
    """Whether rows of a window were deleted, so that it cannot be judged any more.

    Rows that come for a time before, in which no window was judged, are all there.
    """
    if deleted is None or span.start >= deleted:
        return False
    return is_judged or span.end > deleted


def refuse_deleted_rows(session: Session, deployment: str, span: Span) -> None:
    """Raise Conflict for a window of which retention has deleted rows."""
    deleted = deleted_before(session, deployment)
    if deleted is None:
        return
    judged = select(Window.id).where(
        Window.deployment == deployment, Window.start == span.start, Window.end == span.end
    )
    if lacks_rows(span, deleted, is_judged=session.exec(judged).first() is not None):
        raise Conflict(
            f"rows of this window were deleted: the log of {deployment!r} has none of events "
            f"before {deleted:%Y-%m-%d}.",
            hint="Its results stay as they were judged.",
        )
