"""The test of a difference that the kind of a metric has, on rows that several models share."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from pilothouse.comparison.statistics.bootstrap import MIN_UNITS, Clusters, Places, bootstrap
from pilothouse.comparison.statistics.delong import delong
from pilothouse.comparison.statistics.mcnemar import mcnemar
from pilothouse.comparison.statistics.result import TestResult
from pilothouse.models.metrics.weighted_metrics import Measure, RocAreas, RowSums, Untested

Made = Mapping[str, Callable[[], Measure]]


@dataclass(frozen=True, eq=False)
class Sample:
    """The metrics of every model on some of the rows: which, and what share of all they are."""

    models: Sequence[Made]
    rows: Places
    share: float


def paired_tests(
    models: Sequence[Made],
    keys: Sequence[str],
    clusters: Clusters | None = None,
    sample: Sample | None = None,
    min_units: int = MIN_UNITS,
) -> Mapping[str, list[TestResult]]:
    """For each of these metrics, the difference of each later model to the first.

    AUCs are tested by DeLong, shares of rows by McNemar; both take rows to be independent, so where
    rows belong together these metrics are resampled as all others are. A metric without a test, or
    on too few rows for it, is absent.
    """
    tested: dict[str, list[TestResult]] = {}
    resampled = []
    for key in keys:
        made = [model[key]() for model in models if key in model]
        if len(made) < len(models) or any(isinstance(measure, Untested) for measure in made):
            continue
        results = None if clusters else _closed_form(made)
        if results is None:
            resampled.append(key)
        elif results:
            tested[key] = results

    in_sample = clusters
    if clusters and sample:
        codes = np.unique(clusters.codes[sample.rows], return_inverse=True)[1]
        in_sample = Clusters(codes.astype(np.int64), clusters.unit)
    tested |= bootstrap(
        models,
        resampled,
        sampled=sample.models if sample else None,
        share=sample.share if sample else 1.0,
        clusters=in_sample,
        min_units=min_units,
    )
    return {key: tested[key] for key in keys if key in tested}


def _closed_form(made: Sequence[Measure]) -> list[TestResult] | None:
    """The differences by the test of this kind of metric; None when it has none of its own."""
    areas = [measure for measure in made if isinstance(measure, RocAreas)]
    if len(areas) == len(made):
        return delong(areas)
    shares = [m for m in made if isinstance(m, RowSums) and m.is_share and m.unit == "rows"]
    if len(shares) < len(made):
        return None
    holds = [share.columns[:, 0] == 1 for share in shares]
    return [mcnemar(other, holds[0]) for other in holds[1:]]
