"""What splits of labelled rows are made from: their classes, instants and groups."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from pilothouse.training.splits import (
    Codes,
    Groups,
    Instants,
    Kind,
    Rows,
    Split,
    evaluation_folds,
    folds,
    hold_out,
)


@dataclass(frozen=True)
class SplitRows:
    """The class, the instant and the group of each labelled row; None where there are none."""

    codes: Codes | None
    at: Instants | None
    groups: Groups | None
    count: int

    def take(self, rows: Rows) -> SplitRows:
        """The same of some of the rows."""
        codes, at, groups = (
            None if part is None else part[rows] for part in (self.codes, self.at, self.groups)
        )
        return SplitRows(codes, at, groups, len(rows))

    def hold_out(self, kind: Kind, share: float, seed: int) -> Split:
        """A share of the rows set aside. Raises Invalid as `splits.hold_out` does."""
        return hold_out(
            kind,
            self.codes,
            self.at,
            rows=self.count,
            share=share,
            seed=seed,
            groups=self.groups,
        )

    def folds(self, kind: Kind, count: int, seed: int, within: Rows | None = None) -> list[Split]:
        """Folds of the rows, or of those `within`. Raises Invalid as `splits.folds` does."""
        rows = self if within is None else self.take(within)
        made = folds(
            kind,
            rows.codes,
            rows.at,
            rows=rows.count,
            count=count,
            seed=seed,
            groups=rows.groups,
        )
        return made if within is None else of_positions(within, made)

    def evaluation_folds(self, kind: Kind, count: int, seed: int) -> list[Split]:
        """Folds to evaluate by. Raises Invalid as `splits.evaluation_folds` does."""
        return evaluation_folds(
            kind,
            self.codes,
            self.at,
            rows=self.count,
            count=count,
            seed=seed,
            groups=self.groups,
        )


def of_positions(positions: Rows, made: Sequence[Split]) -> list[Split]:
    """Splits of some rows as splits of the whole, at these positions."""
    return [Split(positions[split.train], positions[split.test]) for split in made]
