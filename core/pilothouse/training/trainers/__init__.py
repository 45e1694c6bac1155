"""Kinds of models one can train; each declares its parameter space and builds a pipeline."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from typing import TYPE_CHECKING, Protocol

from pilothouse.kit.errors import Invalid
from pilothouse.kit.parameters import Parameter, read_params
from pilothouse.kit.parameters import Value as Value
from pilothouse.kit.plugins import Plugins
from pilothouse.models.tasks import Estimator as Estimator
from pilothouse.training.columns import FeatureColumns as FeatureColumns

if TYPE_CHECKING:
    from sklearn.pipeline import Pipeline

BOOST_EXTRA = "pilothouse[boost]"
BOOST_PACKAGES = ("lightgbm", "xgboost")  # what that extra installs


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
    def estimators(self) -> tuple[Estimator, ...]:
        """Which kinds of estimator it can build."""
        ...

    @property
    def needs(self) -> str:
        """The package that it imports beside scikit-learn, by its import name; "" for none."""
        ...

    @property
    def is_baseline(self) -> bool:
        """Whether it ignores the features, so that other trainers can be compared with it."""
        ...

    @property
    def parameters(self) -> tuple[Hyperparameter, ...]:
        """What may be set, and what a search varies."""
        ...

    def build(
        self,
        columns: FeatureColumns,
        params: Mapping[str, Value],
        seed: int,
        estimator: Estimator = "classifier",
        levels: Sequence[float] = (),
    ) -> Pipeline:
        """A pipeline that fits and predicts a frame, or a mapping, of these columns.

        A classifier is fitted on the positions of the classes and has `predict_proba`. A regressor
        predicts a number a row, and "quantiles" one column of numbers for each of the `levels`. The
        last step takes a `sample_weight` when it is fitted.
        """
        ...


trainers: Plugins[Trainer] = Plugins(__name__, "trainer")


def resolve_params(trainer: Trainer, params: Mapping[str, object]) -> dict[str, Value]:
    """Every parameter of the trainer: those given, checked, and the defaults of the others.

    Raises Invalid for a value outside of the space and for a name that is not in it.
    """
    return dict(read_params(trainer.title, trainer.parameters, params))


def is_installed(trainer: Trainer) -> bool:
    """Whether the package that a trainer needs is installed."""
    return not trainer.needs or find_spec(trainer.needs) is not None


def install_command(trainer: Trainer) -> str:
    """The command that installs the package which a trainer needs."""
    package = f"'{BOOST_EXTRA}'" if trainer.needs in BOOST_PACKAGES else trainer.needs
    return f"pip install {package}"


def require_installed(trainer: Trainer) -> None:
    """Raises Invalid, with how to install it, when a trainer's package is missing."""
    if not is_installed(trainer):
        raise Invalid(
            f"{trainer.title} cannot be used: the package {trainer.needs!r} is not installed.",
            hint=f"Install it with `{install_command(trainer)}`, or choose another trainer.",
            fields={"trainer": "is not installed"},
        )


def is_searchable(trainer: Trainer) -> bool:
    """Whether a search has any parameter of the trainer to vary."""
    return any(parameter.tuned for parameter in trainer.parameters)
