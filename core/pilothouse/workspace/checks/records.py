"""Rows that carry decisions, held against the seals that the activity log has of them."""

from __future__ import annotations

import json
from collections.abc import Mapping

from pilothouse.activity import seals
from pilothouse.activity.chain import UNREADABLE, latest_seals
from pilothouse.storage import Store, Table
from pilothouse.workspace.checks import CheckVerdict, checks, verdict_of
from pilothouse.workspace.tables import NOUNS


@checks.register("records")
def records(store: Store) -> CheckVerdict:
    """Versions, aliases, promotions, policies, windows and so on are as a command left them."""
    flaws: list[str] = []
    count = 0
    with store.read() as session:
        latest = latest_seals(session)
        for table in seals.sealed_tables():
            name = str(table.__tablename__)
            try:
                rows = seals.all_of(session.connection(), table)
            except UNREADABLE as broken:
                flaws.append(f"a row of {name} cannot be read: {broken}")
                continue
            count += len(rows)
            flaws += _compared(table, rows, latest.get(name, {}))
    return verdict_of(f"{count} records of {len(seals.sealed_tables())} tables", flaws)


def _compared(
    table: type[Table], rows: Mapping[str, str], sealed: Mapping[str, str | None]
) -> list[str]:
    """How the rows of a table differ from what was sealed of them."""
    noun = NOUNS.get(str(table.__tablename__), str(table.__tablename__))
    flaws = []
    for key, hashed in rows.items():
        if sealed.get(key) is None:
            flaws.append(f"{noun} {_name(key)} was added by no command")
        elif sealed[key] != hashed:
            flaws.append(f"{noun} {_name(key)} was changed by no command")
    missing = [key for key, hashed in sealed.items() if hashed is not None and key not in rows]
    return flaws + [f"{noun} {_name(key)} was deleted by no command" for key in missing]


def _name(key: str) -> str:
    return "/".join(str(part) for part in json.loads(key))
