"""What people wrote in the datasheet of a version: revisions that are added and never changed."""

from __future__ import annotations

from collections.abc import Mapping

from sqlmodel import Session, col, select

from pilothouse.activity import record
from pilothouse.data import versions
from pilothouse.data.datasheets.datasheet_fields import DATASHEET_FIELDS
from pilothouse.data.tables import DatasheetRevision
from pilothouse.kit.fact_sheets.fact_sheet import check_texts, merge_texts
from pilothouse.kit.fact_sheets.written_texts import WrittenTexts, changed_texts
from pilothouse.storage import Store


def datasheet_texts(session: Session, dataset: str, version: int) -> WrittenTexts:
    """The texts that count for a version: its own, or those of the newest version before it."""
    query = (
        select(DatasheetRevision)
        .where(DatasheetRevision.dataset == dataset, DatasheetRevision.version <= version)
        .order_by(col(DatasheetRevision.version).desc(), col(DatasheetRevision.revision).desc())
    )
    return WrittenTexts.of(session.exec(query.limit(1)).first(), version)


def edit(session: Session, store: Store, ref: str, changes: Mapping[str, str], reason: str) -> None:
    """Save the texts of a version with these changes as its next revision.

    Without changes the texts that were carried over are confirmed for this version. Raises
    NotFound, Invalid for an unknown field or a text that is too long.
    """
    info = versions.require(session, ref)
    before = datasheet_texts(session, info.dataset, info.version)
    checked = check_texts(DATASHEET_FIELDS, changes)
    row = DatasheetRevision(
        dataset=info.dataset,
        version=info.version,
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
        "dataset",
        info.ref,
        before=earlier,
        after=later,
        reason=reason,
    )
