"""The comparison of the page: runs and versions from the address, baseline, cached evidence."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import streamlit as st

from pilothouse.comparison.run_tasks import decides
from pilothouse.comparison.significance import SignificanceReport
from pilothouse.kit.errors import Invalid
from pilothouse.models.answers import REFERENCE_PATH, SIGNATURE_PATH
from pilothouse_app.components.charting import ImageFormat
from pilothouse_app.components.links import query_param
from pilothouse_app.components.markdown import literal
from pilothouse_app.components.workspace import workspace
from pilothouse_app.features.experiments.register_model import champion_runs

if TYPE_CHECKING:
    import pandas as pd

    from pilothouse.comparison.comparison import Comparison
    from pilothouse.comparison.verdict import ComparisonVerdict

MAX_RUNS = 10
MAX_DRAWN = 8
EVIDENCE_FILES = (REFERENCE_PATH, "folds.json", "confusion.json", SIGNATURE_PATH)


@dataclass(frozen=True)
class Selection:
    """The runs that the address names, with labels for those that were named as versions.

    `champions` are the runs in production that are models of the same task.
    """

    runs: tuple[str, ...]
    labels: Mapping[str, str]
    baseline: str
    champions: tuple[str, ...]

    @property
    def enough(self) -> bool:
        """Whether there are two to compare."""
        return len({*self.runs, self.baseline} - {""}) >= 2


def selection() -> Selection:
    """What the address names. Raises NotFound, Invalid for what is not there or has no run."""
    labels: dict[str, str] = {}
    runs = [_run(ref.strip(), labels) for ref in query_param("runs").split(",") if ref.strip()]
    runs = list(dict.fromkeys(runs))
    champion_ids = champion_runs()
    if runs and champion_ids:
        champion_ids = workspace().comparison.comparable_runs(runs, champion_ids)
    requested = query_param("baseline").strip()
    if requested:
        baseline = _run(requested, labels)
    else:
        inside = next((run for run in champion_ids if run in runs), "")
        baseline = inside or (
            champion_ids[0] if champion_ids and runs and len(runs) < MAX_RUNS else ""
        )

    return Selection(tuple(runs), labels, baseline, tuple(champion_ids))


def _run(ref: str, labels: dict[str, str]) -> str:
    """A run's id; of a version such as `flights@1` or `flights@champion`, the run it came from."""
    model, at, which = ref.rpartition("@")
    if not at:
        return ref
    version = workspace().registry.version(model, int(which) if which.isdigit() else which)
    if version.run_id is None:
        raise Invalid(
            f"{ref} was imported, so there is no run to compare.",
            hint="Compare versions that were made by a run of this workspace.",
        )
    labels[version.run_id] = f"{version.model} {version.version}"
    return version.run_id


class ComparisonContext:
    """The comparison on the page. What a view does not ask for is not computed."""

    def __init__(self, which: Selection, *, whole: bool) -> None:
        self.chosen = which
        self.compared: Comparison = workspace().comparison.compare(
            which.runs, which.baseline or None, labels=which.labels, include_curves=whole
        )

    @property
    def ids(self) -> list[str]:
        """The runs, the baseline first."""
        return [run.id for run in self.compared.runs]

    @property
    def labels(self) -> dict[str, str]:
        """How each run is called."""
        return self.compared.labels

    @property
    def baseline_label(self) -> str:
        """How the baseline is called."""
        return self.labels[self.compared.baseline]

    @property
    def drawn_labels(self) -> list[str]:
        """The names of the runs that charts show: no more than there are colours."""
        return [self.labels[run] for run in self.ids[:MAX_DRAWN]]

    @cached_property
    def evidence(self) -> SignificanceReport:
        """Significance from folds, seeds and predictions, cached by the evidence."""
        findings, rows, left_out = _significance(
            str(workspace().folder), self.key, tuple(self.labels.items()), self.compared
        )
        return SignificanceReport(findings, rows, left_out)

    @cached_property
    def rows(self) -> pd.DataFrame:
        """Every metric of every run with its verdict."""
        return workspace().comparison.metrics_with_verdicts(self.compared, self.evidence)

    def verdict(self, metric: str = "") -> ComparisonVerdict | None:
        """The verdict by a metric, or by the one that decides."""
        return workspace().comparison.verdict(self.compared, self.evidence, metric, rows=self.rows)

    @property
    def key(self) -> tuple[Any, ...]:
        """The cache key of the evidence: files by digest, end, seed and metric values."""
        return tuple(
            (
                run.id,
                run.seed,
                str(run.ended_at),
                tuple(file.digest for file in run.artifacts if file.path in EVIDENCE_FILES),
                tuple(run.values.items()),
            )
            for run in self.compared.runs
        )

    def has_predictions(self, run: str) -> bool:
        """Whether a run stored its predictions on held-out rows."""
        return next(r for r in self.compared.runs if r.id == run).has_artifact(REFERENCE_PATH)

    @property
    def peers(self) -> list[str]:
        """The baseline and the runs that are not known to be of another task than it."""
        baseline = self.compared.baseline
        return list(next(runs for runs in self.compared.comparable_sets if baseline in runs))

    @property
    def with_predictions(self) -> list[str]:
        """The runs of the baseline's task that stored predictions, in order."""
        return [run for run in self.peers if self.has_predictions(run)]

    @cached_property
    def with_threshold(self) -> list[str]:
        """The runs among these with a score that a threshold decides on."""
        return workspace().comparison.with_threshold(self.with_predictions)

    @property
    def decides(self) -> bool:
        """Whether a row can be predicted right or wrong; else only at a cost."""
        signature = self.compared.signatures[self.compared.baseline]
        return signature is None or decides(signature)


@st.cache_data(show_spinner="Testing significance", max_entries=64, ttl=600)
def _significance(
    folder: str, key: Any, labels: Any, _compared: Comparison
) -> tuple[pd.DataFrame, int, dict[str, str]]:
    """Plain values, for a class is made anew when its module is; ttl because seeds may join."""
    report = workspace().comparison.significance(_compared)
    return report.findings, report.rows, dict(report.left_out)


def image_format() -> ImageFormat:
    """The kind of picture that charts save."""
    return "svg" if st.session_state.get("compare_picture") == "SVG" else "png"


def note_undrawn_runs(context: ComparisonContext) -> None:
    """Say which runs the charts leave out, when there are more than colours."""
    if len(context.ids) > MAX_DRAWN:
        left = literal(", ".join(context.labels[run] for run in context.ids[MAX_DRAWN:]))
        st.markdown(
            f":small[:gray[Charts show the baseline and {MAX_DRAWN - 1} more runs, not: {left}.]]"
        )


def note_missing_predictions(context: ComparisonContext) -> None:
    """Say which runs have no stored predictions, when others have some."""
    without = [context.labels[run] for run in context.ids if not context.has_predictions(run)]
    if without and context.with_predictions:
        st.markdown(f":small[:gray[Without stored predictions: {literal(', '.join(without))}.]]")
