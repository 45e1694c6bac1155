"""Rows that carry decisions, compared with the seals that the audit log has of them."""

from __future__ import annotations

import json
from collections.abc import Mapping

from pilothouse.activity import seals
from pilothouse.activity.chain import UNREADABLE, latest_seals
from pilothouse.storage import Store, Table
from pilothouse.workspace.checks import CheckVerdict, checks, verdict_of
from pilothouse.workspace.tables import TABLE_NOUNS


@checks.register("records")
def records(store: Store) -> CheckVerdict:
    """Versions, aliases, promotions, policies, windows and so on are as a command left them."""
    problems: list[str] = []
    count = 0

    with store.read() as session:
        latest = latest_seals(session)
        for table in seals.sealed_tables():
            name = str(table.__tablename__)
            try:
                rows = seals.hash_table(session.connection(), table)
            except UNREADABLE as broken:
                problems.append(f"a row of {name} cannot be read: {broken}")
                continue
            count += len(rows)
            problems += _compared(table, rows, latest.get(name, {}))

    return verdict_of(f"{count} records of {len(seals.sealed_tables())} tables", problems)


def _compared(
    table: type[Table], rows: Mapping[str, str], sealed: Mapping[str, str | None]
) -> list[str]:
    """How the rows of a table differ from what was sealed of them."""
    noun = TABLE_NOUNS.get(str(table.__tablename__), str(table.__tablename__))
    problems = []
    for key, hashed in rows.items():
        if sealed.get(key) is None:
            problems.append(f"{noun} {_name(key)} was added by no command")
        elif sealed[key] != hashed:
            problems.append(f"{noun} {_name(key)} was changed by no command")
    missing = [key for key, hashed in sealed.items() if hashed is not None and key not in rows]
    return problems + [f"{noun} {_name(key)} was deleted by no command" for key in missing]


def _name(key: str) -> str:
    return "/".join(str(part) for part in json.loads(key))
