"""Whether compared runs agree on task, data, target, split, rows and evaluation.

A subject that a run did not record is unknown, never the same: otherwise two runs that recorded
nothing would count as runs on the same data.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any, Literal

from pilothouse.comparison.run_tasks import describe_task, task_difference
from pilothouse.experiments.details import RunInfo
from pilothouse.models.answers import HELD_OUT_TAG
from pilothouse.models.signature import Signature

State = Literal["same", "differs", "unknown"]
SAME: State = "same"
DIFFERS: State = "differs"
UNKNOWN: State = "unknown"

TRAINED_HERE = "pilothouse.training"  # the source of runs whose commit is the evaluation's
DIGEST_LENGTH = 12

# What decides on which rows a metric was measured, and how it is called.
TARGET = {"target": "the target", "positive": "the positive class"}
SPLIT = {
    "split": "the split",
    "evaluation": "the way of evaluation",
    "test_share": "the held-out share",
    "time_column": "the column that orders time",
    "seed": "the seed of the split",
}


@dataclass(frozen=True)
class Agreement:
    """Whether runs agree on a subject, and what each run recorded of it, by run id.

    `subject` is task, data, target, split, rows or evaluation; `values` is empty text where a run
    recorded nothing.
    """

    subject: str
    title: str
    state: State
    values: Mapping[str, str]


@dataclass(frozen=True)
class RecordedSettings:
    """What runs recorded beside themselves, by run id.

    These are training specifications, environments, and the signatures of models (None where there
    is none).
    """

    specs: Mapping[str, Mapping[str, Any]]
    environments: Mapping[str, Mapping[str, Any]]
    signatures: Mapping[str, Signature | None]

    def of(self, run: RunInfo, names: Iterable[str]) -> dict[str, str]:
        """The settings of these names from the specification, else from the parameters."""
        source: Mapping[str, Any] = self.specs.get(run.id) or run.params
        values = {name: str(source[name]) for name in names if source.get(name) not in (None, "")}
        if source.get("split") == "time":  # the clock cuts, whatever the seed
            values.pop("seed", None)
        if source.get("evaluation") == "folds":  # no share of the rows is held out
            values.pop("test_share", None)
        return values

    def release(self, run: RunInfo) -> str:
        """The version of Pilothouse that evaluated a run, as far as its packages say."""
        packages = self.environments.get(run.id, {}).get("packages")
        return str(packages.get("pilothouse", "")) if isinstance(packages, Mapping) else ""

    def has_packages(self, run: RunInfo) -> bool:
        """Whether a run recorded any package."""
        return bool(self.environments.get(run.id, {}).get("packages"))


def compare_settings(runs: Sequence[RunInfo], settings: RecordedSettings) -> tuple[Agreement, ...]:
    """What the runs agree on, for each subject that decides whether they can be compared."""
    signatures = settings.signatures
    subjects: tuple[tuple[str, str, Compare, Describe], ...] = (
        (
            "task",
            "Task",
            lambda a, b: compare_tasks(signatures.get(a.id), signatures.get(b.id)),
            lambda run: describe_task(signatures.get(run.id)),
        ),
        ("data", "Data", compare_data, describe_data),
        (
            "target",
            "Target",
            lambda a, b: _compare_target(a, b, settings),
            lambda run: _describe_settings(run, settings, TARGET),
        ),
        (
            "split",
            "Split",
            lambda a, b: _compare_split(a, b, settings),
            lambda run: _describe_settings(run, settings, SPLIT),
        ),
        ("rows", "Held-out rows", compare_rows, _describe_rows),
        (
            "evaluation",
            "Evaluation",
            lambda a, b: compare_evaluation(a, b, settings),
            lambda run: _describe_evaluation(run, settings),
        ),
    )
    return tuple(
        Agreement(
            subject,
            title,
            overall(compare(a, b) for a, b in combinations(runs, 2)),
            {run.id: describe(run) for run in runs},
        )
        for subject, title, compare, describe in subjects
    )


Compare = Callable[[RunInfo, RunInfo], State]
Describe = Callable[[RunInfo], str]


def overall(states: Iterable[State]) -> State:
    """One difference makes a difference; the same is only what is the same in every pair."""
    distinct = set(states)
    if DIFFERS in distinct:
        return DIFFERS
    return UNKNOWN if UNKNOWN in distinct or not distinct else SAME


def compare_values(values: Iterable[str | None]) -> State:
    """Whether texts are the same; not known when one is missing and the others are equal."""
    listed = list(values)
    present = {value for value in listed if value}
    if len(present) > 1:
        return DIFFERS
    return SAME if listed and all(listed) else UNKNOWN


def compare_tasks(a: Signature | None, b: Signature | None) -> State:
    """Whether two models predict the same kind of thing: task, classes, levels, outputs, unit."""
    if a is None or b is None:
        return UNKNOWN
    return DIFFERS if task_difference(a, b) else SAME


def compare_data(a: RunInfo, b: RunInfo) -> State:
    """Whether two runs read the same datasets.

    Registered versions are compared by reference, logged datasets by digest (by name when one has
    no digest). A registered version and a logged dataset cannot be compared with each other.
    """
    registered = _compare_inputs(_registered(a), _registered(b))
    logged = _compare_inputs(_logged(a), _logged(b), _same_logged)
    states = [state for state in (registered, logged) if state is not None]
    return overall(states)


Inputs = dict[str, set[tuple[str, str]]]  # role -> what was read: name and digest


def _registered(run: RunInfo) -> Inputs:
    inputs: Inputs = {}
    for one in run.inputs:
        inputs.setdefault(one.role, set()).add((one.dataset, ""))
    return inputs


def _logged(run: RunInfo) -> Inputs:
    inputs: Inputs = {}
    for one in run.logged_inputs:
        inputs.setdefault(one.role, set()).add((one.name, one.digest))
    return inputs


Same = Callable[[tuple[str, str], tuple[str, str]], bool]


def _equal(a: tuple[str, str], b: tuple[str, str]) -> bool:
    return a == b


def _same_logged(a: tuple[str, str], b: tuple[str, str]) -> bool:
    """The digest tells what was in it; without one there is only the name."""
    return a[1] == b[1] if a[1] and b[1] else a[0] == b[0]


def _compare_inputs(a: Inputs, b: Inputs, same: Same = _equal) -> State | None:
    """Role by role; None when neither run recorded any input of this kind."""
    if not a and not b:
        return None
    if not a or not b:
        return UNKNOWN
    if "" in a or "" in b:  # without a role, what was read is compared as a whole
        a, b = ({"": set().union(*inputs.values())} for inputs in (a, b))
    shared = a.keys() & b.keys()
    if any(not _same_sets(a[role], b[role], same) for role in shared):
        return DIFFERS
    return SAME if a.keys() == b.keys() else UNKNOWN


def _same_sets(a: set[tuple[str, str]], b: set[tuple[str, str]], same: Same) -> bool:
    return all(any(same(x, y) for y in b) for x in a) and all(any(same(x, y) for x in a) for y in b)


def recorded_data(run: RunInfo) -> list[tuple[str, str]]:
    """Name and role of each dataset that a run read; a logged one has its digest behind it."""
    logged = [
        (f"{one.name} #{one.digest[:DIGEST_LENGTH]}" if one.digest else one.name, one.role)
        for one in run.logged_inputs
    ]
    return [*((one.dataset, one.role) for one in run.inputs), *logged]


def describe_data(run: RunInfo) -> str:
    """The datasets of a run with their roles; empty when it recorded none."""
    return ", ".join(f"{name} ({role})" if role else name for name, role in recorded_data(run))


def _compare_target(a: RunInfo, b: RunInfo, settings: RecordedSettings) -> State:
    left, right = settings.of(a, TARGET), settings.of(b, TARGET)
    target = compare_values([left.get("target"), right.get("target")])
    positive = {left.get("positive"), right.get("positive")} - {None}
    return DIFFERS if len(positive) > 1 else target


def _compare_split(a: RunInfo, b: RunInfo, settings: RecordedSettings) -> State:
    left, right = settings.of(a, SPLIT), settings.of(b, SPLIT)
    if any(left[name] != right[name] for name in left.keys() & right.keys()):
        return DIFFERS
    if compare_rows(a, b) == SAME:
        return SAME  # the same rows were held out, however that was told
    is_complete = "split" in left and left.keys() == right.keys()
    return SAME if is_complete else UNKNOWN


def _describe_settings(run: RunInfo, settings: RecordedSettings, names: Mapping[str, str]) -> str:
    values = settings.of(run, names)
    first, *others = names
    parts = [values[first]] if first in values else []
    titles = {name: names[name].removeprefix("the ") for name in others}
    return ", ".join([*parts, *(f"{titles[n]} {values[n]}" for n in others if n in values)])


def compare_rows(a: RunInfo, b: RunInfo) -> State:
    """Whether two runs were judged on the same held-out rows, by the digest of those rows."""
    return compare_values([a.tags.get(HELD_OUT_TAG), b.tags.get(HELD_OUT_TAG)])


def _describe_rows(run: RunInfo) -> str:
    return run.tags.get(HELD_OUT_TAG, "")[:DIGEST_LENGTH]


def compare_evaluation(a: RunInfo, b: RunInfo, settings: RecordedSettings) -> State:
    """Whether the same release, or else the same commit, computed the metrics of both."""
    releases = [settings.release(a), settings.release(b)]
    if all(releases):
        return compare_values(releases)
    if a.source == b.source == TRAINED_HERE:
        return compare_values([a.commit, b.commit])
    return UNKNOWN


def _describe_evaluation(run: RunInfo, settings: RecordedSettings) -> str:
    release = settings.release(run)
    if release:
        return f"Pilothouse {release}"
    return f"commit {run.commit[:12]}" if run.commit and run.source == TRAINED_HERE else ""
