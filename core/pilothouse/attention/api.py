"""The API of attention, for screens, commands and notebooks."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from sqlmodel import Session

from pilothouse.activity import record
from pilothouse.attention.items import Item, items
from pilothouse.attention.tables import Dismissed
from pilothouse.kit.errors import NotFound
from pilothouse.storage.service import Service

if TYPE_CHECKING:
    import pandas as pd

COLUMNS = (
    "id", "kind", "ref", "title", "state", "message", "at", "count",
    "dismissed_at", "dismissed_by", "reason",
)  # fmt: skip


class Attention(Service):
    """What needs a person, and what somebody took off the list."""

    def items(self, *, dismissed: bool = False) -> list[Item]:
        """What needs a person, newest first; or what was dismissed and has not occurred again."""
        with self._store.read() as session:
            return [
                item
                for item in items(session, self._store.now())
                if (item.dismissal is not None) == dismissed
            ]

    def frame(self, *, dismissed: bool = False) -> pd.DataFrame:
        """The same as a frame of `COLUMNS`."""
        import pandas as pd

        rows = [_row(item) for item in self.items(dismissed=dismissed)]
        return pd.DataFrame(rows, columns=list(COLUMNS))

    def dismiss(self, ids: Sequence[str], reason: str = "") -> int:
        """Take items off the list until they occur again; how many. Raises NotFound."""
        with self._store.write() as session:
            for item in _require_items(session, self._store.now(), ids, dismissed=False):
                session.merge(
                    Dismissed(
                        kind=item.kind,
                        key=item.key,
                        occurrence=item.occurrence,
                        reason=reason,
                        at=self._store.now(),
                        by=self._store.actor,
                    )
                )
                self._record(session, "dismissed", item, reason)
        return len(ids)

    def restore(self, ids: Sequence[str], reason: str = "") -> int:
        """Put dismissed items back on the list; how many. Raises NotFound."""
        with self._store.write() as session:
            for item in _require_items(session, self._store.now(), ids, dismissed=True):
                session.delete(session.get_one(Dismissed, (item.kind, item.key)))
                self._record(session, "put back", item, reason)
        return len(ids)

    def _record(self, session: Session, verb: str, item: Item, reason: str) -> None:
        needed = {"needs a person": verb != "dismissed"}
        record(
            session, self._store, verb, item.kind, item.ref,
            name=item.title, after=needed, reason=reason,
        )  # fmt: skip


def _require_items(
    session: Session, now: datetime, ids: Sequence[str], *, dismissed: bool
) -> list[Item]:
    current = {i.id: i for i in items(session, now) if (i.dismissal is not None) == dismissed}
    for item_id in ids:
        if item_id not in current:
            where = "has been dismissed" if dismissed else "needs a person"
            raise NotFound(f"nothing named {item_id!r} {where}.", hint="Look at the list again.")
    return [current[item_id] for item_id in ids]


def _row(item: Item) -> tuple[object, ...]:
    dismissal = item.dismissal
    return (
        item.id,
        item.kind,
        item.ref,
        item.title,
        item.state,
        item.message,
        item.at,
        item.count,
        dismissal.at if dismissal else None,
        dismissal.by if dismissal else "",
        dismissal.reason if dismissal else "",
    )
