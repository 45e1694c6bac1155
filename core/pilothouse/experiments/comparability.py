"""Whether the figures of two runs may be held against each other at all."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pilothouse.experiments.details import RunInfo
from pilothouse.experiments.tables import FINISHED

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
    """A reason for care with a run's figures; `subject` is data, split or status."""

    subject: str
    run: str
    words: str


def notes(
    runs: Sequence[RunInfo],
    baseline: RunInfo,
    labels: Mapping[str, str],
    specs: Mapping[str, Mapping[str, Any]],
) -> tuple[Note, ...]:
    """What stands between each run and the baseline.

    `specs` are the runs' training specifications; a run without one is judged by its parameters.
    """
    found = [
        Note("status", run.id, f"{labels[run.id]} is {run.status}: its figures may be partial.")
        for run in runs
        if run.status != FINISHED
    ]
    ours = _split(baseline, specs)
    for run in runs:
        if run.id != baseline.id:
            found += _on_data(run, baseline, labels[run.id])
            found += _on_split(run, _split(run, specs), ours, labels[run.id])
    return tuple(found)


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
        Note("split", run.id, f"{words} differs: {label} has {value}, the baseline {ours[name]}.")
        for name, words in SPLIT.items()
        if (value := theirs.get(name)) is not None and name in ours and value != ours[name]
    ]


def _split(run: RunInfo, specs: Mapping[str, Mapping[str, Any]]) -> dict[str, str]:
    told: Mapping[str, Any] = specs.get(run.id) or run.params
    found = {name: str(told[name]) for name in SPLIT if told.get(name) not in (None, "")}
    if found.get("split") == "time":  # the clock cuts, whatever the seed
        found.pop("seed", None)
    return found
