"""The ladder: the stages that versions are promoted to, lowest first, the last one production."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from sqlmodel import Session, col, select

from pilothouse.kit.errors import Invalid
from pilothouse.kit.names import NameRule
from pilothouse.registry.tables import ARCHIVED, DELETED, NONE, PRODUCTION, STAGING, StageLadder

STAGE = NameRule("a stage", max_length=40, lower=True)
RESERVED = (NONE, ARCHIVED, DELETED, "latest", "all")  # words of the registry and of its clients
MAX_STAGES, MAX_MEANING = 8, 300


@dataclass(frozen=True)
class LadderStage:
    """A stage by its name, and in words what it means that a version is there."""

    name: str
    meaning: str = ""

    def to_json(self) -> dict[str, Any]:
        """Plain values, for storage."""
        return asdict(self)


BUILT_IN_STAGES = (
    LadderStage(STAGING, "Tried before it answers for anybody."),
    LadderStage(PRODUCTION, "The champion of its model, which applications use."),
)
BUILT_IN_NAMES = tuple(stage.name for stage in BUILT_IN_STAGES)


def ladder(session: Session) -> tuple[LadderStage, ...]:
    """The stages of the workspace, lowest first; the built-in ones until somebody set others."""
    query = select(StageLadder.stages).order_by(col(StageLadder.id).desc())
    stages = session.exec(query).first()
    return BUILT_IN_STAGES if stages is None else tuple(LadderStage(**stage) for stage in stages)


def stage_names(session: Session) -> tuple[str, ...]:
    """The names of the stages that versions are promoted to, lowest first."""
    return tuple(stage.name for stage in ladder(session))


def check_stage(session: Session, stage: str) -> None:
    """Raise Invalid for a stage that no version is promoted to."""
    if stage not in (names := stage_names(session)):
        raise Invalid(
            f"no version is promoted to {stage!r}.",
            hint=f"Choose {' or '.join(names)}.",
            fields={"stage": f"must be {' or '.join(names)}"},
        )


def checked_ladder(stages: Sequence[LadderStage]) -> tuple[LadderStage, ...]:
    """The same stages, their words trimmed. Raises Invalid with each field that is wrong."""
    faults: dict[str, str] = {}
    names = [stage.name for stage in stages]
    if names[-1:] != [PRODUCTION]:
        faults["stages"] = f"the last stage must be {PRODUCTION}, which the champion follows"
    elif len(stages) > MAX_STAGES:
        faults["stages"] = f"at most {MAX_STAGES}"
    for index, stage in enumerate(stages):
        if problem := _name_problem(stage.name, names[:index]):
            faults[f"stages[{index}].name"] = problem
        if len(stage.meaning) > MAX_MEANING:
            faults[f"stages[{index}].meaning"] = f"has more than {MAX_MEANING} characters"
    if faults:
        problems = "; ".join(f"{field}: {message}" for field, message in faults.items())
        raise Invalid(f"the stages cannot be used: {problems}.", fields=faults)
    return tuple(LadderStage(stage.name, stage.meaning.strip()) for stage in stages)


def _name_problem(name: str, before: Sequence[str]) -> str:
    if problem := STAGE.problem(name):
        return problem
    if name in RESERVED:
        return f"{name!r} is a word of the registry"
    if name.isdecimal():
        return "would look like a version's number"
    return f"{name!r} is there twice" if name in before else ""
