"""Hyperparameter search with Optuna.

The first suggestions are drawn without regard to results, so they are made at once, for fits that
run at the same time; each later one needs all results before it. The sampler is seeded and results
are reported in order, so a search that is repeated after a kill with the same results makes the
same suggestions. The study is only in memory; its results are stored in the trials' runs.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from typing import TYPE_CHECKING

from pilothouse.training.trainers import Hyperparameter, Trainer, Value

if TYPE_CHECKING:
    from optuna.distributions import BaseDistribution
    from optuna.trial import Trial

DRAWN = 10  # suggestions at random before the sampler models the results


class Search:
    """Suggests parameters; the first suggestion is `start`."""

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
            sampler=optuna.samplers.TPESampler(seed=seed, n_startup_trials=DRAWN),
        )
        self._study.enqueue_trial({name: self._start[name] for name in self._space})
        self._open: deque[Trial] = deque()
        self._suggested = 0

    def suggest(self, most: int) -> list[dict[str, Value]]:
        """The next parameters to try, complete: one, or several while none needs a result.

        All earlier ones have been reported. The same search gives the same suggestions, in
        whichever numbers one asks for them.
        """
        count = max(1, min(most, DRAWN - self._suggested))
        self._open.extend(self._study.ask(self._space) for _ in range(count))
        self._suggested += count
        return [{**self._start, **trial.params} for trial in self._open]

    def report(self, value: float) -> None:
        """Report the metric of the parameters suggested first among those not reported."""
        if not self._open:
            raise ValueError("report() needs a suggestion before it")
        self._study.tell(self._open.popleft(), value)

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
