"""The schema's revision."""

from __future__ import annotations

from pilothouse.storage import Store
from pilothouse.storage.migrate import schema_state
from pilothouse.workspace.checks import CheckVerdict, checks


@checks.register("schema")
def schema(store: Store) -> CheckVerdict:
    """The database has the schema that this program knows."""
    state = schema_state(store)
    return CheckVerdict(
        state.current, f"revision {state.revision}, this program knows {state.head}"
    )
