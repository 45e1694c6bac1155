"""Simple models, fitted and judged on the rows of a version's training."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from pilothouse.kit.errors import Conflict, PilothouseError
from pilothouse.pipelines.measured_version import MeasuredVersion
from pilothouse.pipelines.measurements import MeasurementResult, measurement_kinds

SIMPLE = ("dummy", "logistic_regression", "ridge")  # trainers of models that anyone would try first


@measurement_kinds.register("baseline")
class BaselineMeasurement:
    """One that ignores its inputs, and a linear one unless that is the version itself."""

    title = "Simple models"
    description = "The metric of a model without inputs and of a linear one, on the same rows."

    @staticmethod
    def measure(version: MeasuredVersion, params: Mapping[str, Any]) -> MeasurementResult:
        """The version's metric and that of each simple model."""
        key = version.metric(params["metric"])
        value, data = version.info.metrics.get(key), version.training
        measured = version.shared("simple models", lambda: list(_simple_models(version)))
        baselines = [
            {"name": name, "title": title, "value": metrics[key]}
            for name, title, metrics in measured
            if key in metrics
        ]
        if value is None or not baselines:
            raise Conflict(f"{key} was not measured on its held-out rows")
        rows = f"{len(data.split.test):,} held-out rows of {data.dataset}"
        return MeasurementResult({"metric": key, "value": value, "baselines": baselines}, rows)


def _simple_models(version: MeasuredVersion) -> Iterator[tuple[str, str, dict[str, float]]]:
    """Name, title and metrics of each simple model."""
    from pilothouse.training.answers import output_columns
    from pilothouse.training.fitted_model import fit_model
    from pilothouse.training.trainers import trainers

    spec, data = version.spec, version.training
    data = data if data.by_folds else replace(data, folds=())  # folds answer, or decide nothing
    for name in SIMPLE:
        trainer = trainers.get(name)
        if name == spec.trainer or version.task.estimator not in trainer.estimators:
            continue
        simple = replace(spec, trainer=name, params={}, folds=0, trials=0)
        try:
            fit = fit_model(
                data.with_spec(simple.checked()), simple.checked().params,
                lambda phase: version.report(phase.start, phase.message),
            )  # fmt: skip
        except PilothouseError:
            continue  # a model that these rows do not allow is none that the version must beat
        outputs = output_columns(fit.signature, fit.raw)
        metrics = version.task.compute_metrics(fit.signature, outputs, fit.truth)
        yield name, trainer.title.lower(), metrics
