"""Rows that carry decisions, compared with the seals that the audit log has of them."""

from __future__ import annotations

from pilothouse.activity import seals
from pilothouse.activity.chain import UNREADABLE, latest_seals
from pilothouse.activity.sealed_rows import describe_differences
from pilothouse.storage import Store
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
            noun = TABLE_NOUNS.get(name, name)
            problems += describe_differences(noun, rows, latest.get(name, {}))

    return verdict_of(f"{count} records of {len(seals.sealed_tables())} tables", problems)
