"""Whether the figures of two runs may be held against each other at all.

What decides on which rows and by which rule a figure was measured is grave: a difference then says
as much of the measuring as of the models. What may matter is told too, as a lesser caution.
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
from pilothouse.experiments.details import RunInfo
from pilothouse.experiments.metrics.definitions import MetricKinds
from pilothouse.experiments.tables import FINISHED

FRACTION = re.compile(r"-?\d+\.\d+([eE][+-]?\d+)?")


@dataclass(frozen=True)
class Note:
    """A reason for care with a run's figures against the baseline's.

    `subject` is data, target, split, rows, metric, evaluation, status or file. After a grave one a
    difference is no longer called better or worse without it.
    """

    subject: str
    run: str
    message: str
    grave: bool = True


def notes(
    runs: Sequence[RunInfo],
    baseline: RunInfo,
    labels: Mapping[str, str],
    settings: RecordedSettings,
    kinds: MetricKinds,
) -> tuple[Note, ...]:
    """What stands between each run and the baseline."""
    partial = "its figures may be partial."
    found = [
        Note("status", run.id, f"{labels[run.id]} is {run.status}: {partial}", grave=False)
        for run in runs
        if run.status != FINISHED
    ]
    names = {**TARGET, **SPLIT}
    ours = settings.of(baseline, names)
    for run in runs:
        if run.id != baseline.id:
            label = labels[run.id]
            grave = _on_data(run, baseline, label)
            grave += _on_split(run, settings.of(run, names), ours, label)
            found += grave or _on_rows(run, baseline, label)
            found += _on_metrics(run, baseline, label, kinds)
            found += _on_evaluation(run, baseline, label, settings)
    return tuple(found)


def _on_rows(run: RunInfo, baseline: RunInfo, label: str) -> list[Note]:
    """Other held-out rows, where nothing else told why."""
    if compare_rows(run, baseline) != DIFFERS:
        return []
    return [Note("rows", run.id, f"{label} was judged on other held-out rows than the baseline.")]


def _on_metrics(run: RunInfo, baseline: RunInfo, label: str, kinds: MetricKinds) -> list[Note]:
    """Metrics that were described anew between the ends of the two runs."""
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
    words = f"the description of {' and '.join(sorted(changed))} was changed between the ends of"
    return [Note("metric", run.id, f"{words} {label} and the baseline.", False)]


def _on_evaluation(
    run: RunInfo,
    baseline: RunInfo,
    label: str,
    settings: RecordedSettings,
) -> list[Note]:
    """Another release or commit of what computed the figures."""
    if compare_evaluation(run, baseline, settings) != DIFFERS:
        return []
    releases = [settings.release(each) for each in (run, baseline)]
    if all(releases):
        words = f"{label} was evaluated by Pilothouse {releases[0]}, the baseline by {releases[1]}."
    else:
        words = f"{label} was evaluated by code at commit {(run.commit or '')[:12]}, "
        words += f"the baseline at {(baseline.commit or '')[:12]}."
    return [Note("evaluation", run.id, words, False)]


def _on_data(run: RunInfo, baseline: RunInfo, label: str) -> list[Note]:
    if compare_data(run, baseline) != DIFFERS:
        return []
    words = f"{label} read {_inputs(run)}; the baseline read {_inputs(baseline)}."
    return [Note("data", run.id, words)]


def _inputs(run: RunInfo) -> str:
    by_role: dict[str, list[str]] = {}
    for name, role in recorded_data(run):
        by_role.setdefault(role, []).append(name)
    parts = [
        " and ".join(names) + (f" for {role}" if role else "") for role, names in by_role.items()
    ]
    return ", ".join(parts)


def _on_split(
    run: RunInfo, theirs: Mapping[str, str], ours: Mapping[str, str], label: str
) -> list[Note]:
    return [
        Note(
            "target" if name in ("target", "positive") else "split",
            run.id,
            f"{words} differs: {label} has {other}, the baseline {own}.",
        )
        for name, words in {**TARGET, **SPLIT}.items()
        if (value := theirs.get(name)) is not None and name in ours and value != ours[name]
        for other, own in [_shortened(value, ours[name])]
    ]


def _shortened(*values: str) -> list[str]:
    """Long fractions to four digits, unless that makes two alike; everything else as it is."""
    short = [_short(value) for value in values]
    return list(values) if len(set(short)) < len(set(values)) else short


def _short(value: str) -> str:
    """A long fraction to four digits; a whole number may be a name, a day or a seed."""
    return f"{float(value):.4g}" if len(value) > 8 and FRACTION.fullmatch(value) else value
