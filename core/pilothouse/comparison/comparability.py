"""Whether the metrics of two runs can be compared at all.

A difference in the rows or in the rule of measurement invalidates a comparison: the difference of a
metric then reflects the measurement as much as the models. Other differences are only cautions.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from pilothouse.comparison.agreement import (
    DIFFERS,
    SPLIT,
    TARGET,
    RecordedSettings,
    compare_data,
    compare_evaluation,
    compare_rows,
    recorded_data,
)
from pilothouse.comparison.run_tasks import task_difference
from pilothouse.experiments.details import RunInfo
from pilothouse.experiments.metrics.definitions import MetricKinds
from pilothouse.experiments.tables import FINISHED

FRACTION = re.compile(r"-?\d+\.\d+([eE][+-]?\d+)?")


@dataclass(frozen=True)
class ComparabilityNote:
    """A reason why a run's metrics may not be comparable with the baseline's.

    `subject` is task, data, target, split, rows, metric, evaluation, status or file. A note that
    `invalidates` the comparison is shown with every verdict on the run.
    """

    subject: str
    run: str
    message: str
    invalidates: bool = True


def comparability_notes(
    runs: Sequence[RunInfo],
    baseline: RunInfo,
    labels: Mapping[str, str],
    settings: RecordedSettings,
    kinds: MetricKinds,
) -> tuple[ComparabilityNote, ...]:
    """Every reason against comparing a run with the baseline, run by run."""
    partial = "its metrics may be partial."
    found_notes = [
        ComparabilityNote(
            "status", run.id, f"{labels[run.id]} is {run.status}: {partial}", invalidates=False
        )
        for run in runs
        if run.status != FINISHED
    ]
    names = {**TARGET, **SPLIT}
    baseline_settings = settings.of(baseline, names)

    for run in runs:
        if run.id != baseline.id:
            label = labels[run.id]
            grave = _task_notes(run, baseline, label, settings)
            grave += _data_notes(run, baseline, label)
            grave += _split_notes(run, settings.of(run, names), baseline_settings, label)
            found_notes += grave or _row_notes(run, baseline, label)
            found_notes += _metric_notes(run, baseline, label, kinds)
            found_notes += _evaluation_notes(run, baseline, label, settings)

    return tuple(found_notes)


def _task_notes(
    run: RunInfo, baseline: RunInfo, label: str, settings: RecordedSettings
) -> list[ComparabilityNote]:
    """A model of another task, or of other classes: its metrics measure something else."""
    own, reference = settings.signatures.get(run.id), settings.signatures.get(baseline.id)
    other = task_difference(own, reference) if own and reference else ""
    return [ComparabilityNote("task", run.id, f"{label} {other}.")] if other else []


def _row_notes(run: RunInfo, baseline: RunInfo, label: str) -> list[ComparabilityNote]:
    """Different held-out rows, when no other difference explains them."""
    if compare_rows(run, baseline) != DIFFERS:
        return []
    return [
        ComparabilityNote(
            "rows", run.id, f"{label} was judged on other held-out rows than the baseline."
        )
    ]


def _metric_notes(
    run: RunInfo, baseline: RunInfo, label: str, kinds: MetricKinds
) -> list[ComparabilityNote]:
    """Metrics whose description changed between the ends of the two runs."""
    if run.ended_at is None or baseline.ended_at is None:
        return []
    first, last = sorted((run.ended_at, baseline.ended_at))
    changed = [
        kinds.of(key).title
        for key, at in kinds.changed.items()
        if first < at <= last and key in run.metrics and key in baseline.metrics
    ]
    if not changed:
        return []
    message = f"the description of {' and '.join(sorted(changed))} was changed between the ends of"
    return [ComparabilityNote("metric", run.id, f"{message} {label} and the baseline.", False)]


def _evaluation_notes(
    run: RunInfo,
    baseline: RunInfo,
    label: str,
    settings: RecordedSettings,
) -> list[ComparabilityNote]:
    """Metrics computed by different releases or commits."""
    if compare_evaluation(run, baseline, settings) != DIFFERS:
        return []
    releases = [settings.release(info) for info in (run, baseline)]
    if all(releases):
        message = (
            f"{label} was evaluated by Pilothouse {releases[0]}, the baseline by {releases[1]}."
        )
    else:
        message = f"{label} was evaluated by code at commit {(run.commit or '')[:12]}, "
        message += f"the baseline at {(baseline.commit or '')[:12]}."
    return [ComparabilityNote("evaluation", run.id, message, False)]


def _data_notes(run: RunInfo, baseline: RunInfo, label: str) -> list[ComparabilityNote]:
    if compare_data(run, baseline) != DIFFERS:
        return []
    message = (
        f"{label} read {_describe_inputs(run)}; the baseline read {_describe_inputs(baseline)}."
    )
    return [ComparabilityNote("data", run.id, message)]


def _describe_inputs(run: RunInfo) -> str:
    by_role: dict[str, list[str]] = {}
    for name, role in recorded_data(run):
        by_role.setdefault(role, []).append(name)
    parts = [
        " and ".join(names) + (f" for {role}" if role else "") for role, names in by_role.items()
    ]
    return ", ".join(parts)


def _split_notes(
    run: RunInfo, run_settings: Mapping[str, str], baseline_settings: Mapping[str, str], label: str
) -> list[ComparabilityNote]:
    return [
        ComparabilityNote(
            "target" if name in ("target", "positive") else "split",
            run.id,
            f"{title} differs: {label} has {other}, the baseline {own}.",
        )
        for name, title in {**TARGET, **SPLIT}.items()
        if (value := run_settings.get(name)) is not None
        and name in baseline_settings
        and value != baseline_settings[name]
        for other, own in [_shortened(value, baseline_settings[name])]
    ]


def _shortened(*values: str) -> list[str]:
    """Long fractions to four digits, unless that makes two alike; everything else as it is."""
    short = [_short(value) for value in values]
    return list(values) if len(set(short)) < len(set(values)) else short


def _short(value: str) -> str:
    """A long fraction to four digits; a whole number may be a name, a day or a seed."""
    return f"{float(value):.4g}" if len(value) > 8 and FRACTION.fullmatch(value) else value
