"""The result of trying every trainer, as a screen and a command show it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from pilothouse.training.trainers import trainers


@dataclass(frozen=True)
class LeaderboardRow:
    """One trainer of a leaderboard.

    `run` has its model. `value` is the metric that ranks, as the mean over the folds (`spread` is
    the standard deviation), without folds on the held-out rows; `held_out` is the metric there.
    `seconds` is the time of all its fits. A trainer without a run failed with `error`, or was not
    started before the time limit.
    """

    trainer: str
    run: str | None = None
    value: float | None = None
    spread: float | None = None
    held_out: float | None = None
    seconds: float | None = None
    is_baseline: bool = False
    error: str = ""

    @property
    def note(self) -> str:
        """Why there is no run, or that it is the baseline."""
        if self.error:
            return self.error
        if self.run is None:
            return "Not started before the time limit"
        return "Ignores the features" if self.is_baseline else ""


@dataclass(frozen=True)
class Leaderboard:
    """The trainers that were tried on the same rows, the best first, by `metric`."""

    metric: str
    rows: tuple[LeaderboardRow, ...]

    @property
    def best(self) -> LeaderboardRow | None:
        """The first row, when it has a run."""
        return self.rows[0] if self.rows and self.rows[0].run else None

    @property
    def is_better_than_baseline(self) -> bool:
        """Whether the best trainer is not a baseline."""
        return self.best is not None and not self.best.is_baseline

    @property
    def lines(self) -> list[str]:
        """The same in lines, for a terminal."""
        rows = [f"{self._position(row)} {self._line(row)}" for row in self.rows]
        if self.best is not None and self.best.is_baseline:
            rows.append("no trainer is better than the baseline: the features do not help")
        return rows

    def _position(self, row: LeaderboardRow) -> str:
        return f"{self.rows.index(row) + 1}." if row.run else "-"

    def _line(self, row: LeaderboardRow) -> str:
        title = trainers.get(row.trainer).title
        if row.value is None or row.held_out is None:
            return f"{title}: {row.note[:1].lower()}{row.note[1:]}"
        spread = "" if row.spread is None else f" ± {row.spread:.2g} over the folds"
        held_out = "" if row.spread is None else f", {row.held_out:.4g} on the held-out rows"
        return f"{title}: {self.metric} {row.value:.4g}{spread}{held_out}, run {row.run}"

    def to_json(self) -> dict[str, Any]:
        """A plain value that `from_json` reads back."""
        return {"metric": self.metric, "rows": [asdict(row) for row in self.rows]}

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Leaderboard:
        """The leaderboard that `to_json` wrote."""
        rows: Sequence[Mapping[str, Any]] = value["rows"]
        return cls(value["metric"], tuple(LeaderboardRow(**row) for row in rows))
