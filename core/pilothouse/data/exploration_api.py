"""The Python API of explorations of dataset versions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from pilothouse.data import versions
from pilothouse.data.exploration.sample import SampleCache, VersionSample, sampled_positions
from pilothouse.data.version_rows import read_positions
from pilothouse.storage.service import Service

if TYPE_CHECKING:
    from pilothouse.data.exploration.explore import Exploration, TargetExploration

SAMPLES = SampleCache()


class ExplorationCommands(Service):
    """Explorations of dataset versions."""

    def explore(self, ref: str, *, columns: Sequence[str] = ()) -> Exploration:
        """How the columns of a version relate, what is unusual, and what is missing together.

        Pairs are measured of `columns`, without them of the first 40 that can be compared. Versions
        of more than 5,000 rows are sampled, the same rows each time. Values are true ones; `masked`
        shows others.

        Raises NotFound for a version or column that is not there, Unavailable for content that is
        lost.
        """
        from pilothouse.data.exploration.explore import explore

        return explore(self._sample(ref), columns=columns)

    def explore_target(self, ref: str, target: str) -> TargetExploration:
        """How each column of a version is distributed in the groups of a target.

        The groups are the six largest classes, of more than six the five largest and the others; of
        a number of more than six values the quarters of its rows. Columns that separate the groups
        most come first; the relations say how much each column alone says of the target. The rows
        are those of `explore`.

        Raises NotFound for a version or column that is not there, Unavailable for content that is
        lost, Invalid for a target that cannot be compared (a constant, or a text of more than 50
        values).
        """
        from pilothouse.data.exploration.explore import explore_target

        return explore_target(self._sample(ref), target)

    def _sample(self, ref: str) -> VersionSample:
        """The sampled rows of a version; of the same content they are read once."""
        with self._store.read() as session:
            version = versions.require(session, ref)

            def read() -> VersionSample:
                positions = sampled_positions(version.rows)
                frame = read_positions(self._store, session, version.ref, positions)
                return VersionSample(frame, version.schema, version.rows, positions)

            if not self._store.artifacts.exists(version.digest):
                versions.content(self._store, version)  # which says what is missing
            return SAMPLES.get(version.digest, read)
