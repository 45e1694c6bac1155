"""A version as measurements see it: its rows with answers, its training, its model process.

Each part is read when a measurement first asks for it. It runs in child processes only.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, TypeVar

from pilothouse.comparison.predictions import RunPredictions
from pilothouse.deployments.scoring import Report, ScoringProcess, scoring
from pilothouse.experiments import Experiments
from pilothouse.explanations.held_out import HeldOutRows
from pilothouse.kit.errors import Conflict, Invalid, NotFound
from pilothouse.models.answers import answer_arrays
from pilothouse.models.tasks import metric_of, primary_metric
from pilothouse.registry import Registry
from pilothouse.registry.info import VersionInfo
from pilothouse.storage import Store

if TYPE_CHECKING:
    import pandas as pd

    from pilothouse.models.answers import Outputs
    from pilothouse.models.tasks import Floats
    from pilothouse.training import TrainingSpec
    from pilothouse.training.training_data import TrainingData

SPEC_PATH = "spec.json"
T = TypeVar("T")


class MeasuredVersion(HeldOutRows):
    """A version, its evaluated rows and its training; `measuring` ends its model process."""

    def __init__(self, store: Store, info: VersionInfo, report: Report) -> None:
        super().__init__(store, info)
        self.report = report
        self._open = ExitStack()
        self._shared: dict[str, Any] = {}

    def shared(self, name: str, make: Callable[[], T]) -> T:
        """What several measurements need, made once for the version."""
        if name not in self._shared:
            self._shared[name] = make()
        result: T = self._shared[name]
        return result

    def metric(self, named: str) -> str:
        """The metric that a gate means: the primary one unless it names another. Raises Invalid."""
        key = primary_metric(self.task) if named in ("", "primary") else named
        if metric_of(self.task, key) is None:
            raise Invalid(f"{key or 'a metric'} is no metric of a model of the kind "
                          f"{self.task.title}")  # fmt: skip
        return key

    @cached_property
    def spec(self) -> TrainingSpec:
        """What it was trained with. Raises Conflict for a version of another program."""
        from pilothouse.training import TrainingSpec

        run = self.info.run_id
        if run is None or self.info.import_source:
            raise Conflict("it was not trained here, so that its training is not known")
        try:
            stored = json.loads(Experiments(self.store).artifact(run, SPEC_PATH))
        except NotFound as missing:
            raise Conflict("its run has no training of Pilothouse's trainers") from missing
        return TrainingSpec.from_json(stored)

    @cached_property
    def training(self) -> TrainingData:
        """The rows of its training and the held-out ones, as they were split then."""
        from pilothouse.training.training_data import build, read_training_table

        data = build(read_training_table(self.store, self.spec.dataset), self.spec)
        if self.info.held_out and data.held_out != self.info.held_out:
            raise Conflict("this release splits its data in another way than its training did")
        return data

    @cached_property
    def process(self) -> ScoringProcess:
        """A model process of the version, which runs until everything is measured."""
        return self._open.enter_context(scoring(self.store, self.info, self.report))

    def score(self, frame: pd.DataFrame) -> Outputs:
        """The answers of its model process to rows."""
        scored = self.process.score(frame, self.report)
        return answer_arrays(self.info.signature, scored.columns)

    def value(self, metric: str, outputs: Mapping[str, Any], truth: Floats) -> float:
        """A metric of answers; NaN where the rows do not allow it."""
        made = self.task.compute_metrics(self.info.signature, outputs, truth)
        return made.get(metric, math.nan)

    def loss(self, metric: str, value: float, reference: float) -> float:
        """How much worse a value of a metric is than a reference."""
        own = metric_of(self.task, metric)
        return reference - value if own is not None and own.direction == "higher" else (
            value - reference
        )  # fmt: skip

    def sample(self, most: int) -> tuple[RunPredictions, pd.DataFrame]:
        """At most so many of the evaluated rows, drawn at random, with their inputs."""
        from pilothouse.training.splits import thin

        rows = thin(len(self.predictions.rows), most, 0)
        frame = self.features.iloc[rows].reset_index(drop=True)
        return replace(self.predictions, rows=self.predictions.rows.take(rows)), frame

    def close(self) -> None:
        """End the model process."""
        self._open.close()


@contextmanager
def measuring(store: Store, model: str, version: int, report: Report) -> Iterator[MeasuredVersion]:
    """A version for the block, whose model process ends with it."""
    measured = MeasuredVersion(store, Registry(store).version(model, version), report)
    try:
        yield measured
    finally:
        measured.close()
