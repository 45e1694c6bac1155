"""What people wrote in the card of a version: revisions that are added and never changed.

A version without a revision has the texts of the newest version before it that has one, until
somebody saves them for this version.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from sqlmodel import Session, col, select

from pilothouse.activity import record
from pilothouse.kit.fact_sheets.fact_sheet import check_texts, merge_texts
from pilothouse.kit.fact_sheets.written_texts import WrittenTexts
from pilothouse.registry import versions
from pilothouse.registry.cards.card_fields import CARD_FIELDS
from pilothouse.registry.tables import CardRevision
from pilothouse.storage import Store

if TYPE_CHECKING:
    import pandas as pd

COLUMNS = ("revision", "written_at", "written_by", "reason", "fields", "carried_from")


def card_texts(session: Session, model: str, version: int) -> WrittenTexts:
    """The texts that count for a version: its own, or those of the version before it."""
    query = (
        select(CardRevision)
        .where(CardRevision.model == model, CardRevision.version <= version)
        .order_by(col(CardRevision.version).desc(), col(CardRevision.revision).desc())
    )
    row = session.exec(query.limit(1)).first()
    if row is None:
        return WrittenTexts()
    own = row.version == version
    return WrittenTexts(
        texts=row.texts,
        revision=row.revision if own else 0,
        carried_from=None if own else row.version,
        written_by=row.written_by,
        written_at=row.written_at,
    )


def edit(
    session: Session,
    store: Store,
    model: str,
    version: int,
    changes: Mapping[str, str],
    reason: str,
) -> CardRevision:
    """Save the texts of a version with these changes as its next revision.

    Without changes the texts that were carried over are confirmed for this version. Raises
    NotFound, Invalid for an unknown field or a text that is too long.
    """
    versions.require(session, model, version)
    before = card_texts(session, model, version)
    checked = check_texts(CARD_FIELDS, changes)
    texts = merge_texts(before.texts, checked)
    row = CardRevision(
        model=model,
        version=version,
        revision=before.revision + 1,
        texts=texts,
        carried_from=before.carried_from,
        reason=reason,
        written_at=store.now(),
        written_by=store.actor,
    )
    session.add(row)
    session.flush()
    changed = [name for name in checked if texts.get(name) != before.texts.get(name)]
    record(
        session,
        store,
        "documented",
        "version",
        f"{model}@{version}",
        before={name: before.texts.get(name, "") for name in changed},
        after={name: texts.get(name, "") for name in changed} | {"revision": row.revision},
        reason=reason,
    )
    return row


def history(session: Session, model: str, version: int) -> pd.DataFrame:
    """The revisions of a version, newest first: `COLUMNS`; `fields` names what has a text."""
    import pandas as pd

    versions.require(session, model, version)
    query = (
        select(CardRevision)
        .where(CardRevision.model == model, CardRevision.version == version)
        .order_by(col(CardRevision.revision).desc())
    )
    rows = [
        (row.revision, row.written_at, row.written_by, row.reason, list(row.texts),
         row.carried_from)
        for row in session.exec(query)
    ]  # fmt: skip
    frame = pd.DataFrame(rows, columns=list(COLUMNS)).astype({"carried_from": "Int64"})
    return frame.assign(written_at=pd.to_datetime(frame["written_at"], utc=True))
