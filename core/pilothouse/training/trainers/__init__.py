"""Kinds of models one can train; each declares its parameter space and builds a pipeline."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, Protocol

from pilothouse.kit.errors import Invalid
from pilothouse.kit.plugins import Plugins
from pilothouse.training.columns import Columns as Columns

if TYPE_CHECKING:
    from sklearn.pipeline import Pipeline

Value = bool | int | float | str


@dataclass(frozen=True)
class Hyperparameter:
    """One parameter of a trainer: what it may be, its default, and whether a search varies it."""

    name: str
    kind: Literal["integer", "number", "choice"]
    default: Value
    low: float | None = None
    high: float | None = None
    log: bool = False
    choices: tuple[Value, ...] = ()
    tuned: bool = True
    help: str = ""

    def read(self, value: object) -> Value:
        """The value in this parameter's own type. Raises Invalid when it is outside the space."""
        if self.kind == "choice":
            if value not in self.choices:
                raise self._invalid(f"one of {', '.join(map(str, self.choices))}")
            return self.choices[self.choices.index(value)]
        number = _number(value)
        if number is None or (self.kind == "integer" and not number.is_integer()):
            raise self._invalid("a whole number" if self.kind == "integer" else "a number")
        low = -math.inf if self.low is None else self.low
        high = math.inf if self.high is None else self.high
        if not low <= number <= high:
            raise self._invalid(f"between {low:g} and {high:g}")
        return int(number) if self.kind == "integer" else number

    def _invalid(self, wanted: str) -> Invalid:
        return Invalid(f"{self.name} must be {wanted}.", fields={f"params.{self.name}": wanted})


class Trainer(Protocol):
    """Builds an unfitted scikit-learn pipeline whose first step is `encoding.Encoder`."""

    @property
    def title(self) -> str:
        """Its name for people."""
        ...

    @property
    def space(self) -> tuple[Hyperparameter, ...]:
        """What may be tuned."""
        ...

    def build(self, columns: Columns, params: Mapping[str, Value], seed: int) -> Pipeline:
        """A pipeline that fits and predicts a frame, or a mapping, of these columns."""
        ...


trainers: Plugins[Trainer] = Plugins(__name__, "trainer")


def resolve_params(trainer: Trainer, params: Mapping[str, object]) -> dict[str, Value]:
    """Every parameter of the trainer: those given, checked, and the defaults of the others.

    Raises Invalid for a value outside of the space and for a name that is not in it.
    """
    known = {hyper.name: hyper for hyper in trainer.space}
    for name in params:
        if name not in known:
            raise Invalid(
                f"{trainer.title} has no parameter {name!r}.",
                hint=f"It has {', '.join(known)}.",
                fields={f"params.{name}": "unknown"},
            )
    return {name: hyper.read(params.get(name, hyper.default)) for name, hyper in known.items()}


def _number(value: object) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        return float(value)
    except ValueError:
        return None
