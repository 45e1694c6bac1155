"""The API of attention, for screens, commands and notebooks."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from sqlmodel import Session

from pilothouse.activity import record
from pilothouse.attention import assignments
from pilothouse.attention.items import Item, items
from pilothouse.attention.tables import Dismissed
from pilothouse.kit.errors import NotFound
from pilothouse.storage.service import Service

if TYPE_CHECKING:
    import pandas as pd

COLUMNS = (
    "id", "kind", "ref", "title", "state", "message", "at", "count", "people",
    "dismissed_at", "dismissed_by", "reason",
)  # fmt: skip


class Attention(Service):
    """What needs a person, and what somebody took off the list."""

    def items(self, *, dismissed: bool = False, person: str = "") -> list[Item]:
        """What needs a person, newest first; or what was dismissed and has not occurred again.

        Of a `person`: mentions, what is assigned, and promotions that wait for that vote.
        """
        with self._store.read() as session:
            return [
                item
                for item in items(session, self._store.now())
                if (item.dismissal is not None) == dismissed
                and (not person or person in item.people)
            ]

    def frame(self, *, dismissed: bool = False, person: str = "") -> pd.DataFrame:
        """The same as a frame of `COLUMNS`."""
        import pandas as pd

        rows = [_row(item) for item in self.items(dismissed=dismissed, person=person)]
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

    def assign(self, kind: str, ref: str, person: str, reason: str = "") -> None:
        """Give a promotion or an alert to a person; an empty name gives it to nobody.

        Raises Invalid for another kind, NotFound for an object and a person, Conflict for a person
        who is not active.
        """
        with self._store.write() as session:
            assignments.assign(session, self._store, kind, ref, person, reason)

    def assignee(self, kind: str, ref: str) -> str:
        """Whose a promotion or an alert is; "" when it is nobody's."""
        with self._store.read() as session:
            return assignments.assignee(session, kind, ref)

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
        ", ".join(item.people),
        dismissal.at if dismissal else None,
        dismissal.by if dismissal else "",
        dismissal.reason if dismissal else "",
    )
