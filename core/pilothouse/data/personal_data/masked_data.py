"""The data of a workspace as people look at it: with what is personal masked."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol

from pilothouse.data import versions
from pilothouse.data.info import Contract, ContractReport, Profile
from pilothouse.data.personal_data import personal_columns
from pilothouse.data.personal_data.masking import NOTHING_MASKED, Masking
from pilothouse.data.version_rows import read_positions
from pilothouse.storage import Store

if TYPE_CHECKING:
    import pandas as pd

    from pilothouse.data.dataset_sources import RefreshCheck
    from pilothouse.data.diff import DataDiff
    from pilothouse.data.exploration.explore import Exploration, TargetExploration


class TrueData(Protocol):
    """What is read of the data before it is masked: the part of `Data` that has values."""

    def frame(self, ref: str, columns: Sequence[str] | None = None) -> pd.DataFrame: ...

    def failing_rows(self, check: str, ref: str) -> pd.DataFrame: ...

    def profile(self, ref: str) -> Profile: ...

    def diff(self, a: str, b: str) -> DataDiff: ...

    def explore(self, ref: str, *, columns: Sequence[str] = ()) -> Exploration: ...

    def explore_target(self, ref: str, target: str) -> TargetExploration: ...

    def check_refresh(self, name: str) -> RefreshCheck: ...

    def contract(self, ref: str) -> Contract: ...

    def check(
        self, ref: str, frame: pd.DataFrame, columns: Sequence[str] | None = None
    ) -> ContractReport: ...


class MaskedData:
    """Reads as `Data` does, and masks what it answers. Screens, commands and exports read here.

    `revealed` are datasets whose personal data somebody with the right has revealed to themselves.
    """

    def __init__(self, store: Store, data: TrueData, revealed: Sequence[str] = ()) -> None:
        self._store = store
        self._data = data
        self._revealed = frozenset(revealed)

    def masking(self, ref: str) -> Masking:
        """What is masked of a dataset now."""
        dataset = ref.partition("@")[0]
        if dataset in self._revealed:
            return NOTHING_MASKED
        with self._store.read() as session:
            return personal_columns.masking_of(session, dataset)

    def masking_of(self, datasets: Sequence[str]) -> Masking:
        """What is masked of what some datasets were read for; without any, of all by name."""
        names = {ref.partition("@")[0] for ref in datasets}
        masked = sorted(names - self._revealed)
        if names and not masked:
            return NOTHING_MASKED
        with self._store.read() as session:
            return personal_columns.masking_of_all(session, masked)

    def frame(self, ref: str, columns: Sequence[str] | None = None) -> pd.DataFrame:
        """The rows of a version. Raises what `Data.frame` raises."""
        return self.masking(ref).frame(self._data.frame(ref, columns))

    def first_rows(self, ref: str, limit: int) -> pd.DataFrame:
        """The first rows of a version, of which no more are read than needed."""
        with self._store.read() as session:
            frame = versions.read_first(self._store, session, ref, limit)
        return self.masking(ref).frame(frame)

    def failing_rows(self, check: str, ref: str) -> pd.DataFrame:
        """The first rows that failed a quality check. Raises what `Data.failing_rows` raises."""
        return self.masking(ref).frame(self._data.failing_rows(check, ref))

    def profile(self, ref: str) -> Profile:
        """The statistics of each column. Raises NotFound."""
        return self.masking(ref).profile(self._data.profile(ref))

    def diff(self, a: str, b: str) -> DataDiff:
        """What changed between two versions. Raises NotFound."""
        both = Masking({**self.masking(a).kinds, **self.masking(b).kinds})
        return both.diff(self._data.diff(a, b))

    def explore(self, ref: str, *, columns: Sequence[str] = ()) -> Exploration:
        """An exploration of a version. Raises what `Data.explore` raises."""
        return self.masking(ref).exploration(self._data.explore(ref, columns=columns))

    def explore_target(self, ref: str, target: str) -> TargetExploration:
        """The columns of a version by a target. Raises what `Data.explore_target` raises."""
        return self.masking(ref).target_exploration(self._data.explore_target(ref, target))

    def rows_at(self, ref: str, positions: Sequence[int]) -> pd.DataFrame:
        """The rows at some positions of a version, in that order. Raises NotFound, Unavailable."""
        with self._store.read() as session:
            frame = read_positions(self._store, session, ref, positions)
        return self.masking(ref).frame(frame)

    def check_refresh(self, name: str) -> RefreshCheck:
        """What a refresh would change. Raises what `Data.check_refresh` raises."""
        return self.masking(name).refresh(self._data.check_refresh(name))

    def contract(self, ref: str) -> Contract:
        """The contract of a version, to look at and not to edit. Raises NotFound."""
        return self.masking(ref).contract(self._data.contract(ref))

    def check_version(
        self, ref: str, data: str, columns: Sequence[str] | None = None
    ) -> ContractReport:
        """How the rows of the version `data` meet a version's contract."""
        return self.check(ref, self._data.frame(data, columns), columns)

    def check(
        self, ref: str, frame: pd.DataFrame, columns: Sequence[str] | None = None
    ) -> ContractReport:
        """How a frame meets a version's contract. Raises what `Data.check` raises."""
        return self.masking(ref).report(self._data.check(ref, frame, columns))
