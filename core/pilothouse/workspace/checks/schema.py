"""The schema's revision."""

from __future__ import annotations

from pilothouse.storage import Store
from pilothouse.storage.migrate import schema_state
from pilothouse.workspace.checks import Verdict, checks


@checks.register("schema")
def schema(store: Store) -> Verdict:
    """The database has the schema that this program knows."""
    state = schema_state(store)
    return Verdict(state.current, f"revision {state.revision}, this program knows {state.head}")
