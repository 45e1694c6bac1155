"""The Python API of comparisons: runs against a baseline, significance, thresholds and slices."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from sqlmodel import Session

from pilothouse.comparison import (
    code_diff,
    disagreements,
    importance,
    predictions,
    significance,
    slices,
    thresholds,
    verdict,
)
from pilothouse.comparison.agreement import DIFFERS, compare_tasks
from pilothouse.comparison.code_diff import CodeDiff
from pilothouse.comparison.comparison import Comparison, compare_runs, labels_of
from pilothouse.comparison.importance import ParamImportance
from pilothouse.comparison.predictions import AlignedPredictions, RunPredictions
from pilothouse.comparison.run_tasks import read_signature
from pilothouse.comparison.significance import SignificanceReport
from pilothouse.comparison.slices import MIN_ROWS, SliceReport
from pilothouse.comparison.thresholds import ThresholdReport
from pilothouse.comparison.verdict import ComparisonVerdict
from pilothouse.experiments import details
from pilothouse.experiments.details import RunInfo
from pilothouse.experiments.metrics import definitions
from pilothouse.experiments.provenance.git import running_folder
from pilothouse.experiments.run_table.filters import RunFilter
from pilothouse.kit.errors import Invalid, PilothouseError
from pilothouse.models.answers import REFERENCE_PATH
from pilothouse.models.signature import Signature
from pilothouse.models.tasks import primary_metric
from pilothouse.storage.service import Service

if TYPE_CHECKING:
    import pandas as pd


class Comparisons(Service):
    """The comparison of runs; a baseline that is not named is the first of the runs."""

    def compare(
        self,
        runs: Sequence[str],
        baseline: str | None = None,
        *,
        labels: Mapping[str, str] | None = None,
        include_curves: bool = True,
    ) -> Comparison:
        """Compare two to ten runs with a baseline: one of them, another run, or else the first.

        `labels` override names of runs. Without `include_curves`, curves and histories are empty.
        """
        with self._store.read() as session:
            return compare_runs(
                session, self._store, runs, baseline, labels=labels, include_curves=include_curves
            )

    def significance(self, comparison: Comparison) -> SignificanceReport:
        """Test each difference with predictions of the same rows, folds and seeds."""
        with self._store.read() as session:
            return significance.significance(
                session, self._store, comparison.runs, comparison.labels
            )

    def metrics_with_verdicts(
        self, comparison: Comparison, evidence: SignificanceReport
    ) -> pd.DataFrame:
        """The comparison's metrics with the verdict on each difference and its evidence."""
        return verdict.metrics_with_verdicts(comparison.metrics, evidence.findings)

    def verdict(
        self,
        comparison: Comparison,
        evidence: SignificanceReport,
        metric: str = "",
        *,
        rows: pd.DataFrame | None = None,
    ) -> ComparisonVerdict | None:
        """Which run is best by a metric, by how much, and whether that is more than noise.

        `rows` are those of `metrics_with_verdicts`, for callers that have them already.
        """
        with_verdicts = self.metrics_with_verdicts(comparison, evidence) if rows is None else rows
        return verdict.verdict(comparison, with_verdicts, evidence.left_out, metric)

    def at_threshold(
        self,
        runs: Sequence[str],
        threshold: float | None = None,
        *,
        false_positive_cost: float = 1.0,
        false_negative_cost: float = 1.0,
        baseline: str | None = None,
        labels: Mapping[str, str] | None = None,
    ) -> ThresholdReport:
        """Counts, rates and costs of runs at one threshold; the baseline's own when none is given.

        From stored predictions; a run without any, or without a score that a threshold decides on,
        is left out. Raises Invalid when none is left.
        """
        with self._store.read() as session:
            infos, names = self._in_order(session, runs, baseline)
        by_run = self._predictions(infos)
        names |= labels or {}
        chosen = (
            thresholds.default_threshold(list(by_run.values())) if threshold is None else threshold
        )
        return thresholds.at_threshold(
            by_run, names, chosen, false_positive_cost, false_negative_cost
        )

    def slices(
        self,
        runs: Sequence[str],
        metric: str = "",
        *,
        columns: Sequence[str] | None = None,
        threshold: float | None = None,
        min_rows: int = MIN_ROWS,
        baseline: str | None = None,
    ) -> SliceReport:
        """A metric on each part of the held-out rows, by some columns or all; worst part first.

        The metric is the first of the baseline's task unless one is named. Runs of another task
        than the baseline are left out.
        """
        with self._store.read() as session:
            infos, labels = self._in_order(session, runs, baseline)
            kinds = definitions.metric_kinds(session)

        by_run = self._predictions(infos)
        reference = next(iter(by_run.values()))
        at = reference.signature.threshold if threshold is None else threshold
        by_run = {
            run: part.at_threshold(at)
            for run, part in by_run.items()
            if not predictions.difference(part, reference)
        }
        frames = {
            run: predictions.features(self._store, part, columns) for run, part in by_run.items()
        }
        recorded = reference.signature if reference.is_recorded else None
        kind = kinds.of_model(recorded).of(metric or primary_metric(reference.task))
        return slices.slices(by_run, frames, labels, kind, min_rows)

    def slice_metrics(self, run: str) -> dict[str, bool]:
        """The metrics that a run's held-out rows can be sliced by, those of its task first.

        Each with whether it depends on the threshold. Empty when the run kept no predictions.
        """
        with self._store.read() as session:
            infos = details.runs(session, [run])
        part = predictions.predictions(self._store, infos[0])
        return {} if part is None else slices.sliceable(part)

    def with_threshold(self, runs: Sequence[str]) -> list[str]:
        """The runs among these that kept a score between 0 and 1 that a threshold decides on."""
        with self._store.read() as session:
            infos = details.runs(session, list(runs))
        loaded = [(run.id, predictions.predictions(self._store, run)) for run in infos]
        return [run for run, part in loaded if part is not None and part.score_column]

    def comparable_runs(self, runs: Sequence[str], candidates: Sequence[str]) -> list[str]:
        """The candidates, in order, that are models of the same task as the first of the runs.

        A run or candidate that did not record its task counts as one of the same.
        """
        with self._store.read() as session:
            infos = details.runs(session, list(dict.fromkeys([*runs, *candidates])))
        signatures = {run.id: self._signature(run) for run in infos}
        own = signatures[runs[0]]
        return [
            candidate
            for candidate in candidates
            if compare_tasks(own, signatures[candidate]) != DIFFERS
        ]

    def own_threshold(self, run: str) -> float:
        """The threshold that a run's own metrics were computed at; 0.5 when it recorded none."""
        with self._store.read() as session:
            infos = details.runs(session, [run])
        return predictions.own_threshold(self._store, infos[0])

    def slice_columns(self, run: str) -> list[str]:
        """The columns that a run's held-out rows can be sliced by."""
        with self._store.read() as session:
            infos = details.runs(session, [run])
        run_predictions = predictions.predictions(self._store, infos[0])
        return (
            []
            if run_predictions is None
            else predictions.feature_names(self._store, run_predictions)
        )

    def disagreements(
        self, runs: Sequence[str], threshold: float | None = None, baseline: str | None = None
    ) -> pd.DataFrame:
        """How many shared rows each run predicts differently from the baseline, and who is right.

        Columns: run, label, rows, flipped, share, right, wrong, to_positive. Of numbers, `right`
        counts the rows on which the run is closer. Without a threshold, each run has its own.
        """
        with self._store.read() as session:
            infos, labels = self._in_order(session, runs, baseline)
        return disagreements.disagreements(self._aligned(infos, labels), labels, threshold)

    def disagreeing_rows(
        self, run: str, baseline: str, threshold: float | None = None
    ) -> pd.DataFrame:
        """The rows that a run predicts differently from the baseline, largest difference first.

        Columns: row, target, baseline, run (scores, or what they predict), right, then the
        features. Raises Invalid when the two share no rows, saying why.
        """
        with self._store.read() as session:
            infos, labels = self._in_order(session, [run], baseline)
        aligned = self._aligned(infos, labels)
        if run not in aligned.runs:
            raise Invalid(f"the rows cannot be paired: {aligned.left_out.get(run, 'one run')}")
        baseline_predictions = self._predictions(infos[:1])[baseline]
        return disagreements.disagreeing_rows(
            aligned, predictions.features(self._store, baseline_predictions), run, threshold
        )

    def param_importance(self, metric: str, filter: RunFilter | None = None) -> ParamImportance:
        """Permutation importance of each parameter for a metric over finished runs (one second)."""
        with self._store.read() as session:
            return importance.param_importance(session, self._store, metric, filter)

    def code_diff(self, run: str, baseline: str) -> CodeDiff:
        """What changed in the code from the baseline to a run."""
        with self._store.read() as session:
            run_info, baseline_info = details.runs(session, [run, baseline])
        folders = [Path.cwd(), running_folder(), Path(__file__).parent]
        return code_diff.code_diff(self._store, run_info, baseline_info, folders)

    def _signature(self, run: RunInfo) -> Signature | None:
        """The signature of a run's model; None where it is missing or cannot be read."""
        try:
            return read_signature(self._store, run)
        except PilothouseError:
            return None

    def _in_order(
        self, session: Session, runs: Sequence[str], baseline: str | None
    ) -> tuple[tuple[RunInfo, ...], dict[str, str]]:
        """The runs, the baseline first, and their names."""
        ids = list(dict.fromkeys([*([baseline] if baseline else []), *runs]))
        infos = details.runs(session, ids)
        return infos, labels_of(infos)

    def _predictions(self, infos: Sequence[RunInfo]) -> dict[str, RunPredictions]:
        loaded = {run.id: predictions.predictions(self._store, run) for run in infos}
        by_run = {
            run: run_predictions
            for run, run_predictions in loaded.items()
            if run_predictions is not None
        }
        if not by_run:
            raise Invalid(
                "none of these runs kept predictions of its held-out rows.",
                hint=f"A run keeps them as {REFERENCE_PATH}, as training here does.",
            )
        return by_run

    def _aligned(self, infos: Sequence[RunInfo], labels: Mapping[str, str]) -> AlignedPredictions:
        aligned = predictions.align(infos, self._predictions(infos), labels)
        if aligned is None:
            raise Invalid("the baseline kept no predictions of its held-out rows.")
        return aligned
