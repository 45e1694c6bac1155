"""Which rows name an artifact: one that no row names can be removed."""

from __future__ import annotations

from sqlalchemy import select
from sqlmodel import Session

from pilothouse.storage.tables import ARTIFACT, Table


def is_named(session: Session, digest: str) -> bool:
    """Whether a row of any table that is loaded names the artifact."""
    for table in Table.metadata.sorted_tables:
        for column in table.columns:
            if column.info.get(ARTIFACT):
                query = select(column).where(column == digest).limit(1)
                if session.execute(query).first() is not None:
                    return True
    return False
