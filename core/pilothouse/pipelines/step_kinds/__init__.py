"""Kinds of steps: what a step of a pipeline can do, one module a kind.

A kind names its inputs and its outputs, so that a pipeline is checked whole before it runs. It does
its work with the job it is handed, as a workflow does: durable steps, heavy work in children.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, Protocol

from pilothouse.jobs import JobContext
from pilothouse.kit.parameters import Parameter
from pilothouse.kit.plugins import Plugins

OutputType = Literal["any", "text", "integer", "number", "boolean", "list", "object", "choice"]
ANY: OutputType = "any"
OWN_OUTPUTS = "outputs"  # the input by which a step of some kinds declares outputs of its own


@dataclass(frozen=True)
class StepOutput:
    """A value that a step gives to later ones, by its name."""

    name: str
    type: OutputType
    help: str = ""


@dataclass(frozen=True)
class StepContext:
    """The step that is being done: its job, its name, and an id that no other step of it has.

    `id` is the same when the step is repeated after a kill.
    """

    job: JobContext
    pipeline: str
    name: str

    @property
    def id(self) -> str:
        """What tells this step's runs from those of the job's other steps."""
        return f"{self.job.id}-{self.name}"


class StepKind(Protocol):
    """A kind of step; forms and the docs are made from it."""

    @property
    def title(self) -> str:
        """Its name for people: "Training"."""
        ...

    @property
    def description(self) -> str:
        """What it does, in a sentence or two."""
        ...

    @property
    def parameters(self) -> tuple[Parameter, ...]:
        """Its inputs, which a pipeline gives under `with`."""
        ...

    @property
    def outputs(self) -> tuple[StepOutput, ...]:
        """What later steps can take from it.

        A kind with the input `outputs` has those that a step names there, too.
        """
        ...

    def check(self, inputs: Mapping[str, Any]) -> None:
        """Raise Invalid or NotFound for inputs that could never work.

        The types are checked before. It must accept expressions, whose values it does not have.
        """
        ...

    def run(self, step: StepContext, /, *args: Any, **inputs: Any) -> dict[str, Any]:
        """Do the work and return every declared output; between durable steps deterministic.

        It is handed its inputs by name. Each kind types its own; `Any` here admits all of them.
        """
        ...


step_kinds: Plugins[StepKind] = Plugins(__name__, "step kind")


def outputs_of(uses: str, inputs: Mapping[str, Any]) -> tuple[StepOutput, ...]:
    """The outputs of a step: those of its kind, and those that it declares itself."""
    kind = step_kinds.get(uses)
    declared = inputs.get(OWN_OUTPUTS)
    if not isinstance(declared, list) or all(p.name != OWN_OUTPUTS for p in kind.parameters):
        return kind.outputs
    return (*kind.outputs, *(StepOutput(str(name), ANY) for name in declared))
