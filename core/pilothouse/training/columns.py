"""The features of a model in the order of the encoded matrix."""

from __future__ import annotations

from dataclasses import dataclass

TIME_PARTS = ("days", "month", "day", "weekday", "hour")  # what the encoder makes of a time


@dataclass(frozen=True)
class FeatureColumns:
    """The features of a model in their order: numbers, then categories, then times."""

    numbers: tuple[str, ...]
    categories: tuple[str, ...]
    times: tuple[str, ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        """Every feature, in the order of the encoded matrix."""
        return self.numbers + self.categories + self.times

    @property
    def sources(self) -> tuple[str, ...]:
        """The feature that each column of the encoded matrix comes from: a time has several."""
        parts = (name for name in self.times for _ in TIME_PARTS)
        return (*self.numbers, *self.categories, *parts)

    @property
    def is_category(self) -> list[bool]:
        """Which columns of the encoded matrix hold codes of categories."""
        parts = [False] * (len(self.sources) - len(self.numbers) - len(self.categories))
        return [False] * len(self.numbers) + [True] * len(self.categories) + parts
