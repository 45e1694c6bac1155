"""The rows that an exploration looks at: all of a version, or a sample, the same each time."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from threading import Lock
from typing import TYPE_CHECKING

from pilothouse.data.schema import Column
from pilothouse.kit.errors import NotFound

if TYPE_CHECKING:
    import pandas as pd

    from pilothouse.data.exploration.column_values import ColumnValues

SAMPLED_ROWS = 5_000
CACHED_BYTES = 128_000_000
SEED = 0


@dataclass(frozen=True, eq=False)
class VersionSample:
    """The sampled rows of a version of `rows` rows, with the position of each."""

    frame: pd.DataFrame
    schema: tuple[Column, ...]
    rows: int
    positions: tuple[int, ...]

    @cached_property
    def values(self) -> dict[str, ColumnValues]:
        """The columns that can be compared, by name."""
        from pilothouse.data.exploration.column_values import column_values

        return column_values(self.frame, self.schema)

    @property
    def left_out(self) -> tuple[str, ...]:
        """The names of the columns that cannot be compared."""
        return tuple(column.name for column in self.schema if column.name not in self.values)

    def check_names(self, names: Sequence[str]) -> None:
        """Raise NotFound for a column that is not there."""
        existing = {column.name for column in self.schema}
        absent = [name for name in names if name not in existing]
        if absent:
            raise NotFound(f"the version has no column {absent[0]!r}.")


class SampleCache:
    """The samples that were read last, by the digest of their content, up to so many bytes."""

    def __init__(self, most_bytes: int = CACHED_BYTES) -> None:
        self._most_bytes = most_bytes
        self._samples: OrderedDict[str, tuple[VersionSample, int]] = OrderedDict()
        self._lock = Lock()

    def get(self, digest: str, read: Callable[[], VersionSample]) -> VersionSample:
        """The sample of that content, read when it is not here."""
        with self._lock:
            if digest in self._samples:
                self._samples.move_to_end(digest)
                return self._samples[digest][0]
        sample = read()
        size = int(sample.frame.memory_usage(deep=True).sum())
        with self._lock:
            self._samples[digest] = (sample, size)
            while sum(held for _, held in self._samples.values()) > self._most_bytes:
                self._samples.popitem(last=False)
        return sample


def sampled_positions(rows: int) -> tuple[int, ...]:
    """Positions of all rows, or of a sample that is the same each time, in their order."""
    if rows <= SAMPLED_ROWS:
        return tuple(range(rows))
    import numpy as np

    drawn = np.random.default_rng(SEED).choice(rows, SAMPLED_ROWS, replace=False)
    return tuple(np.sort(drawn).tolist())


def sample_of(frame: pd.DataFrame, schema: Sequence[Column]) -> VersionSample:
    """The sample of a frame that is in memory."""
    positions = sampled_positions(len(frame))
    return VersionSample(frame.iloc[list(positions)], tuple(schema), len(frame), positions)
