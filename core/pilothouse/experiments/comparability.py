"""Whether the figures of two runs may be held against each other at all.

What decides on which rows and by which rule a figure was measured is grave: a difference then says
as much of the measuring as of the models. What may matter is told too, as a lesser caution.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pilothouse.experiments.details import RunInfo
from pilothouse.experiments.metric_notes import MetricKinds
from pilothouse.experiments.tables import FINISHED

HELD_OUT = "training.held_out"
TRAINED_HERE = "pilothouse.training"  # the source of runs whose commit is the evaluation's

# What decides on which rows a figure was measured, in the words of a reader.
SPLIT = {
    "target": "the target",
    "positive": "the positive class",
    "split": "the split",
    "test_share": "the held-out share",
    "time_column": "the column that orders time",
    "seed": "the seed of the split",
}


@dataclass(frozen=True)
class Note:
    """A reason for care with a run's figures against the baseline's.

    `subject` is data, target, split, rows, metric, evaluation, status or file. After a grave one a
    difference is no longer called better or worse without it.
    """

    subject: str
    run: str
    words: str
    grave: bool = True


def notes(
    runs: Sequence[RunInfo],
    baseline: RunInfo,
    labels: Mapping[str, str],
    specs: Mapping[str, Mapping[str, Any]],
    environments: Mapping[str, Mapping[str, Any]],
    kinds: MetricKinds,
) -> tuple[Note, ...]:
    """What stands between each run and the baseline.

    `specs` are the runs' training specifications; a run without one is judged by its parameters.
    `environments` tell which Pilothouse evaluated them.
    """
    partial = "its figures may be partial."
    found = [
        Note("status", run.id, f"{labels[run.id]} is {run.status}: {partial}", grave=False)
        for run in runs
        if run.status != FINISHED
    ]
    ours = _split(baseline, specs)
    for run in runs:
        if run.id != baseline.id:
            label = labels[run.id]
            grave = _on_data(run, baseline, label)
            grave += _on_split(run, _split(run, specs), ours, label)
            found += grave or _on_rows(run, baseline, label)
            found += _on_metrics(run, baseline, label, kinds)
            found += _on_evaluation(run, baseline, label, environments)
    return tuple(found)


def _on_rows(run: RunInfo, baseline: RunInfo, label: str) -> list[Note]:
    """Other held-out rows, where nothing else told why."""
    theirs, ours = run.tags.get(HELD_OUT), baseline.tags.get(HELD_OUT)
    if not theirs or not ours or theirs == ours:
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
    environments: Mapping[str, Mapping[str, Any]],
) -> list[Note]:
    """Another release or commit of what computed the figures."""
    told = [_version(environments.get(each.id, {})) for each in (run, baseline)]
    if all(told) and told[0] != told[1]:
        words = f"{label} was evaluated by Pilothouse {told[0]}, the baseline by {told[1]}."
        return [Note("evaluation", run.id, words, False)]
    ours = run.source == baseline.source == TRAINED_HERE
    if ours and run.commit and baseline.commit and run.commit != baseline.commit:
        words = f"{label} was evaluated by code at commit {run.commit[:12]}, "
        words += f"the baseline at {baseline.commit[:12]}."
        return [Note("evaluation", run.id, words, False)]
    return []


def _version(environment: Mapping[str, Any]) -> str:
    packages = environment.get("packages")
    return str(packages.get("pilothouse", "")) if isinstance(packages, Mapping) else ""


def _on_data(run: RunInfo, baseline: RunInfo, label: str) -> list[Note]:
    theirs, ours = _inputs(run), _inputs(baseline)
    if theirs == ours:
        return []
    words = f"{label} read {_spoken(theirs)}; the baseline read {_spoken(ours)}."
    return [Note("data", run.id, words)]


def _inputs(run: RunInfo) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for one in run.inputs:
        found.setdefault(one.role, []).append(one.dataset)
    return found


def _spoken(inputs: Mapping[str, Sequence[str]]) -> str:
    parts = [f"{' and '.join(datasets)} for {role}" for role, datasets in inputs.items()]
    return ", ".join(parts) or "no recorded dataset"


def _on_split(
    run: RunInfo, theirs: Mapping[str, str], ours: Mapping[str, str], label: str
) -> list[Note]:
    return [
        Note(
            "target" if name in ("target", "positive") else "split",
            run.id,
            f"{words} differs: {label} has {_short(value)}, the baseline {_short(ours[name])}.",
        )
        for name, words in SPLIT.items()
        if (value := theirs.get(name)) is not None and name in ours and value != ours[name]
    ]


def _short(value: str) -> str:
    """A long number to four digits; words as they are."""
    try:
        return f"{float(value):.4g}" if len(value) > 8 else value
    except ValueError:
        return value


def _split(run: RunInfo, specs: Mapping[str, Mapping[str, Any]]) -> dict[str, str]:
    told: Mapping[str, Any] = specs.get(run.id) or run.params
    found = {name: str(told[name]) for name in SPLIT if told.get(name) not in (None, "")}
    if found.get("split") == "time":  # the clock cuts, whatever the seed
        found.pop("seed", None)
    return found
