"""What pipelines of people's own answer: values without a database behind them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pilothouse.pipelines.definitions.definition import Definition

PENDING = "pending"  # of a step that has not begun
REUSED = "reused"  # of a step whose outputs were taken from another run


@dataclass(frozen=True, repr=False)
class PipelineInfo:
    """A version of a pipeline, as it was registered.

    `newest` is the version that runs now, `schedules` names the schedules that run it; `existed`
    says whether registering changed nothing.
    """

    definition: Definition
    version: int
    newest: int
    filename: str
    digest: str
    created_at: datetime
    created_by: str
    schedules: tuple[str, ...] = ()
    existed: bool = False

    def __repr__(self) -> str:
        return f"<pipeline {self.ref}: {len(self.definition.steps)} steps>"

    @property
    def name(self) -> str:
        """The pipeline's name."""
        return self.definition.name

    @property
    def ref(self) -> str:
        """Name and version: name@number."""
        return f"{self.name}@{self.version}"


@dataclass(frozen=True)
class StepRunInfo:
    """A step in a run: pending, running, succeeded, reused, failed or cancelled."""

    name: str
    uses: str
    status: str
    inputs: Mapping[str, Any]
    outputs: Mapping[str, Any] | None
    error: str
    hint: str
    source_run: str | None
    job_id: str | None
    started_at: datetime | None
    ended_at: datetime | None


@dataclass(frozen=True, repr=False)
class PipelineRunInfo:
    """A run of a pipeline with each of its steps."""

    id: str
    definition: Definition
    version: int
    status: str
    parameters: Mapping[str, Any]
    key: str | None
    job_id: str | None
    forked_from: str | None
    from_step: str
    requested_by: str
    created_at: datetime
    steps: tuple[StepRunInfo, ...]

    def __repr__(self) -> str:
        return f"<run {self.id} of {self.definition.name}@{self.version}, {self.status}>"

    def step(self, name: str) -> StepRunInfo:
        """A step of the run. Raises Invalid."""
        self.definition.step(name)
        return next(step for step in self.steps if step.name == name)

    @property
    def forkable(self) -> tuple[str, ...]:
        """The steps from which a fork can start: all that they need has succeeded."""
        done = {step.name for step in self.steps if step.status in ("succeeded", REUSED)}
        return tuple(
            step.name for step in self.steps if done.issuperset(self.definition.before(step.name))
        )
