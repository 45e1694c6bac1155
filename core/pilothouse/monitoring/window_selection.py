"""Which windows of a long history are read: the newest, a page, or the worst of each day."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, get_args

from sqlmodel import Session, col, func, select

from pilothouse.kit.errors import Invalid
from pilothouse.monitoring.checks import WORSE
from pilothouse.monitoring.tables import Window
from pilothouse.monitoring.windows import DEFAULT_ZONE, Span, zone_named
from pilothouse.monitoring.zone_calendar import CalendarPeriod, index_of

MOST = 2**31
NEWEST_FIRST = (col(Window.start).desc(), col(Window.rows), col(Window.id))


@dataclass(frozen=True)
class WindowSelection:
    """Which windows of a deployment are read; without anything, all.

    The `newest` so many, without the newest `skip` of them; or, of each `worst_of` (day, week or
    month of its zone), the window with the worst status, of several the one with most drifted
    columns, then most rows; or those that begin `within` a span.
    """

    newest: int | None = None
    skip: int = 0
    worst_of: CalendarPeriod | None = None
    within: Span | None = None

    def __post_init__(self) -> None:
        if self.worst_of is not None and (self.newest is not None or self.skip):
            raise Invalid("choose the newest windows, or the worst ones, not both.")
        if self.worst_of is not None and self.worst_of not in get_args(CalendarPeriod):
            choices = ", ".join(get_args(CalendarPeriod))
            raise Invalid(f"{self.worst_of!r} is no period.", hint=f"Known: {choices}.")
        if self.skip < 0 or (self.newest is not None and self.newest < 0):
            raise Invalid("numbers of windows are not below 0.")


ALL = WindowSelection()


def count(session: Session, deployment: str) -> int:
    """How many windows a deployment has."""
    query = select(func.count()).where(*_of(deployment))
    return session.exec(query.select_from(Window)).one()


def restricted(
    query: Any, session: Session, deployment: str | None, selection: WindowSelection
) -> Any:
    """A query of windows, restricted to the chosen ones; without a deployment, to those of each.

    PERF: a limited subquery is read first, so that only the results of these windows are.
    """
    query = query.where(*_of(deployment))
    if selection == ALL:
        return query
    if (span := selection.within) is not None:
        return query.where(Window.start >= span.start, Window.start < span.end)
    if selection.worst_of is not None:
        ids = _worst(session, deployment, selection.worst_of)
        chosen = select(Window.id).where(col(Window.id).in_(ids)).limit(len(ids)).subquery()
    else:
        chosen = _newest(deployment, selection).subquery()
    return query.join(chosen, chosen.c.id == Window.id)


def _of(deployment: str | None) -> list[Any]:
    are_there = [col(Window.removed_at).is_(None)]
    return are_there if deployment is None else [Window.deployment == deployment, *are_there]


def _newest(deployment: str | None, selection: WindowSelection) -> Any:
    """The ids of the newest windows, as a query."""
    if deployment is None:
        number = func.row_number().over(partition_by=Window.deployment, order_by=NEWEST_FIRST)
        columns: list[Any] = [col(Window.id).label("id"), number.label("number")]
        ranks = select(*columns).where(*_of(None)).subquery()
        last = MOST if selection.newest is None else selection.skip + selection.newest
        return select(ranks.c.id).where(ranks.c.number > selection.skip, ranks.c.number <= last)
    query = select(Window.id).where(*_of(deployment)).order_by(*NEWEST_FIRST)
    most = MOST if selection.newest is None else selection.newest  # SQLite skips with a limit alone
    return query.limit(most).offset(selection.skip)


def _worst(session: Session, deployment: str | None, period: CalendarPeriod) -> list[str]:
    """The ids of the worst window of each day, week or month."""
    names = ("id", "deployment", "start", "zone", "status", "drifted", "rows")
    query = select(*[getattr(Window, name) for name in names]).where(*_of(deployment))
    worst: dict[tuple[str, int], tuple[tuple[int, int, int], str]] = {}
    for key, name, start, zone, status, drifted, rows in session.execute(query):
        part = name, index_of(zone_named(zone or DEFAULT_ZONE), period, start)
        rank = (WORSE.index(status), drifted, rows), key
        worst[part] = max(worst.get(part, rank), rank)
    return [key for _, key in worst.values()]
