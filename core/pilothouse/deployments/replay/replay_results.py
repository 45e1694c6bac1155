"""What a replay found: counts, sizes of differences, and the rows whose answer changed most."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class OutputDifference:
    """How far a numeric output moved: its mean difference, and percentiles of its size."""

    output: str
    mean: float
    median: float
    p95: float
    largest: float


@dataclass(frozen=True)
class DecisionChange:
    """How many rows went from one decision to another."""

    before: str
    after: str
    rows: int


@dataclass(frozen=True)
class ReplayResult:
    """Recorded requests of a deployment, answered again by another version.

    Of `rows` recorded ones `answered` could be answered, and `of_wrong_type` hold a value that an
    input of this version does not take; `changed` of them got another decision.
    `changes` are the rows that changed most: id, time, version, decision before and after, and the
    difference of the first numeric output.
    """

    deployment: str
    model: str
    version: int
    versions: tuple[int, ...]
    rows: int
    answered: int
    changed: int
    decisions: tuple[DecisionChange, ...]
    differences: tuple[OutputDifference, ...]
    changes: tuple[Mapping[str, Any], ...]
    of_wrong_type: int = 0

    @property
    def changed_share(self) -> float | None:
        """The share of the answered rows that got another decision; None without such rows."""
        return self.changed / self.answered if self.answered else None

    @classmethod
    def from_json(cls, content: Mapping[str, Any]) -> ReplayResult:
        """Read what a job's result holds."""
        parts = dict(content)
        return cls(
            versions=tuple(parts.pop("versions")),
            decisions=tuple(DecisionChange(**one) for one in parts.pop("decisions")),
            differences=tuple(OutputDifference(**one) for one in parts.pop("differences")),
            changes=tuple(parts.pop("changes")),
            **parts,
        )
