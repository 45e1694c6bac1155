"""Whether runs are better than a baseline or just luckier: what the stored evidence says.

Three kinds of evidence, the strongest first: predictions of the same held-out rows, scores of the
folds, and runs that differ in nothing but their seed. The statistics are in `evidence/`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Any

from sqlalchemy import literal, select
from sqlmodel import Session, col

from pilothouse.comparison.curves import read_json
from pilothouse.comparison.predictions import HELD_OUT, Predictions, align, predictions
from pilothouse.comparison.statistics import METHODS, TestResult
from pilothouse.experiments.details import RunInfo
from pilothouse.experiments.metrics.kinds import MetricKind
from pilothouse.experiments.tables import FINISHED, Experiment, Param, Run, RunMetric
from pilothouse.kit.errors import PilothouseError
from pilothouse.storage import Store

if TYPE_CHECKING:
    import pandas as pd

COLUMNS = ("run", "metric", "method", "n", "unit", "delta", "low", "high", "p", "significant")
MAX_SEEDS = 200
TELLING = 4
# A figure on the kept rows that is farther from the logged one is another figure.
NEAR = 0.01
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
    """What is known of each run's differences to the first."""
    import pandas as pd

    found, left_out = _kept(store, runs)
    aligned = align(runs, found, labels)
    told: list[tuple[Any, ...]] = []
    if aligned is None:
        silent = "the baseline kept no predictions of its held-out rows."
        left_out = {run.id: silent for run in runs[1:]} | left_out
        left_out.pop(runs[0].id, None)
    else:
        left_out = {**aligned.left_out, **left_out}
        told += _paired(runs, aligned.runs, aligned.y, aligned.scores, aligned.thresholds)
    told += _of_folds(store, runs)
    told += _of_seeds(session, runs)
    rows = len(aligned.y) if aligned is not None and len(aligned.runs) > 1 else 0
    return SignificanceReport(pd.DataFrame(told, columns=list(COLUMNS)), rows, left_out)


def words(finding: Mapping[Any, Any], kind: MetricKind) -> str:
    """A row of findings in words: the interval, the method, on how much, and p."""
    interval = f"{_signed(finding['low'], kind)} to {_signed(finding['high'], kind)}"
    told = f"95 % interval {interval}, {METHODS[finding['method']]}"
    told += f", {finding['n']:,} {finding['unit']}"
    return told + (f", {p_words(finding['p'])}" if finding["p"] == finding["p"] else "")


def p_words(p: float) -> str:
    """A p value as papers write it."""
    return "p < 0.001" if p < 0.001 else f"p = {p:.3f}" if p < 0.1 else f"p = {p:.2f}"


def _signed(value: float, kind: MetricKind) -> str:
    return format(value, f"+{kind.format}") if value == value else "unknown"


def _row(run: str, metric: str, found: TestResult) -> tuple[Any, ...]:
    return (run, metric, *(getattr(found, name) for name in COLUMNS[2:]))


def _kept(store: Store, runs: Sequence[RunInfo]) -> tuple[dict[str, Predictions], dict[str, str]]:
    """The predictions of each run; a file that cannot be read is a reason and not an error."""
    found: dict[str, Predictions] = {}
    broken: dict[str, str] = {}
    for run in runs:
        try:
            told = predictions(store, run)
        except PilothouseError as wrong:
            broken[run.id] = str(wrong)
        else:
            found |= {} if told is None else {run.id: told}
    return found, broken


def _paired(
    runs: Sequence[RunInfo], ids: Sequence[str], y: Any, scores: Any, thresholds: Sequence[float]
) -> list[tuple[Any, ...]]:
    from pilothouse.comparison.statistics.bootstrap import bootstrap
    from pilothouse.comparison.statistics.delong import delong
    from pilothouse.comparison.statistics.mcnemar import mcnemar
    from pilothouse.comparison.statistics.weighted_metrics import KEYS, WEIGHED, values

    if len(ids) < 2:
        return []
    logged = {run.id: run.values for run in runs}
    keys = [key for key in KEYS if key in logged[ids[0]]]
    figures = [
        values(keys, y, score, threshold)
        for score, threshold in zip(scores, thresholds, strict=True)
    ]
    ours = [key for key in keys if _is_near(figures[0][key], logged[ids[0]][key])]
    right = [(s >= t) == (y == 1) for s, t in zip(scores, thresholds, strict=True)]
    ranked = delong(y, scores) if "roc_auc" in ours else []
    drawn = bootstrap(y, scores, thresholds, [key for key in ours if key in WEIGHED])
    told = []
    for place, run in enumerate(ids[1:], start=1):
        for key in ours:
            if not _is_near(figures[place][key], logged[run].get(key)):
                continue
            if key == "accuracy":
                told.append(_row(run, key, mcnemar(right[place], right[0])))
            if key == "roc_auc" and ranked:
                told.append(_row(run, key, ranked[place - 1]))
            if key in drawn:
                told.append(_row(run, key, drawn[key][place - 1]))
    return told


def _is_near(figure: float, logged: float | None) -> bool:
    return logged is not None and abs(figure - logged) <= max(NEAR, NEAR * abs(logged))


def _of_folds(store: Store, runs: Sequence[RunInfo]) -> Iterator[tuple[Any, ...]]:
    from pilothouse.comparison.statistics import t_tests

    baseline = runs[0]
    ours = _folds(store, baseline)
    for run in runs[1:] if ours else ():
        theirs = _folds(store, run)
        same = _same_folds(run, theirs, baseline, ours)
        for key, scores in theirs.items():
            if key not in ours or key in ("fold", "rows_fitted", "rows_judged"):
                continue
            test = t_tests.folds if same else t_tests.folds_apart
            found = test(scores, ours[key], max(_ratio(theirs), _ratio(ours)))
            for metric in (f"{CV}{key}{MEAN}", key) if found else ():
                if metric in run.metrics and metric in baseline.metrics and found:
                    yield _row(run.id, metric, found)


def _folds(store: Store, run: RunInfo) -> dict[str, list[float]]:
    """The scores of a run's folds by metric; empty when the file holds no such table."""
    try:
        told = read_json(store, run, "folds.json") or {}
    except PilothouseError:
        return {}
    columns = {key: value for key, value in told.items() if isinstance(value, list)}
    numbers = {
        key: [float(each) for each in value]
        for key, value in columns.items()
        if all(isinstance(each, (int, float)) for each in value)
    }
    lengths = {len(value) for value in numbers.values()}
    return numbers if len(lengths) == 1 else {}


def _ratio(folds: Mapping[str, Sequence[float]]) -> float:
    """Rows judged on over rows fitted on, the mean of the folds; as in k folds when unknown."""
    judged, fitted = folds.get("rows_judged"), folds.get("rows_fitted")
    if judged and fitted and all(each > 0 for each in fitted):
        return sum(a / b for a, b in zip(judged, fitted, strict=True)) / len(fitted)
    count = len(next(iter(folds.values()), ()))
    return 1 / max(count - 1, 1)


def _same_folds(
    run: RunInfo, theirs: Mapping[str, Any], baseline: RunInfo, ours: Mapping[str, Any]
) -> bool:
    """Whether the folds were the same rows: one held-out digest, seed and settings make one cut."""
    digest = run.tags.get(HELD_OUT, "")
    return (
        digest != ""
        and digest == baseline.tags.get(HELD_OUT)
        and run.seed == baseline.seed
        and all(run.params.get(name) == baseline.params.get(name) for name in SETTINGS)
        and all(theirs.get(name) == ours.get(name) for name in ("rows_fitted", "rows_judged"))
    )


def _of_seeds(session: Session, runs: Sequence[RunInfo]) -> Iterator[tuple[Any, ...]]:
    from pilothouse.comparison.statistics import t_tests

    groups = {run.id: _siblings(session, run) for run in runs}
    baseline = runs[0]
    ours = _values(session, groups[baseline.id])
    for run in runs[1:]:
        if run.id in groups[baseline.id] or min(len(groups[run.id]), len(ours)) < 2:
            continue
        theirs = _values(session, groups[run.id])
        for metric in run.metrics:
            found = t_tests.seeds(_of(theirs, metric), _of(ours, metric))
            if found:
                yield _row(run.id, metric, found)


def _of(group: Mapping[str, Mapping[str, float]], metric: str) -> list[float]:
    return [values[metric] for values in group.values() if metric in values]


def _siblings(session: Session, run: RunInfo) -> list[str]:
    """The run, and of the newest `MAX_SEEDS` those that differ from it in nothing but the seed."""
    ours = _seeded(run.seed, run.params)
    if ours is None:
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
    alike_in = [  # most are told apart by a few parameters, and never read in full
        select(literal(1))
        .where(col(Param.run_id) == newest.c.id, col(Param.key) == key, col(Param.value) == value)
        .exists()
        for key, value in islice(sorted(ours[1].items()), TELLING)
    ]
    found = session.execute(select(newest.c.id, newest.c.seed).where(*alike_in))
    others = {row.id: row.seed for row in found}
    params: dict[str, dict[str, str]] = {each: {} for each in others}
    rows = select(col(Param.run_id), col(Param.key), col(Param.value))
    for row in session.execute(rows.where(col(Param.run_id).in_(list(others)))) if others else ():
        params[row.run_id][row.key] = row.value
    seeded = {each: _seeded(seed, params[each]) for each, seed in others.items()}
    alike = [e for e, told in seeded.items() if told and told[0] != ours[0] and told[1] == ours[1]]
    return [run.id, *alike]


def _seeded(seed: int | None, params: Mapping[str, str]) -> tuple[str, dict[str, str]] | None:
    """A run's seed and everything else; None for a run of which either is unknown."""
    told = [params[name] for name in SEEDS if name in params]
    rest = {key: value for key, value in params.items() if key not in SEEDS}
    known = str(seed) if seed is not None else next(iter(told), None)
    return (known, rest) if known is not None and rest else None


def _values(session: Session, runs: Sequence[str]) -> dict[str, dict[str, float]]:
    found: dict[str, dict[str, float]] = {run: {} for run in runs}
    query = select(col(RunMetric.run_id), col(RunMetric.key), col(RunMetric.last))
    for row in session.execute(query.where(col(RunMetric.run_id).in_(list(runs)))):
        if row.last is not None:
            found[row.run_id][row.key] = row.last
    return found
