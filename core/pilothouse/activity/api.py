"""The Python API of the audit log: search its entries, verify its chain."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from sqlmodel import and_, col, func, not_, or_, select

from pilothouse.activity.actors import AUTOMATIC
from pilothouse.activity.chain import ChainState, verify_anchored
from pilothouse.activity.tables import ActivityEntry
from pilothouse.storage.service import Service

if TYPE_CHECKING:
    import pandas as pd

COLUMNS = ("seq", "at", "actor", "verb", "kind", "ref", "name", "before", "after", "reason", "hash")
SEARCHED = ("name", "ref", "reason", "verb", "actor")


@dataclass(frozen=True)
class ActivityFilter:
    """Which entries of the log are of interest; what is left out does not matter.

    `since` is the first instant that counts and `until` the first that does not. Without `routine`,
    what happens by itself every hour is left out: windows evaluated, jobs that a schedule submits.
    """

    kind: str | None = None
    ref: str | None = None
    actor: str | None = None
    verb: str | None = None
    search: str = ""
    since: datetime | None = None
    until: datetime | None = None
    routine: bool = True


class Activity(Service):
    """The log of a workspace."""

    def entries(
        self,
        *,
        kind: str | None = None,
        ref: str | None = None,
        actor: str | None = None,
        verb: str | None = None,
        search: str = "",
        since: datetime | None = None,
        until: datetime | None = None,
        routine: bool = True,
        page: int = 1,
        size: int = 50,
    ) -> pd.DataFrame:
        """Entries, newest first: a frame of `COLUMNS`. The rest is as in `ActivityFilter`."""
        import pandas as pd

        query = _matching(
            select(*[getattr(ActivityEntry, c) for c in COLUMNS]),
            ActivityFilter(kind, ref, actor, verb, search, since, until, routine),
        )
        query = query.order_by(col(ActivityEntry.seq).desc()).limit(size).offset((page - 1) * size)
        with self._store.read() as session:
            rows = session.execute(query).all()
        return pd.DataFrame([tuple(row) for row in rows], columns=list(COLUMNS))

    def count(
        self,
        *,
        kind: str | None = None,
        ref: str | None = None,
        actor: str | None = None,
        verb: str | None = None,
        search: str = "",
        since: datetime | None = None,
        until: datetime | None = None,
        routine: bool = True,
    ) -> int:
        """How many entries match."""
        query = _matching(
            select(func.count()).select_from(ActivityEntry),
            ActivityFilter(kind, ref, actor, verb, search, since, until, routine),
        )
        with self._store.read() as session:
            return int(session.execute(query).scalar_one())

    def facets(self) -> dict[str, list[str]]:
        """Every kind, verb and actor that occurs, for filters."""
        with self._store.read() as session:
            return {
                name: sorted(session.exec(select(getattr(ActivityEntry, name)).distinct()))
                for name in ("kind", "verb", "actor")
            }

    def verify(self) -> ChainState:
        """Verify the hash chain of the whole log, and that it is as long as its anchor says."""
        return verify_anchored(self._store)


def _matching(query: Any, chosen: ActivityFilter) -> Any:
    for name in ("kind", "ref", "actor", "verb"):
        if value := getattr(chosen, name):
            query = query.where(getattr(ActivityEntry, name) == value)
    if chosen.search:
        searched = [col(getattr(ActivityEntry, name)) for name in SEARCHED]
        hits = [column.icontains(chosen.search, autoescape=True) for column in searched]
        query = query.where(or_(*hits))
    if chosen.since is not None:
        query = query.where(col(ActivityEntry.at) >= chosen.since)
    if chosen.until is not None:
        query = query.where(col(ActivityEntry.at) < chosen.until)
    return query if chosen.routine else query.where(not_(_is_routine()))


def _is_routine() -> Any:
    verb, kind, actor = (col(getattr(ActivityEntry, name)) for name in ("verb", "kind", "actor"))
    return or_(
        and_(verb == "evaluated", kind == "window"),
        and_(verb == "submitted", kind == "job", actor.in_(AUTOMATIC)),
    )
