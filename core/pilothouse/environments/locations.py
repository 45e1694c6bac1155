"""The interpreter that runs in an environment."""

from __future__ import annotations

import sys
from pathlib import Path

from pilothouse.environments import folders
from pilothouse.environments.requests import require
from pilothouse.environments.tables import BUILT, ModelEnvironment
from pilothouse.kit.errors import Unavailable
from pilothouse.storage import Store


def program(store: Store, row: ModelEnvironment) -> Path | None:
    """The interpreter of an environment that is built; None before."""
    if row.state != BUILT:
        return None
    if row.kind == "house":
        return Path(sys.executable)  # not the stored one: Pilothouse may have been installed anew
    if row.kind == "named":
        return Path(row.interpreter)
    return folders.program_of(store, row.hash or "")


def interpreter_of(store: Store, name: str) -> Path:
    """The interpreter of an environment, or of a subject's, which is marked as used now.

    Raises NotFound, and Unavailable when it is not built or its folder is gone.
    """
    with store.write() as session:
        row = require(session, name)
        path = program(store, row)
        if path is None:
            hint = row.hint or "Wait for its job, or build it again."
            raise Unavailable(f"the environment {row.id} is {row.state}.", hint=hint)
        if not path.exists():
            hint = f"Build it again: pilothouse environments rebuild {row.id}"
            raise Unavailable(f"the interpreter of environment {row.id} is gone.", hint=hint)
        row.used_at = store.now()
        session.add(row)
        return path
