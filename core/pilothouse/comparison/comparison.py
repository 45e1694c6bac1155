"""Two to ten runs compared with a baseline: parameters, metrics, curves, histories and notes.

Whether a difference is more than noise is tested in `significance` and joined in `verdict`.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import cached_property
from operator import itemgetter
from typing import TYPE_CHECKING, Any

from sqlmodel import Session

from pilothouse.comparison.agreement import (
    Agreement,
    RecordedSettings,
    compare_settings,
    describe_data,
)
from pilothouse.comparison.comparability import ComparabilityNote, comparability_notes
from pilothouse.comparison.curves import CURVE_FILES, overlay, read_json
from pilothouse.comparison.documents import read_documents
from pilothouse.comparison.run_tasks import comparable_sets, describe_task, read_signature
from pilothouse.experiments import details
from pilothouse.experiments.details import RunInfo
from pilothouse.experiments.metrics.definitions import MetricKinds, metric_kinds
from pilothouse.experiments.metrics.history import history
from pilothouse.experiments.metrics.kinds import SAME, MetricKind
from pilothouse.experiments.metrics.leading import leading_metrics
from pilothouse.kit.errors import Invalid, PilothouseError
from pilothouse.kit.notebook_html import card, small_table
from pilothouse.models.signature import Signature
from pilothouse.models.tasks import task_of
from pilothouse.storage import Store

if TYPE_CHECKING:
    import pandas as pd

MIN_RUNS, MAX_RUNS = 2, 10
HISTORY_POINTS = 500
FOLD = "fold_"
MAX_NUMERAL = 100  # characters: beyond, it is compared as text
METRIC_COLUMNS = (
    *("metric", "title", "direction", "format", "run", "label", "value", "delta", "delta_share"),
    *("verdict", "best", "best_step", "count", "comparable", "extreme", "reaches"),
)


@dataclass(frozen=True, eq=False)
class Comparison:
    """Runs side by side, the baseline first; every frame names runs by id, `labels` says how.

    `params`, `facts` and `environment` have one row per key and one column per run id, differing
    rows first. `metrics` has one row per metric and run. `deciding` is the metric that the runs
    were trained for. `agreements` say what is the same in all runs, what differs and what is
    unknown; `packages_from` are the runs that recorded their packages. `signatures` say what the
    runs are models of (None where that is not recorded); titles and units of metrics are those of
    the baseline's task. `documents` are evaluation documents by path and run. `curves`, `documents`
    and `history` are empty without `include_curves`.
    """

    runs: tuple[RunInfo, ...]
    baseline: str
    labels: dict[str, str]
    params: pd.DataFrame
    environment: pd.DataFrame
    metrics: pd.DataFrame
    curves: dict[str, pd.DataFrame]
    documents: dict[str, dict[str, Any]]
    history: pd.DataFrame
    notes: tuple[ComparabilityNote, ...]
    agreements: tuple[Agreement, ...]
    packages_from: frozenset[str]
    signatures: dict[str, Signature | None]
    kinds: MetricKinds
    deciding: str

    def _repr_html_(self) -> str:
        """In a notebook: the metrics of the runs, the baseline first, and the parameters."""
        names = [self.labels[run.id] for run in self.runs]
        values = []
        for key in dict.fromkeys(key for run in self.runs for key in run.values):
            kind = self.kinds.of(key)
            texts = [kind.format_value(run.values.get(key, math.nan)) for run in self.runs]
            values.append((kind.title, *texts))
        params = [
            (key, *(run.params.get(key, "") for run in self.runs))
            for key in dict.fromkeys(key for run in self.runs for key in run.params)
        ]
        notes = [(note.message,) for note in self.notes]
        return card(
            f"Comparison of {len(names)} runs",
            {"Baseline": names[0], "Others": ", ".join(names[1:])},
            small_table(("Metric", *names), values),
            small_table(("Parameter", *names), params),
            small_table(("Note",), notes),
        )

    @cached_property
    def facts(self) -> pd.DataFrame:
        """The runs' own facts: code, data, seed, trainer, status."""
        return side_by_side("fact", {run.id: _facts(run) for run in self.runs})

    @cached_property
    def table(self) -> pd.DataFrame:
        """The metrics with one row per metric and a column per run."""
        return metrics_table(self.metrics, [run.id for run in self.runs])

    @cached_property
    def axes(self) -> pd.DataFrame:
        """One row per run for parallel coordinates."""
        return axes_frame(self.runs, self.labels, self.params)

    @property
    def others(self) -> tuple[RunInfo, ...]:
        """The runs without the baseline."""
        return self.runs[1:]

    def agreement(self, subject: str) -> Agreement:
        """Whether the runs agree on task, data, target, split, rows or evaluation."""
        return next(agreement for agreement in self.agreements if agreement.subject == subject)

    @property
    def comparable_sets(self) -> tuple[tuple[str, ...], ...]:
        """The runs in sets of one task; a single set when no two runs are known to differ in it."""
        return comparable_sets(self.signatures)

    def describe_task(self, run: str) -> str:
        """What a run is a model of; empty when it did not record that."""
        return describe_task(self.signatures[run])

    @property
    def incomparable(self) -> dict[str, tuple[str, ...]]:
        """By run id, the reasons that invalidate its comparison with the baseline."""
        messages: dict[str, tuple[str, ...]] = {}
        for note in self.notes:
            if note.invalidates:
                messages[note.run] = (*messages.get(note.run, ()), note.message)
        return messages


def compare_runs(
    session: Session,
    store: Store,
    run_ids: Sequence[str],
    baseline: str | None = None,
    *,
    labels: Mapping[str, str] | None = None,
    include_curves: bool = True,
) -> Comparison:
    """Compare runs with a baseline: one of them or another run; the first when none is named.

    `labels` override names of runs. Raises Invalid unless there are two to ten,
    NotFound when one is missing.
    """
    runs = details.runs(session, _checked_ids(run_ids, baseline))
    labels = {**labels_of(runs), **(labels or {})}
    cautions: list[ComparabilityNote] = []
    specs = _files(store, runs, "spec.json", cautions)
    environments = _files(store, runs, "environment.json", cautions)
    signatures = _signatures(store, runs, cautions)
    settings = RecordedSettings(specs, environments, signatures)
    kinds = metric_kinds(session).of_model(signatures[runs[0].id])
    compared_notes = comparability_notes(runs, runs[0], labels, settings, kinds)

    return Comparison(
        runs=runs,
        baseline=runs[0].id,
        labels=labels,
        params=side_by_side("param", {run.id: run.params for run in runs}),
        environment=side_by_side(
            "package", {run.id: _packages(environments.get(run.id, {})) for run in runs}
        ),
        metrics=metrics_frame(
            runs, labels, kinds, {note.run for note in compared_notes if note.invalidates}
        ),
        curves=_curves(store, runs, labels, cautions) if include_curves else {},
        documents=read_documents(store, runs) if include_curves else {},
        history=_histories(session, runs if include_curves else (), labels),
        notes=(*compared_notes, *cautions),
        agreements=compare_settings(runs, settings),
        packages_from=frozenset(run.id for run in runs if settings.has_packages(run)),
        signatures=signatures,
        kinds=kinds,
        deciding=_deciding_metric(runs, specs, kinds),
    )


def _checked_ids(run_ids: Sequence[str], baseline: str | None) -> list[str]:
    first = [baseline] if baseline else []
    ids = list(dict.fromkeys([*first, *run_ids]))
    if not MIN_RUNS <= len(ids) <= MAX_RUNS:
        raise Invalid(
            f"a comparison takes {MIN_RUNS} to {MAX_RUNS} runs; these are {len(ids)}.",
            fields={"runs": f"choose {MIN_RUNS} to {MAX_RUNS}"},
        )
    return ids


def _deciding_metric(
    runs: Sequence[RunInfo], specs: Mapping[str, Mapping[str, Any]], kinds: MetricKinds
) -> str:
    """The metric that most runs were trained for, else the first one that all have.

    A metric without a known direction is chosen only when there is no other; empty without any.
    """
    shared = set.intersection(*(set(run.metrics) for run in runs))
    shared = {key for key in shared if not _is_fold_history(key, runs)}
    order = _metric_order(shared, kinds)
    counts = Counter(str(spec["metric"]) for spec in specs.values() if spec.get("metric"))
    most_common = next((key for key, _ in counts.most_common() if key in shared), None)
    return most_common or min(
        shared, key=lambda key: (not kinds.has_direction(key), order[key]), default=""
    )


def labels_of(runs: Sequence[RunInfo]) -> dict[str, str]:
    """A label for each run: its name, with the start of its id where names are equal."""
    names = Counter(run.name for run in runs)
    return {
        run.id: run.name if names[run.name] == 1 else f"{run.name} ({run.id[:6]})" for run in runs
    }


def side_by_side(noun: str, values: Mapping[str, Mapping[str, str]]) -> pd.DataFrame:
    """Columns `noun`, `differs` and one per run; the keys that differ come first."""
    import pandas as pd

    keys = sorted({key for of_run in values.values() for key in of_run})
    rows = [(key, texts_differ([of_run.get(key) for of_run in values.values()])) for key in keys]
    rows.sort(key=lambda row: not row[1])
    columns: dict[str, Any] = {
        noun: [key for key, _ in rows],
        "differs": pd.Series([differs for _, differs in rows], dtype="bool"),
    }
    for run, of_run in values.items():
        columns[run] = pd.Series([of_run.get(key) for key, _ in rows], dtype="object")
    return pd.DataFrame(columns)


def texts_differ(values: Iterable[str | None]) -> bool:
    """Whether texts differ in meaning: 0.1 and 0.10 are the same number."""
    return len({_exact_number(value) for value in values}) > 1


NUMERAL = re.compile(r"[+-]?(0|[1-9]\d*)(\.\d+)?([eE][+-]?\d+)?")


def _exact_number(value: str | None) -> str | Decimal | None:
    """A numeral as its exact number; anything else, such as `007` of an identifier, as its text."""
    if value is None or not NUMERAL.fullmatch(value) or len(value) > MAX_NUMERAL:
        return value
    return Decimal(value)


def metrics_frame(
    runs: Sequence[RunInfo],
    labels: Mapping[str, str],
    kinds: MetricKinds,
    incomparable: Collection[str] = (),
) -> pd.DataFrame:
    """One row per metric and run, with its difference to the first run and a verdict.

    `delta_share` is the delta as a share of the baseline's size; `verdict` is better, worse, same,
    differs (the direction is unknown), unknown, or baseline. `extreme` marks the best and the worst
    value of each metric, `reaches` says whether the target is reached, `comparable` whether no
    note invalidates the comparison.
    """
    import pandas as pd

    order = _metric_order((key for run in runs for key in run.metrics), kinds)
    keys = [key for key in order if not _is_fold_history(key, runs)]
    rows = [
        row
        for kind in map(kinds.of, keys)
        for row in _mark_extremes(
            [_metric_row(kind, r, runs[0], labels, r.id not in incomparable) for r in runs], kind
        )
    ]
    return pd.DataFrame(rows, columns=list(METRIC_COLUMNS)).astype({"comparable": bool})


def _mark_extremes(rows: list[dict[str, Any]], kind: MetricKind) -> list[dict[str, Any]]:
    """The rows of one metric, the best and the worst comparable value marked if they differ."""
    fair = [row for row in rows if row["comparable"] and not math.isnan(row["value"])]
    if len({row["value"] for row in fair}) > 1 and kind.direction != "unknown":
        low, high = (choose(fair, key=itemgetter("value")) for choose in (min, max))
        best, worst = (high, low) if kind.direction == "higher" else (low, high)
        best["extreme"], worst["extreme"] = "best", "worst"
    return rows


def _metric_row(
    kind: MetricKind,
    run: RunInfo,
    baseline: RunInfo,
    labels: Mapping[str, str],
    comparable: bool,
) -> dict[str, Any]:
    key, summary = kind.key, run.metrics.get(kind.key)
    value, reference = run.values.get(key, math.nan), baseline.values.get(key, math.nan)
    verdict = "baseline" if run.id == baseline.id else kind.compare(value, reference)
    delta = value - reference

    if math.isclose(value, reference, rel_tol=SAME, abs_tol=1e-12):
        delta = 0.0

    share = delta / abs(reference) if reference and math.isfinite(reference) else math.nan
    cells = (
        *(key, kind.title, kind.direction, kind.format, run.id, labels[run.id], value),
        *((0.0, 0.0) if verdict == "baseline" else (delta, share)),
        verdict,
        summary.best if summary else math.nan,
        summary.best_step if summary else None,
        summary.count if summary else 0,
        comparable,
        "",
        kind.reaches_target(value),
    )
    return dict(zip(METRIC_COLUMNS, cells, strict=True))


def _is_fold_history(key: str, runs: Sequence[RunInfo]) -> bool:
    """Whether a metric is a history over folds, whose last value is just one of them."""
    counts = [run.metrics[key].count for run in runs if key in run.metrics]
    return key.startswith(FOLD) and max(counts) > 1


def _metric_order(keys: Iterable[str], kinds: MetricKinds | None = None) -> dict[str, int]:
    """The place of each metric: those of the baseline's task first, then other tasks', by name."""
    present = set(keys)
    of_task = task_of(kinds.signature).metrics if kinds and kinds.signature else ()
    first = [metric.key for metric in of_task if metric.key in present]
    ordered = dict.fromkeys([*first, *leading_metrics(present), *sorted(present)])
    return {key: rank for rank, key in enumerate(ordered)}


def metrics_table(metrics: pd.DataFrame, ids: Sequence[str]) -> pd.DataFrame:
    """One row per metric: metric, title, direction, format, differs, and a value per run id."""
    import pandas as pd

    rows = []
    for key, group in metrics.groupby("metric", sort=False):
        first, values = group.iloc[0], dict(zip(group["run"], group["value"], strict=True))
        differs = bool((~group["verdict"].isin(["baseline", "same"])).any())
        run_values = [values[run] for run in ids]
        rows.append(
            (key, first["title"], first["direction"], first["format"], differs, *run_values)
        )
    columns = ["metric", "title", "direction", "format", "differs", *ids]
    return pd.DataFrame(rows, columns=columns)


def axes_frame(
    runs: Sequence[RunInfo], labels: Mapping[str, str], params: pd.DataFrame
) -> pd.DataFrame:
    """One row per run: run, label, the parameters that differ, every metric all of them have."""
    import pandas as pd

    differing = params.loc[params["differs"], "param"].tolist()
    shared = set.intersection(*(set(run.metrics) for run in runs))
    columns: dict[str, Any] = {
        "run": [run.id for run in runs],
        "label": [labels[run.id] for run in runs],
    }

    for key in differing:
        columns[f"params.{key}"] = _numeric([run.params.get(key) for run in runs])

    for key in _metric_order(shared):
        columns[f"metrics.{key}"] = [run.values[key] for run in runs]

    return pd.DataFrame(columns)


def _numeric(values: list[str | None]) -> list[Any]:
    """Numbers when every present value is one, else the texts."""
    numbers = [_exact_number(value) for value in values]
    if not all(isinstance(value, (Decimal, type(None))) for value in numbers):
        return values
    return [None if value is None else float(value) for value in numbers]


def _facts(run: RunInfo) -> dict[str, str]:
    dirty = {True: "yes", False: "no", None: None}[run.dirty]
    facts = {
        "Commit": run.commit and run.commit[:12],
        "Data": describe_data(run),
        "Experiment": run.experiment,
        "Seed": run.seed,
        "Started by": run.user,
        "Status": run.status,
        "Trainer": run.trainer,
        "Uncommitted changes": dirty,
    }
    return {fact: str(value) for fact, value in facts.items() if value not in (None, "")}


def _packages(environment: Mapping[str, Any]) -> dict[str, str]:
    packages = {str(name): str(v) for name, v in dict(environment.get("packages") or {}).items()}
    names = ("python", "platform")
    return packages | {name: str(environment[name]) for name in names if name in environment}


def _files(
    store: Store, runs: Sequence[RunInfo], path: str, cautions: list[ComparabilityNote]
) -> dict[str, dict[str, Any]]:
    """A JSON file of each run that has it; one that cannot be read becomes a note."""
    by_run = {}
    for run in runs:
        try:
            value = read_json(store, run, path)
        except PilothouseError as broken:
            cautions.append(ComparabilityNote("file", run.id, str(broken), invalidates=False))
        else:
            by_run[run.id] = value or {}
    return by_run


def _signatures(
    store: Store, runs: Sequence[RunInfo], cautions: list[ComparabilityNote]
) -> dict[str, Signature | None]:
    """The signature of each run's model; one that cannot be read becomes a note."""
    signatures: dict[str, Signature | None] = {}
    for run in runs:
        signatures[run.id] = None
        try:
            signatures[run.id] = read_signature(store, run)
        except PilothouseError as broken:
            cautions.append(ComparabilityNote("file", run.id, str(broken), invalidates=False))
    return signatures


def _curves(
    store: Store,
    runs: Sequence[RunInfo],
    labels: Mapping[str, str],
    cautions: list[ComparabilityNote],
) -> dict[str, pd.DataFrame]:
    """Every curve that a run has; a broken file becomes a note instead of an error."""
    import pandas as pd

    curves = {}
    for curve in CURVE_FILES:
        frames = [overlay(store, (), labels, curve)]
        for run in runs:
            try:
                frames.append(overlay(store, [run], labels, curve))
            except PilothouseError as broken:
                cautions.append(ComparabilityNote("file", run.id, str(broken), invalidates=False))
        nonempty = [frame for frame in frames if len(frame)] or frames[:1]
        curves[curve.name] = pd.concat(nonempty, ignore_index=True)

    return curves


def _histories(
    session: Session, runs: Sequence[RunInfo], labels: Mapping[str, str]
) -> pd.DataFrame:
    """Points of every metric that some run logged more than once, with minutes since its start."""
    keys = sorted({key for run in runs for key, s in run.metrics.items() if s.count > 1})
    frame = history(session, [run.id for run in runs], keys, max_points=HISTORY_POINTS)
    frame.insert(1, "label", frame["run"].map(dict(labels)))
    began = {run.id: (run.started_at or run.created_at).timestamp() for run in runs}
    at = frame["at"].astype("datetime64[ns, UTC]").astype("int64") / 1e9
    return frame.assign(minutes=(at - frame["run"].map(began).astype("float64")) / 60)
