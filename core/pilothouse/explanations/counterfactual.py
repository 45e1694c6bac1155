"""The nearest counterfactual: the smallest change of a row that changes the model's answer.

Wachter, Mittelstadt and Russell, Harvard Journal of Law & Technology 31 (2018): near is a small sum
of the changes, each in standard deviations of its column; another category counts as one. The
search is a beam over single changes and over background rows that have the wished answer. Each
change is then left out or made smaller while the answer stays. It is bounded, so a nearer one may
exist; what it returns was answered by the model.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from pilothouse.models.signature import SignatureField

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    import pandas as pd

    Floats = npt.NDArray[np.float64]
    Bools = npt.NDArray[np.bool_]

Judge = Callable[["pd.DataFrame"], "tuple[Bools, Floats]"]
Changes = dict[str, Any]
MAX_ROWS = 20_000  # that a model answers for one search
MAX_CHANGED = 4
BEAM = 8
REFINED = 6
MAX_CATEGORIES = 12
QUANTILES = 21
HALVINGS = 8
NUMBERS = ("number", "integer")


@dataclass(frozen=True)
class Move:
    """A value that a column may take, and how far from the row's value it is."""

    column: str
    value: Any
    distance: float


@dataclass(frozen=True)
class ColumnScale:
    """How far apart two values of a column are, and which it may take."""

    field: SignatureField
    own: Any
    deviation: float
    values: tuple[Any, ...]

    @classmethod
    def of(cls, field: SignatureField, own: Any, background: pd.Series[Any]) -> ColumnScale:
        """The scale of a column for a row, from the background rows' values."""
        import numpy as np

        present = background.dropna()
        if field.type not in NUMBERS:
            values = list(present.value_counts().index[:MAX_CATEGORIES])
            values += [word for word in field.categories or () if word not in values]
            return cls(field, own, 1.0, tuple(values[:MAX_CATEGORIES]))
        numbers = present.to_numpy(dtype=np.float64)
        if not len(numbers):
            return cls(field, own, 1.0, ())
        grid = np.unique(np.quantile(numbers, np.linspace(0, 1, QUANTILES)))
        whole = field.type == "integer"
        values = [int(v) for v in np.unique(grid.round())] if whole else [float(v) for v in grid]
        return cls(field, own, float(numbers.std()) or 1.0, tuple(values))

    @property
    def is_number(self) -> bool:
        """Whether its values lie between others."""
        return self.field.type in NUMBERS and self.own is not None

    def distance(self, value: Any) -> float:
        """How far a value is from the row's own."""
        if value == self.own:
            return 0.0
        if not self.is_number or value is None:
            return 1.0
        return abs(float(value) - float(self.own)) / self.deviation

    def between(self, near: Any, far: Any) -> Any:
        """The value halfway between two."""
        middle = (float(near) + float(far)) / 2
        return round(middle) if self.field.type == "integer" else middle

    def moves(self) -> list[Move]:
        """Every value but the row's own."""
        return [Move(self.field.name, v, self.distance(v)) for v in self.values if v != self.own]


@dataclass(frozen=True)
class FoundChanges:
    """Changes that reach the goal, and their distance."""

    changes: Mapping[str, Any]
    distance: float


@dataclass
class CounterfactualSearch:
    """One search: `judge` says which rows reach the goal, and how near each is to it."""

    row: pd.DataFrame
    scales: Mapping[str, ColumnScale]
    judge: Judge
    budget: int = MAX_ROWS
    answered: int = 0
    reached: list[FoundChanges] = field(default_factory=list)

    def nearest(self, background: pd.DataFrame) -> FoundChanges | None:
        """The nearest changes that reach the goal; None when the search finds none."""
        self._search_beam()
        self._try_rows(background)
        nearest = sorted(self.reached, key=lambda item: item.distance)[:REFINED]
        refined = [self._refine(dict(item.changes)) for item in nearest]
        return min(refined, key=lambda item: item.distance, default=None)

    def distance(self, changes: Mapping[str, Any]) -> float:
        """The sum of the changes, in standard deviations."""
        return sum(self.scales[name].distance(value) for name, value in changes.items())

    def _search_beam(self) -> None:
        """Single changes first, then further ones of the states that came nearest to the goal."""
        moves = [move for scale in self.scales.values() for move in scale.moves()]
        states: list[Changes] = [{}]
        for _ in range(min(MAX_CHANGED, len(self.scales))):
            candidates: dict[tuple[Any, ...], Changes] = {}
            for state in states:
                for move in moves:
                    if move.column not in state:
                        changes = {**state, move.column: move.value}
                        candidates[tuple(sorted(changes.items(), key=lambda c: c[0]))] = changes
            chosen = list(candidates.values())[: max(self.budget // 2 - self.answered, 0)]
            if not chosen:
                return
            progress = self._try(chosen)
            order = sorted(range(len(chosen)), key=lambda i: -progress[i])
            states = [chosen[i] for i in order[:BEAM]]

    def _try_rows(self, background: pd.DataFrame) -> None:
        """Take the values of background rows."""
        names = list(self.scales)
        rows = background[names].to_dict("records")
        changed = [
            {name: row[name] for name in names if row[name] != self.scales[name].own}
            for row in rows
        ]
        self._try([changes for changes in changed if changes])

    def _try(self, changes: Sequence[Changes]) -> list[float]:
        """How near each is to the goal; what reaches it is kept."""
        if not changes:
            return []
        reached, progress = self.judge(self.rows_of(changes))
        self.answered += len(changes)
        for item, is_reached in zip(changes, reached.tolist(), strict=True):
            if is_reached:
                self.reached.append(FoundChanges(item, self.distance(item)))
        values: list[float] = progress.tolist()
        return values

    def rows_of(self, changes: Sequence[Mapping[str, Any]]) -> pd.DataFrame:
        """The row with each of the changes."""
        import pandas as pd

        own = self.row.iloc[0].to_dict()
        return pd.DataFrame([{**own, **item} for item in changes], dtype=object)[
            list(self.row.columns)
        ]

    def _reaches(self, changes: Changes) -> bool:
        if not changes:
            return False
        self.answered += 1
        return bool(self.judge(self.rows_of([changes]))[0][0])

    def _refine(self, changes: Changes) -> FoundChanges:
        """Leave changes out, the largest first, and make those of numbers smaller."""
        for name in sorted(changes, key=lambda n: -self.scales[n].distance(changes[n])):
            without = {other: value for other, value in changes.items() if other != name}
            if self._reaches(without):
                changes = without
        for name in changes:
            if self.scales[name].is_number and changes[name] is not None:
                changes = {**changes, name: self._nearer(changes, name)}
        return FoundChanges(changes, self.distance(changes))

    def _nearer(self, changes: Changes, name: str) -> Any:
        """The value nearest to the row's own, by halving, that still reaches the goal."""
        scale = self.scales[name]
        short, far = scale.own, changes[name]
        for _ in range(HALVINGS):
            middle = scale.between(short, far)
            if middle in (short, far):
                break
            if self._reaches({**changes, name: middle}):
                far = middle
            else:
                short = middle
        return far
