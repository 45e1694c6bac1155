"""The marks of columns with personal data: proposed, confirmed or rejected, for a whole dataset.

A mark is of the dataset, so it holds for later versions too. What is proposed is masked until
somebody rejects it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from sqlmodel import Session, col, select

from pilothouse.activity import record
from pilothouse.data import versions
from pilothouse.data.personal_data.masking import Masking
from pilothouse.data.personal_kinds import personal_kinds
from pilothouse.data.tables import PersonalColumn
from pilothouse.kit.errors import NotFound
from pilothouse.people import require_right
from pilothouse.people.rights import PERSONAL_DATA
from pilothouse.storage import Store

if TYPE_CHECKING:
    from pilothouse.data.personal_data.detection import ProbableColumn

PROPOSED, CONFIRMED, REJECTED = "proposed", "confirmed", "rejected"
BY_HAND = "marked by hand"


@dataclass(frozen=True)
class PersonalColumnInfo:
    """The mark of a column. `share` is that of the `sampled` values that match its kind.

    `state` is proposed, confirmed or rejected; all but rejected columns are masked.
    """

    dataset: str
    column: str
    kind: str
    state: str
    share: float | None
    sampled: int
    reason: str
    version: int
    decided_at: datetime | None
    decided_by: str

    @property
    def title(self) -> str:
        """The kind's name for people."""
        return personal_kinds.get(self.kind).title


def propose(
    session: Session, store: Store, ref: str, probable: Iterable[ProbableColumn]
) -> list[str]:
    """Propose columns that the dataset has no mark of yet; their names."""
    dataset, _, number = ref.partition("@")
    existing = {row.column for row in _rows(session, dataset)}
    new = [column for column in probable if column.column not in existing]
    for column in new:
        session.add(
            PersonalColumn(
                dataset=dataset,
                column=column.column,
                kind=column.kind,
                state=PROPOSED,
                share=column.share,
                sampled=column.sampled,
                reason=column.reason,
                version=int(number),
            )
        )
    if new:
        session.flush()
        after = {column.column: column.kind for column in new}
        record(session, store, "found personal data in", "dataset", ref, after=after)
    return [column.column for column in new]


def decide(
    session: Session,
    store: Store,
    dataset: str,
    column: str,
    *,
    is_personal: bool,
    kind: str = "",
    reason: str = "",
) -> PersonalColumnInfo:
    """Confirm or reject a column, or mark it by hand. Raises NotFound."""
    version = versions.latest_row(session, dataset)
    names = versions.info(version).column_names
    row = session.get(PersonalColumn, (version.dataset, column))
    if row is None and column not in names:
        raise NotFound(
            f"{version.dataset!r} has no column {column!r}.", hint=f"It has {', '.join(names)}."
        )
    before = {} if row is None else {"kind": row.kind, "state": row.state}
    if row is None:
        row = PersonalColumn(
            dataset=version.dataset,
            column=column,
            kind=kind or "identifier",
            state="",
            share=None,
            sampled=0,
            reason=BY_HAND,
            version=version.version,
        )
    row.kind = kind or row.kind
    personal_kinds.get(row.kind)
    row.state = CONFIRMED if is_personal else REJECTED
    row.decided_at, row.decided_by = store.now(), store.actor
    session.add(row)
    session.flush()
    verb = "marked personal data of" if is_personal else "rejected personal data of"
    after = {"kind": row.kind, "state": row.state}
    record(
        session, store, verb, "dataset", f"{version.dataset}@{version.version}",
        before={column: before}, after={column: after}, reason=reason,
    )  # fmt: skip
    return _info(row)


def columns_of(session: Session, dataset: str) -> list[PersonalColumnInfo]:
    """The marks of a dataset, by column."""
    return [_info(row) for row in _rows(session, dataset)]


def all_columns(session: Session) -> tuple[str, ...]:
    """Every column of the workspace that is not rejected, as `dataset.column`."""
    query = select(PersonalColumn).where(PersonalColumn.state != REJECTED)
    return tuple(sorted(f"{row.dataset}.{row.column}" for row in session.exec(query)))


def require_right_where_any(session: Session, store: Store, act: str) -> None:
    """Require the right `personal_data` where the workspace has any; `act` is as there.

    Raises PersonNeeded, NotFound and Refused as `require_right` does.
    """
    if all_columns(session):
        require_right(session, store, PERSONAL_DATA, act)


def masking_of(session: Session, dataset: str) -> Masking:
    """What is masked of a dataset's rows."""
    return _masking(_rows(session, dataset))


def masking_of_all(session: Session, datasets: Sequence[str] = ()) -> Masking:
    """What is masked of some datasets together, of all without any."""
    query = select(PersonalColumn)
    if datasets:
        query = query.where(col(PersonalColumn.dataset).in_(datasets))
    return _masking(session.exec(query))


def _masking(rows: Iterable[PersonalColumn]) -> Masking:
    return Masking({row.column: row.kind for row in rows if row.state != REJECTED})


def _rows(session: Session, dataset: str) -> list[PersonalColumn]:
    query = select(PersonalColumn).where(PersonalColumn.dataset == dataset.partition("@")[0])
    return list(session.exec(query.order_by(PersonalColumn.column)))


def _info(row: PersonalColumn) -> PersonalColumnInfo:
    return PersonalColumnInfo(
        row.dataset,
        row.column,
        row.kind,
        row.state,
        row.share,
        row.sampled,
        row.reason,
        row.version,
        row.decided_at,
        row.decided_by or "",
    )
