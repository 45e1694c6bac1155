"""Kinds of models one can train; each declares its parameter space and builds a pipeline."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from pilothouse.kit.parameters import Parameter, read_params
from pilothouse.kit.parameters import Value as Value
from pilothouse.kit.plugins import Plugins
from pilothouse.training.columns import FeatureColumns as FeatureColumns

if TYPE_CHECKING:
    from sklearn.pipeline import Pipeline


@dataclass(frozen=True)
class Hyperparameter(Parameter):
    """A parameter of a trainer; a search varies the `tuned` ones, on a `log` or a linear scale."""

    tuned: bool = True
    log: bool = False


class Trainer(Protocol):
    """Builds an unfitted scikit-learn pipeline whose first step is `encoding.Encoder`."""

    @property
    def title(self) -> str:
        """Its name for people."""
        ...

    @property
    def description(self) -> str:
        """What it does with the columns, in a sentence or two."""
        ...

    @property
    def unit(self) -> str:
        """The unit of the score that its pipelines give."""
        ...

    @property
    def parameters(self) -> tuple[Hyperparameter, ...]:
        """What may be set, and what a search varies."""
        ...

    def build(self, columns: FeatureColumns, params: Mapping[str, Value], seed: int) -> Pipeline:
        """A pipeline that fits and predicts a frame, or a mapping, of these columns."""
        ...


PROBABILITY = "probability of the positive class"
trainers: Plugins[Trainer] = Plugins(__name__, "trainer")


def resolve_params(trainer: Trainer, params: Mapping[str, object]) -> dict[str, Value]:
    """Every parameter of the trainer: those given, checked, and the defaults of the others.

    Raises Invalid for a value outside of the space and for a name that is not in it.
    """
    return dict(read_params(trainer.title, trainer.parameters, params))
