"""A version as measurements see it: its rows with answers, its training, its model process.

Each part is read when a measurement first asks for it. It runs in child processes only.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

from pilothouse.comparison.predictions import RunPredictions, features, predictions
from pilothouse.data import Data
from pilothouse.deployments.scoring import Report, ScoringProcess, scoring
from pilothouse.experiments import Experiments
from pilothouse.kit.errors import Conflict, Invalid, NotFound
from pilothouse.models.answers import answer_arrays
from pilothouse.models.tasks import Task, metric_of, primary_metric, task_of
from pilothouse.registry import Registry, evaluations
from pilothouse.registry.info import VersionInfo
from pilothouse.storage import Store

if TYPE_CHECKING:
    import pandas as pd

    from pilothouse.experiments.details import RunInfo
    from pilothouse.models.answers import Outputs
    from pilothouse.models.tasks import Floats
    from pilothouse.training import TrainingSpec
    from pilothouse.training.training_data import TrainingData

SPEC_PATH = "spec.json"


class MeasuredVersion:
    """A version, its evaluated rows and its training; `measuring` ends its model process."""

    def __init__(self, store: Store, info: VersionInfo, report: Report) -> None:
        self.store, self.info, self.report = store, info, report
        self._open = ExitStack()

    @property
    def task(self) -> Task:
        """The task of its model."""
        return task_of(self.info.signature)

    def metric(self, named: str) -> str:
        """The metric that a gate means: the primary one unless it names another. Raises Invalid."""
        key = primary_metric(self.task) if named in ("", "primary") else named
        if metric_of(self.task, key) is None:
            raise Invalid(f"{key or 'a metric'} is no metric of a model of the kind "
                          f"{self.task.title}")  # fmt: skip
        return key

    @cached_property
    def run(self) -> RunInfo:
        """The run with the rows that the version was judged on. Raises Conflict without one."""
        with self.store.read() as session:
            reference = evaluations.reference_of(session, self.info.model, self.info.version)
        if reference is None:
            raise Conflict("it has no evaluated rows; evaluate it on labelled rows")
        return Experiments(self.store).run(reference[0])

    @cached_property
    def predictions(self) -> RunPredictions:
        """These rows with labels and answers. Raises Conflict when they have no labels."""
        read = predictions(self.store, self.run)
        if read is None:
            raise Conflict("its evaluated rows have no labels; evaluate it on labelled rows")
        return read

    @cached_property
    def features(self) -> pd.DataFrame:
        """The inputs of these rows."""
        return features(self.store, self.predictions)

    @property
    def rows(self) -> str:
        """The rows in words."""
        dataset = next((source.dataset for source in self.run.inputs), self.info.dataset)
        return f"{len(self.predictions.rows):,} held-out rows of {dataset}"

    def columns(self, names: list[str]) -> pd.DataFrame:
        """Columns of these rows, inputs of the model or not. Raises Invalid, NotFound."""
        lacking = [name for name in names if name not in self.features]
        if not lacking:
            return self.features[names]
        positions = self.predictions.rows.row_numbers
        dataset = next((source.dataset for source in self.run.inputs), self.info.dataset)
        if positions is None or not dataset:
            raise Invalid(f"its rows have no column {', '.join(lacking)}")
        names_there = Data(self.store).version(dataset).column_names
        if absent := [name for name in lacking if name not in names_there]:
            raise NotFound(f"{dataset} has no column {', '.join(absent)}")
        others = Data(self.store).frame(dataset, lacking).iloc[positions].reset_index(drop=True)
        return self.features.assign(**{name: others[name] for name in lacking})[names]

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
