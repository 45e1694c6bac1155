"""The Python API of explorations of dataset versions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from pilothouse.data import versions
from pilothouse.storage.service import Service

if TYPE_CHECKING:
    from pilothouse.data.exploration.explore import Exploration


class ExplorationCommands(Service):
    """Explorations of dataset versions."""

    def explore(self, ref: str, *, target: str = "", columns: Sequence[str] = ()) -> Exploration:
        """How the columns of a version relate, what is unusual, and what is missing together.

        Pairs are measured of `columns`, without them of the first 40 that can be compared; with a
        `target`, how much each other column alone says of it. Versions of more than 5,000 rows are
        sampled, the same rows each time. Values are true ones; `masked` shows others.

        Raises NotFound for a version or column that is not there, Invalid for a target that cannot
        be compared (a constant, or a text of more than 50 values).
        """
        from pilothouse.data.exploration.explore import explore

        with self._store.read() as session:
            version = versions.require(session, ref)
            frame = versions.read_frame(self._store, session, version.ref)
        return explore(frame, version.schema, target=target, columns=columns)
