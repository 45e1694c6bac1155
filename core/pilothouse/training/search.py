"""Search over a trainer's space with Optuna, one question and one answer at a time.

The sampler is seeded and answers are told in order, so a search that is begun again after a kill
and told the same answers asks the same questions. The study lives in memory; what it found out
lives in the trials' runs.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from pilothouse.training.trainers import Hyperparameter, Trainer, Value

if TYPE_CHECKING:
    from optuna.distributions import BaseDistribution
    from optuna.trial import Trial


class Search:
    """Proposes parameters; the first proposal is where the caller stands."""

    def __init__(
        self, trainer: Trainer, start: Mapping[str, Value], direction: str, seed: int
    ) -> None:
        import optuna

        optuna.logging.set_verbosity(optuna.logging.WARNING)
        self._start = dict(start)
        self._space = {
            hyper.name: _distribution(hyper) for hyper in trainer.parameters if hyper.tuned
        }
        self._study = optuna.create_study(
            direction="maximize" if direction == "higher" else "minimize",
            sampler=optuna.samplers.TPESampler(seed=seed),
        )
        self._study.enqueue_trial({name: self._start[name] for name in self._space})
        self._open: Trial | None = None

    def suggest(self) -> dict[str, Value]:
        """The next parameters to try, complete."""
        self._open = self._study.ask(self._space)
        return {**self._start, **self._open.params}

    def report(self, value: float) -> None:
        """How good the parameters asked for last were."""
        if self._open is None:
            raise ValueError("nothing was asked")
        self._study.tell(self._open, value)
        self._open = None

    @property
    def best(self) -> int:
        """The number of the best trial so far, from 0."""
        return int(self._study.best_trial.number)


def _distribution(hyper: Hyperparameter) -> BaseDistribution:
    from optuna.distributions import (
        CategoricalDistribution,
        FloatDistribution,
        IntDistribution,
    )

    if hyper.type == "choice":
        return CategoricalDistribution(hyper.choices)
    if hyper.low is None or hyper.high is None:
        raise ValueError(f"{hyper.name} has no bounds to search within")
    if hyper.type == "integer":
        return IntDistribution(int(hyper.low), int(hyper.high), log=hyper.log)
    return FloatDistribution(hyper.low, hyper.high, log=hyper.log)
