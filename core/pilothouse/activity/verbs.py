"""What a screen, command or notebook may ask of the activity log."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlmodel import col, func, or_, select

from pilothouse.activity.chain import ChainState, verify
from pilothouse.activity.tables import ActivityEntry
from pilothouse.storage.room import Room

if TYPE_CHECKING:
    import pandas as pd

COLUMNS = ("seq", "at", "actor", "verb", "kind", "ref", "name", "before", "after", "reason", "hash")
SEARCHED = ("name", "ref", "reason", "verb", "actor")


class Activity(Room):
    """The log of a workspace."""

    def entries(
        self,
        *,
        kind: str | None = None,
        ref: str | None = None,
        actor: str | None = None,
        verb: str | None = None,
        search: str = "",
        page: int = 1,
        size: int = 50,
    ) -> pd.DataFrame:
        """Entries, newest first: a frame of `COLUMNS`."""
        import pandas as pd

        query = _matching(
            select(*[getattr(ActivityEntry, c) for c in COLUMNS]), kind, ref, actor, verb, search
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
    ) -> int:
        """How many entries match."""
        query = _matching(
            select(func.count()).select_from(ActivityEntry), kind, ref, actor, verb, search
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
        """Walk the whole chain and say whether it is unbroken."""
        with self._store.read() as session:
            return verify(session)


def _matching(
    query: Any, kind: str | None, ref: str | None, actor: str | None, verb: str | None, search: str
) -> Any:
    wanted = {"kind": kind, "ref": ref, "actor": actor, "verb": verb}
    for name, value in wanted.items():
        if value:
            query = query.where(getattr(ActivityEntry, name) == value)
    if search:
        searched = [col(getattr(ActivityEntry, name)) for name in SEARCHED]
        query = query.where(or_(*[c.icontains(search, autoescape=True) for c in searched]))
    return query
