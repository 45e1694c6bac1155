"""A pipeline as a value: its parameters, its steps, and the order that their edges leave."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any, Literal

from pilothouse.kit.errors import Invalid
from pilothouse.kit.parameters import Parameter
from pilothouse.pipelines.input_expressions import references

PipelineParameterType = Literal["text", "integer", "number", "boolean", "choice", "date"]
TYPES: tuple[PipelineParameterType, ...] = (
    *("text", "integer", "number"),
    *("boolean", "choice", "date"),
)
TODAY = "today"  # as the default of a date: the day on which a run begins, in UTC


@dataclass(frozen=True)
class PipelineParameter:
    """A parameter of a pipeline; without a default it must be given.

    A date is a text such as 2026-03-01; the default "today" is the day on which a run is asked for,
    or begins when a schedule asks for it, in UTC.
    """

    name: str
    type: PipelineParameterType = "text"
    default: Any = None
    choices: tuple[Any, ...] = ()
    help: str = ""

    def read(self, value: Any) -> Any:
        """The value in the parameter's own type. Raises Invalid."""
        if self.type == "date":
            return _date(self.name, value)
        return self.field.read(value)

    @property
    def field(self) -> Parameter:
        """The parameter as forms and the values of plugins know it; a date is a text there."""
        return Parameter(
            self.name,
            "text" if self.type == "date" else self.type,
            self.default,
            choices=self.choices,
            help=self.help or f"The {self.name.replace('_', ' ')}.",
            title=self.name,
            required=self.default is None,
        )


@dataclass(frozen=True)
class PipelineStep:
    """A step: the kind of work, its inputs, and the steps that come before it.

    `inputs` may hold expressions such as ${{ steps.train.run }}.
    """

    name: str
    uses: str
    inputs: Mapping[str, Any] = field(default_factory=dict)
    needs: tuple[str, ...] = ()

    @property
    def upstream(self) -> tuple[str, ...]:
        """The steps that it needs, by name or because it takes an output of theirs."""
        taken = (ref.step for ref in references(self.inputs) if ref.step)
        return tuple(dict.fromkeys((*self.needs, *taken)))


@dataclass(frozen=True)
class Definition:
    """A pipeline: a name, parameters, and steps in an order in which they can be done."""

    name: str
    steps: tuple[PipelineStep, ...]
    parameters: tuple[PipelineParameter, ...] = ()
    description: str = ""

    @property
    def edges(self) -> tuple[tuple[str, str], ...]:
        """Pairs of steps: the first is done before the second."""
        return tuple((before, step.name) for step in self.steps for before in step.upstream)

    def step(self, name: str) -> PipelineStep:
        """A step by its name. Raises Invalid."""
        for step in self.steps:
            if step.name == name:
                return step
        names = ", ".join(step.name for step in self.steps)
        raise Invalid(
            f"{self.name} has no step {name!r}.",
            hint=f"It has {names}.",
            fields={"step": "no such step"},
        )

    def after(self, name: str) -> frozenset[str]:
        """The steps that cannot be done before a step, directly or through others."""
        result: set[str] = set()
        for step in self.steps:  # those that it needs stand before it
            if any(before == name or before in result for before in step.upstream):
                result.add(step.name)
        return frozenset(result)

    def before(self, name: str) -> frozenset[str]:
        """The steps that a step needs, directly or through others."""
        result: set[str] = set()
        for step in reversed(self.steps):
            if step.name == name or step.name in result:
                result.update(step.upstream)
        return frozenset(result)

    def to_json(self) -> dict[str, Any]:
        """Plain values, from which `from_json` makes an equal definition."""
        return {
            "name": self.name,
            "description": self.description,
            "parameters": [
                {
                    "name": parameter.name,
                    "type": parameter.type,
                    "default": parameter.default,
                    "choices": list(parameter.choices),
                    "help": parameter.help,
                }
                for parameter in self.parameters
            ],
            "steps": [
                {
                    "name": step.name,
                    "uses": step.uses,
                    "with": dict(step.inputs),
                    "needs": list(step.needs),
                }
                for step in self.steps
            ],
        }

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Definition:
        """The definition that was stored."""
        parameters = tuple(
            PipelineParameter(**{**item, "choices": tuple(item["choices"])})
            for item in value["parameters"]
        )
        steps = tuple(
            PipelineStep(item["name"], item["uses"], item["with"], tuple(item["needs"]))
            for item in value["steps"]
        )
        return cls(value["name"], steps, parameters, value["description"])


def ordered(steps: Sequence[PipelineStep]) -> tuple[list[PipelineStep], list[str]]:
    """The steps so that each comes after those it needs, else as they are written; a cycle's names.

    The second part is empty unless some steps need one another.
    """
    done: set[str] = set()
    result: list[PipelineStep] = []
    left = list(steps)
    while left:
        ready = next((step for step in left if done.issuperset(step.upstream)), None)
        if ready is None:
            return result, _cycle(left)
        left.remove(ready)
        done.add(ready.name)
        result.append(ready)
    return result, []


def _cycle(steps: Iterable[PipelineStep]) -> list[str]:
    """The names along one cycle, which begins and ends with the same step."""
    upstream = {step.name: step.upstream for step in steps}
    path = [next(iter(upstream))]
    while True:
        following = next(name for name in upstream[path[-1]] if name in upstream)
        if following in path:
            return [*path[path.index(following) :], following][::-1]
        path.append(following)


def read_parameters(
    definition: Definition, values: Mapping[str, Any], today: date
) -> dict[str, Any]:
    """Every parameter of a run: the values that are given, checked, and the other defaults.

    Raises Invalid that names the wrong ones.
    """
    by_name = {parameter.name: parameter for parameter in definition.parameters}
    wrong = {f"parameters.{name}": "unknown" for name in values if name not in by_name}
    result: dict[str, Any] = {}
    for name, parameter in by_name.items():
        value = values.get(name, parameter.default)
        if value is None:
            wrong[f"parameters.{name}"] = "needed"
            continue
        if parameter.type == "date" and value == TODAY:
            value = today.isoformat()
        try:
            result[name] = parameter.read(value)
        except Invalid as refused:
            wrong[f"parameters.{name}"] = next(iter(refused.fields.values()), refused.message)
    if wrong:
        raise Invalid.of_fields(f"{definition.name} cannot run with these parameters", wrong)
    return result


def _date(name: str, value: Any) -> str:
    requirement = "a date such as 2026-03-01"
    text = value.isoformat() if isinstance(value, date) else value
    try:
        if not isinstance(text, str) or len(text) != len("2026-03-01"):
            raise ValueError(text)
        return date.fromisoformat(text).isoformat()
    except ValueError:
        raise Invalid(
            f"{name} must be {requirement}, not {value!r}.", fields={name: requirement}
        ) from None
