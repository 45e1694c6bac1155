"""The level from the verdicts: pure functions.

A level is reached when all its `must` checks pass and the rest of its points come to at least 80 %,
and the levels below are reached. What is not applicable does not count; what was attested counts
half, as a test by hand does in the ML Test Score (Breck et al., IEEE Big Data 2017).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pilothouse.governance.maturity.checks import AREAS, EFFORTS, Area, MaturityCheck
from pilothouse.governance.maturity.verdicts import NOT_APPLICABLE, PASSED, MaturityVerdict

LEVELS = (1, 2, 3, 4)
REST = 0.8
LEVEL_TITLES = {
    0: "Not tracked",
    1: "Tracked",
    2: "Reproducible",
    3: "Controlled release",
    4: "Self-operating",
}
SECTIONS = ("Data", "Model", "Infra", "Monitor")
SECTION_TESTS = 7  # of the ML Test Score


@dataclass(frozen=True)
class CheckedItem:
    """A check with its name and its verdict."""

    name: str
    check: MaturityCheck
    verdict: MaturityVerdict

    @property
    def is_missing(self) -> bool:
        """Whether evidence for it is missing."""
        return self.verdict.state not in (PASSED, NOT_APPLICABLE)

    def to_json(self) -> dict[str, Any]:
        """Plain values, for programs."""
        check = self.check
        return {
            "name": self.name,
            "number": check.number,
            "title": check.title,
            "level": check.level,
            "area": check.area,
            "must": check.must,
            "effort": check.effort,
            "tags": list(check.tags),
            "mend": {"label": check.mend.label, "page": check.mend.page, "kind": check.mend.kind},
            **self.verdict.to_json(),
        }


@dataclass(frozen=True)
class LevelScore:
    """How far a level is: its `must` checks, and the points of the rest."""

    level: int
    must: int
    must_passed: int
    rest: int
    points: float

    @property
    def is_met(self) -> bool:
        """Whether its own checks reach it, whatever the levels below say."""
        return self.must_passed == self.must and self.points >= REST * self.rest

    @property
    def title(self) -> str:
        """Its name."""
        return LEVEL_TITLES[self.level]


@dataclass(frozen=True)
class MaturityReport:
    """The levels of a workspace, with the verdict of every check in the order of their numbers.

    `areas` has the level of each area by its own checks; a workspace may stand on several. `models`
    are those in production.
    """

    at: datetime
    level: int
    areas: dict[Area, int]
    levels: tuple[LevelScore, ...]
    items: tuple[CheckedItem, ...]
    test_score: float
    sections: dict[str, float]
    models: tuple[str, ...] = ()

    @property
    def title(self) -> str:
        """The name of the level."""
        return LEVEL_TITLES[self.level]

    @property
    def lowest_area(self) -> int:
        """The lowest level of an area."""
        return min(self.areas.values())

    @property
    def missing(self) -> tuple[CheckedItem, ...]:
        """What lacks evidence: lower levels first, then what must pass, then what is less work."""
        items = [item for item in self.items if item.is_missing]
        return tuple(sorted(items, key=lambda item: (
            item.check.level, not item.check.must, EFFORTS.index(item.check.effort),
            item.check.number,
        )))  # fmt: skip

    @property
    def next_steps(self) -> tuple[CheckedItem, ...]:
        """What is missing of the next level."""
        return tuple(item for item in self.missing if item.check.level == self.level + 1)

    def to_json(self) -> dict[str, Any]:
        """Plain values, for programs."""
        return {
            "at": self.at.isoformat(),
            "level": self.level,
            "title": self.title,
            "areas": dict(self.areas),
            "lowest_area": self.lowest_area,
            "levels": [vars(score) | {"met": score.is_met} for score in self.levels],
            "ml_test_score": self.test_score,
            "ml_test_score_sections": self.sections,
            "checks": [item.to_json() for item in self.items],
        }


def score(items: Sequence[CheckedItem], at: datetime, models: Sequence[str] = ()) -> MaturityReport:
    """The report on the verdicts of every check."""
    levels = level_scores(items)
    sections = section_points(items)
    return MaturityReport(
        at=at,
        level=level_of(levels),
        areas={area: level_of(level_scores(_of_area(items, area))) for area in AREAS},
        levels=levels,
        items=tuple(sorted(items, key=lambda item: item.check.number)),
        test_score=min(sections.values()),
        sections=sections,
        models=tuple(models),
    )


def level_scores(items: Iterable[CheckedItem]) -> tuple[LevelScore, ...]:
    """The score of each level from 1 on."""
    counted = [item for item in items if item.verdict.state != NOT_APPLICABLE]
    scores = []
    for level in LEVELS:
        own = [item for item in counted if item.check.level == level]
        must = [item for item in own if item.check.must]
        rest = [item for item in own if not item.check.must]
        scores.append(
            LevelScore(
                level,
                len(must),
                sum(item.verdict.state == PASSED for item in must),
                len(rest),
                sum(item.verdict.points for item in rest),
            )
        )
    return tuple(scores)


def level_of(scores: Sequence[LevelScore]) -> int:
    """The highest level that is reached with all below it; 0 without the first."""
    reached = 0
    for level in scores:
        if not level.is_met:
            break
        reached = level.level
    return reached


def section_points(items: Iterable[CheckedItem]) -> dict[str, float]:
    """The ML Test Score by section: a test has the fewest points of the checks that stand for it.

    A test that no check stands for has none: it can only be answered outside of Pilothouse.
    """
    points: dict[str, list[float]] = defaultdict(list)
    for item in items:
        for tag in item.check.tags:
            if tag.startswith("T-"):
                points[tag.removeprefix("T-")].append(item.verdict.points)
    tests = {
        section: [f"{section}{number}" for number in range(1, SECTION_TESTS + 1)]
        for section in SECTIONS
    }
    return {
        section: sum(min(points[test], default=0.0) for test in names)
        for section, names in tests.items()
    }


def _of_area(items: Iterable[CheckedItem], area: Area) -> list[CheckedItem]:
    return [item for item in items if item.check.area == area]
