"""Which rows name an artifact: one that no row names can be removed."""

from __future__ import annotations

import importlib
from functools import cache
from pathlib import Path

from sqlalchemy import select
from sqlmodel import Session

from pilothouse.storage.tables import ARTIFACT, Table

ROOMS = Path(__file__).parents[1]


@cache
def load_tables() -> None:
    """Load the tables of every room, which a process loads only as it uses them."""
    for path in sorted(ROOMS.glob("*/tables.py")):
        importlib.import_module(f"pilothouse.{path.parent.name}.tables")


def is_named(session: Session, digest: str) -> bool:
    """Whether a row of any table names the artifact."""
    load_tables()
    for table in Table.metadata.sorted_tables:
        for column in table.columns:
            if column.info.get(ARTIFACT):
                query = select(column).where(column == digest).limit(1)
                if session.execute(query).first() is not None:
                    return True
    return False
