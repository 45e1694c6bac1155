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
from pilothouse.kit.fact_sheets.written_texts import WrittenTexts, changed_texts
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
    return WrittenTexts.of(session.exec(query.limit(1)).first(), version)


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
    row = CardRevision(
        model=model,
        version=version,
        revision=before.revision + 1,
        texts=merge_texts(before.texts, checked),
        carried_from=before.carried_from,
        reason=reason,
        written_at=store.now(),
        written_by=store.actor,
    )
    session.add(row)
    session.flush()
    earlier, later = changed_texts(before, row, checked)
    record(
        session,
        store,
        "documented",
        "version",
        f"{model}@{version}",
        before=earlier,
        after=later,
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
