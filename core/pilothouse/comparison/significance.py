"""Whether differences to a baseline are statistically significant, from stored evidence.

Three kinds of evidence, the strongest first: predictions of the same held-out rows, scores of
folds, and runs that differ only in their seed. The tests themselves are in `statistics/`.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Any

from sqlalchemy import literal, select
from sqlmodel import Session, col

from pilothouse.comparison.curves import read_json
from pilothouse.comparison.predictions import (
    AlignedPredictions,
    RunPredictions,
    align,
    predictions,
)
from pilothouse.comparison.statistics import METHOD_TITLES, TestResult
from pilothouse.experiments.details import RunInfo
from pilothouse.experiments.metrics.kinds import MetricKind
from pilothouse.experiments.tables import FINISHED, Experiment, Param, Run, RunMetric
from pilothouse.kit.errors import PilothouseError
from pilothouse.models.answers import HELD_OUT_TAG
from pilothouse.models.tasks import TaskMetric, metric_of
from pilothouse.storage import Store

if TYPE_CHECKING:
    import pandas as pd

    from pilothouse.comparison.statistics.bootstrap import Clusters
    from pilothouse.models.metrics.weighted_metrics import Measure

COLUMNS = ("run", "metric", "method", "n", "unit", "delta", "low", "high", "p", "significant")
MAX_SEEDS = 200
SIBLING_PARAMS = 4
# A metric recomputed from stored predictions that is farther from the logged value was computed
# on other rows or by another rule, so it is not tested.
REPRODUCED_WITHIN = 0.01
CV, MEAN = "cv_", "_mean"
SEEDS = ("seed", "random_state", "random_seed")
SETTINGS = ("folds", "cv_rows", "split", "test_share")


@dataclass(frozen=True, eq=False)
class SignificanceReport:
    """Findings as a frame of `COLUMNS`, a row per run, metric and method, the strongest first.

    `rows` counts the held-out rows that runs share with the baseline; `left_out` says, for each
    run that shares none, why.
    """

    findings: pd.DataFrame
    rows: int
    left_out: Mapping[str, str]


def significance(
    session: Session, store: Store, runs: Sequence[RunInfo], labels: Mapping[str, str]
) -> SignificanceReport:
    """Test the differences of each run to the first, with all evidence that runs recorded."""
    import pandas as pd

    by_run, left_out = _load_predictions(store, runs)
    aligned = align(runs, by_run, labels)
    findings: list[tuple[Any, ...]] = []

    if aligned is None:
        silent = "the baseline kept no predictions of its held-out rows."
        left_out = {run.id: silent for run in runs[1:]} | left_out
        left_out.pop(runs[0].id, None)
    else:
        left_out = {**aligned.left_out, **left_out}
        findings += _paired_findings(runs, aligned)

    findings += _fold_findings(store, runs)
    findings += _seed_findings(session, runs)
    rows = aligned.rows if aligned is not None and len(aligned.runs) > 1 else 0

    return SignificanceReport(pd.DataFrame(findings, columns=list(COLUMNS)), rows, left_out)


def describe_finding(finding: Mapping[Any, Any], kind: MetricKind) -> str:
    """A row of findings as text: the interval, the method, the sample size, and p."""
    interval = f"{_signed(finding['low'], kind)} to {_signed(finding['high'], kind)}"
    text = f"95 % interval {interval}, {METHOD_TITLES[finding['method']]}"
    text += f", {finding['n']:,} {finding['unit']}"
    return text + (f", {format_p_value(finding['p'])}" if finding["p"] == finding["p"] else "")


def format_p_value(p: float) -> str:
    """A p value as papers write it."""
    return "p < 0.001" if p < 0.001 else f"p = {p:.3f}" if p < 0.1 else f"p = {p:.2f}"


def _signed(value: float, kind: MetricKind) -> str:
    return kind.format_difference(value) if value == value else "unknown"


def _finding_row(run: str, metric: str, result: TestResult) -> tuple[Any, ...]:
    return (run, metric, *(getattr(result, name) for name in COLUMNS[2:]))


def _load_predictions(
    store: Store, runs: Sequence[RunInfo]
) -> tuple[dict[str, RunPredictions], dict[str, str]]:
    """The predictions of each run, and the errors of files that cannot be read."""
    by_run: dict[str, RunPredictions] = {}
    broken: dict[str, str] = {}
    for run in runs:
        try:
            run_predictions = predictions(store, run)
        except PilothouseError as wrong:
            broken[run.id] = str(wrong)
        else:
            by_run |= {} if run_predictions is None else {run.id: run_predictions}
    return by_run, broken


def _paired_findings(runs: Sequence[RunInfo], aligned: AlignedPredictions) -> list[tuple[Any, ...]]:
    """The test that the kind of each metric has, on the rows that the runs share."""
    from pilothouse.comparison.statistics.bootstrap import sampled_rows
    from pilothouse.comparison.statistics.paired import Sample, paired_tests

    ids, baseline = aligned.runs, aligned.predictions[0]
    if len(ids) < 2:
        return []

    logged = {run.id: run.values for run in runs}
    models = [run_predictions.measures() for run_predictions in aligned.predictions]

    def is_logged(index: int, key: str) -> bool:
        value = logged[ids[index]].get(key)
        return key in models[index] and _reproduces(
            models[index][key](), value, metric_of(baseline.task, key)
        )

    clusters = _clusters(baseline)
    part = sampled_rows(aligned.rows, clusters)
    sample = part and Sample([p.take(part[0]).measures() for p in aligned.predictions], *part)
    usable = [key for key in models[0] if is_logged(0, key)]
    results = paired_tests(models, usable, clusters, sample)
    return [
        _finding_row(run, key, of_key[index - 1])
        for index, run in enumerate(ids[1:], start=1)
        for key, of_key in results.items()
        if is_logged(index, key)
    ]


def _clusters(baseline: RunPredictions) -> Clusters | None:
    """Rows that belong together: those of a group, else those of a block of time."""
    from pilothouse.comparison.statistics.bootstrap import blocks_of, groups_of

    if baseline.rows.groups is not None:
        return groups_of(baseline.rows.groups)
    return None if baseline.rows.at is None else blocks_of(baseline.rows.at)


def _reproduces(measure: Measure, logged: float | None, metric: TaskMetric | None) -> bool:
    """Whether the shared rows give the value that a run logged.

    A metric in the unit of the target may be tiny, so that only a share of it tells.
    """
    in_unit = metric is not None and metric.in_target_unit
    return logged is not None and math.isclose(
        measure.value(),
        logged,
        rel_tol=REPRODUCED_WITHIN,
        abs_tol=0.0 if in_unit else REPRODUCED_WITHIN,
    )


def _fold_findings(store: Store, runs: Sequence[RunInfo]) -> Iterator[tuple[Any, ...]]:
    from pilothouse.comparison.statistics import t_tests

    baseline = runs[0]
    baseline_folds = _read_folds(store, baseline)
    for run in runs[1:] if baseline_folds else ():
        run_folds = _read_folds(store, run)
        same = _same_folds(run, run_folds, baseline, baseline_folds)
        for key, scores in run_folds.items():
            if key not in baseline_folds or key in ("fold", "rows_fitted", "rows_judged"):
                continue
            test = t_tests.folds if same else t_tests.folds_apart
            result = test(
                scores,
                baseline_folds[key],
                max(_judged_over_fitted(run_folds), _judged_over_fitted(baseline_folds)),
            )
            for metric in (f"{CV}{key}{MEAN}", key) if result else ():
                if metric in run.metrics and metric in baseline.metrics and result:
                    yield _finding_row(run.id, metric, result)


def _read_folds(store: Store, run: RunInfo) -> dict[str, list[float]]:
    """The scores of a run's folds by metric; empty when the file holds no such table."""
    try:
        content = read_json(store, run, "folds.json") or {}
    except PilothouseError:
        return {}
    columns = {key: value for key, value in content.items() if isinstance(value, list)}
    numbers = {
        key: [float(score) for score in value]
        for key, value in columns.items()
        if all(isinstance(score, (int, float)) for score in value)
    }
    lengths = {len(value) for value in numbers.values()}
    return numbers if len(lengths) == 1 else {}


def _judged_over_fitted(folds: Mapping[str, Sequence[float]]) -> float:
    """Rows judged on over rows fitted on, the mean of the folds; as in k folds when unknown."""
    judged, fitted = folds.get("rows_judged"), folds.get("rows_fitted")
    if judged and fitted and all(rows > 0 for rows in fitted):
        return sum(a / b for a, b in zip(judged, fitted, strict=True)) / len(fitted)
    count = len(next(iter(folds.values()), ()))
    return 1 / max(count - 1, 1)


def _same_folds(
    run: RunInfo, run_folds: Mapping[str, Any], baseline: RunInfo, baseline_folds: Mapping[str, Any]
) -> bool:
    """Whether the folds were the same rows: the same held-out digest, seed and settings."""
    digest = run.tags.get(HELD_OUT_TAG, "")
    return (
        digest != ""
        and digest == baseline.tags.get(HELD_OUT_TAG)
        and run.seed == baseline.seed
        and all(run.params.get(name) == baseline.params.get(name) for name in SETTINGS)
        and all(
            run_folds.get(name) == baseline_folds.get(name)
            for name in ("rows_fitted", "rows_judged")
        )
    )


def _seed_findings(session: Session, runs: Sequence[RunInfo]) -> Iterator[tuple[Any, ...]]:
    from pilothouse.comparison.statistics import t_tests

    groups = {run.id: _seed_siblings(session, run) for run in runs}
    baseline = runs[0]
    baseline_group = _metric_values(session, groups[baseline.id])

    for run in runs[1:]:
        if run.id in groups[baseline.id] or min(len(groups[run.id]), len(baseline_group)) < 2:
            continue
        run_group = _metric_values(session, groups[run.id])
        for metric in run.metrics:
            result = t_tests.seeds(
                _values_of_metric(run_group, metric), _values_of_metric(baseline_group, metric)
            )
            if result:
                yield _finding_row(run.id, metric, result)


def _values_of_metric(group: Mapping[str, Mapping[str, float]], metric: str) -> list[float]:
    return [values[metric] for values in group.values() if metric in values]


def _seed_siblings(session: Session, run: RunInfo) -> list[str]:
    """The run, and of the newest `MAX_SEEDS` runs those that differ from it only in the seed."""
    own_settings = _seed_and_settings(run.seed, run.params)
    if own_settings is None:
        return [run.id]

    query = (
        select(col(Run.id), col(Run.seed))
        .join(Experiment, col(Experiment.id) == col(Run.experiment_id))
        .where(
            col(Experiment.name) == run.experiment,
            col(Run.status) == FINISHED,
            col(Run.trainer) == run.trainer,
            col(Run.id) != run.id,
            col(Run.archived_at).is_(None),
        )
        .order_by(col(Run.created_at).desc())
        .limit(MAX_SEEDS)
    )
    newest = query.subquery()
    alike_in = [  # PERF: a few parameters exclude most runs, so that their others are not read
        select(literal(1))
        .where(col(Param.run_id) == newest.c.id, col(Param.key) == key, col(Param.value) == value)
        .exists()
        for key, value in islice(sorted(own_settings[1].items()), SIBLING_PARAMS)
    ]
    candidates = session.execute(select(newest.c.id, newest.c.seed).where(*alike_in))
    others = {row.id: row.seed for row in candidates}
    params: dict[str, dict[str, str]] = {candidate: {} for candidate in others}
    rows = select(col(Param.run_id), col(Param.key), col(Param.value))

    for row in session.execute(rows.where(col(Param.run_id).in_(list(others)))) if others else ():
        params[row.run_id][row.key] = row.value

    seeded = {
        candidate: _seed_and_settings(seed, params[candidate]) for candidate, seed in others.items()
    }
    alike = [
        e
        for e, settings in seeded.items()
        if settings and settings[0] != own_settings[0] and settings[1] == own_settings[1]
    ]
    return [run.id, *alike]


def _seed_and_settings(
    seed: int | None, params: Mapping[str, str]
) -> tuple[str, dict[str, str]] | None:
    """A run's seed and its other parameters; None when either is unknown."""
    seeds = [params[name] for name in SEEDS if name in params]
    rest = {key: value for key, value in params.items() if key not in SEEDS}
    own_seed = str(seed) if seed is not None else next(iter(seeds), None)
    return (own_seed, rest) if own_seed is not None and rest else None


def _metric_values(session: Session, runs: Sequence[str]) -> dict[str, dict[str, float]]:
    by_run: dict[str, dict[str, float]] = {run: {} for run in runs}
    query = select(col(RunMetric.run_id), col(RunMetric.key), col(RunMetric.last))
    for row in session.execute(query.where(col(RunMetric.run_id).in_(list(runs)))):
        if row.last is not None:
            by_run[row.run_id][row.key] = row.last
    return by_run
