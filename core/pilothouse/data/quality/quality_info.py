"""What quality checks tell: values without Arrow or a database behind them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from pilothouse.data.quality.kinds import QualityKind, quality_kinds
from pilothouse.kit.errors import NotFound
from pilothouse.kit.parameters import Params, read_params

Severity = Literal["warn", "block"]
SEVERITIES: tuple[Severity, ...] = ("warn", "block")
PASSED, FAILED, ERROR = "passed", "failed", "error"
MAX_NAMED = 3


@dataclass(frozen=True)
class DatasetCheckInfo:
    """A quality check of a dataset. A failed one of the severity "block" holds a version back."""

    id: str
    dataset: str
    kind: str
    settings: Mapping[str, Any]
    severity: str
    created_at: datetime
    created_by: str
    changed_at: datetime
    changed_by: str

    @property
    def title(self) -> str:
        """What it asks, in a few words; of a kind that is gone, the kind."""
        return title_of(self.kind, self.settings)

    @property
    def unit(self) -> str:
        """What its figure counts."""
        return unit_of(self.kind)

    @property
    def by_time(self) -> bool:
        """Whether its figure changes with the time alone: it is an age."""
        return self.unit == "hours"


@dataclass(frozen=True)
class QualityResult:
    """What a check measured of a version, with the limits and the severity that it had then.

    `status` is passed, failed or error (it could not be measured, and `message` says why);
    `failing` counts the rows that are wrong, where single rows can be, and `rows` are the positions
    of the first of them (0 is the first row).
    """

    check_id: str
    kind: str
    title: str
    severity: str
    status: str
    value: float | None
    low: float | None
    high: float | None
    failing: int | None
    rows: tuple[int, ...]
    message: str
    checked_at: datetime
    version: int | None = None

    @property
    def ok(self) -> bool:
        """Whether the figure was measured and is within its limits."""
        return self.status == PASSED

    @property
    def blocks(self) -> bool:
        """Whether it holds a new version back."""
        return not self.ok and self.severity == "block"

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        return {
            "check": self.check_id,
            "kind": self.kind,
            "title": self.title,
            "severity": self.severity,
            "status": self.status,
            "value": self.value,
            "low": self.low,
            "high": self.high,
            "failing": self.failing,
            "rows": list(self.rows),
            "message": self.message,
        }


@dataclass(frozen=True)
class SuggestedCheck:
    """A check that a version itself passes, and why it may be worth having."""

    kind: str
    settings: Mapping[str, Any]
    severity: Severity
    why: str

    @property
    def title(self) -> str:
        """What it asks, in a few words."""
        return title_of(self.kind, self.settings)


def read_check(kind: str, settings: Mapping[str, Any]) -> tuple[QualityKind, Params]:
    """The kind of that name and its settings, checked. Raises NotFound, Invalid."""
    plugin = quality_kinds.get(kind)
    params = read_params(plugin.title, plugin.parameters, settings)
    plugin.check(params)
    return plugin, params


def title_of(kind: str, settings: Mapping[str, Any]) -> str:
    """What a check asks, in a few words; of a kind that is gone, the kind."""
    try:
        return quality_kinds.get(kind).phrase(Params(settings))
    except NotFound:
        return kind


def unit_of(kind: str) -> str:
    """What the figure of a kind counts."""
    try:
        return quality_kinds.get(kind).unit
    except NotFound:
        return "number"


def blocking_text(results: Iterable[QualityResult]) -> str:
    """What holds a version back, as a sentence without its full stop; empty when nothing does."""
    failed = [f"{result.title} ({result.message})" for result in results if result.blocks]
    return _first(failed)


def _first(texts: Sequence[str]) -> str:
    more = f"; and {len(texts) - MAX_NAMED} more" if len(texts) > MAX_NAMED else ""
    return "; ".join(texts[:MAX_NAMED]) + more


def figure_text(value: float, unit: str) -> str:
    """A figure for people: 0.0123 as a share is 1.23 %."""
    if unit == "share":
        return f"{value * 100:.3g} %"
    if unit == "hours":
        return f"{value:,.1f} h" if abs(value) < 72 else f"{value / 24:,.1f} days"
    whole = float(value).is_integer()
    number = f"{value:,.0f}" if whole else f"{value:,.4g}"
    return f"{number} rows" if unit == "rows" else number


def limits_text(low: float | None, high: float | None, unit: str) -> str:
    """The limits of a figure for people."""
    parts = [
        f"{phrase} {figure_text(limit, unit)}"
        for phrase, limit in (("at least", low), ("at most", high))
        if limit is not None
    ]
    return " and ".join(parts)
