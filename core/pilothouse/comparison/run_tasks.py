"""What the runs of a comparison are models of: their signatures, and whether these agree.

Metrics of different tasks, or of different classes, measure different things; runs that differ
in them are comparable among themselves only.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from pilothouse.comparison.curves import read_json
from pilothouse.experiments.details import RunInfo
from pilothouse.kit.errors import Invalid, NotFound
from pilothouse.models.answers import SIGNATURE_PATH
from pilothouse.models.signature import Label, Signature
from pilothouse.models.tasks import task_of
from pilothouse.storage import Store

if TYPE_CHECKING:
    from collections.abc import Iterable

MAX_LISTED = 6


def read_signature(store: Store, run: RunInfo) -> Signature | None:
    """The signature of a run's model; None when it recorded none, or none that says what it is.

    Raises Invalid when the file cannot be read, or names a task that is not installed.
    """
    content = read_json(store, run, SIGNATURE_PATH)
    if content is None:
        return None
    signature = Signature.from_json(content)
    if not signature.is_described:
        return None
    try:
        task_of(signature)
    except NotFound as missing:
        raise Invalid(f"the model of run {run.name!r}: {missing}.", hint=missing.hint) from missing
    return signature


def task_difference(signature: Signature, reference: Signature) -> str:
    """How a model differs from the baseline in what it predicts, to follow its name; or ""."""
    own, other = task_of(signature).title, task_of(reference).title
    if signature.task != reference.task:
        return f"is a model of another task ({own}) than the baseline ({other})"
    for title, part, other_part in (
        ("classes", _names(signature.classes), _names(reference.classes)),
        ("levels", list(signature.levels), list(reference.levels)),
        ("outputs", sorted(signature.output_names), sorted(reference.output_names)),
    ):
        if part != other_part:
            return f"has other {title} ({_listed(part)}) than the baseline ({_listed(other_part)})"
    if {signature.positive, reference.positive} <= {*signature.classes} and (
        signature.positive != reference.positive
    ):
        positive, other_positive = signature.positive, reference.positive
        return f"has the positive class {positive}, the baseline {other_positive}"
    if signature.unit and reference.unit and signature.unit != reference.unit:
        return f"predicts in {signature.unit}, the baseline in {reference.unit}"
    return ""


def decides(signature: Signature) -> bool:
    """Whether a model's predictions are classes or labels, so that a row can be right or wrong."""
    task = task_of(signature)
    return task.has_threshold or task.columns(signature)[0].kind == "category"


def describe_task(signature: Signature | None) -> str:
    """The task of a model with its classes, levels or outputs; empty when it is not known."""
    if signature is None:
        return ""
    title = task_of(signature).title
    parts: Sequence[Any] = _names(signature.classes) or signature.levels or signature.output_names
    return f"{title}: {_listed(parts)}" if parts else title


def comparable_sets(signatures: Mapping[str, Signature | None]) -> tuple[tuple[str, ...], ...]:
    """The runs in sets of one task, in order; runs of which it is not known are a set too.

    One set alone means that no two runs are known to differ.
    """
    sets: list[tuple[Signature | None, list[str]]] = []
    for run, signature in signatures.items():
        runs = next((runs for of_set, runs in sets if _is_of(signature, of_set)), None)
        if runs is None:
            sets.append((signature, [run]))
        else:
            runs.append(run)
    recorded = [runs for signature, runs in sets if signature is not None]
    if len(recorded) < 2:
        return (tuple(signatures),) if signatures else ()
    return tuple(tuple(runs) for _, runs in sets)


def _is_of(signature: Signature | None, reference: Signature | None) -> bool:
    if signature is None or reference is None:
        return signature is reference
    return not task_difference(signature, reference)


def _names(classes: Iterable[Label]) -> list[str]:
    """Classes in one order; true and 1 are different labels."""
    return sorted(label if isinstance(label, str) else json.dumps(label) for label in classes)


def _listed(parts: Sequence[Any]) -> str:
    listed = ", ".join(f"{part:g}" if isinstance(part, float) else str(part) for part in parts)
    if len(parts) <= MAX_LISTED:
        return listed or "none"
    first = ", ".join(str(part) for part in parts[:MAX_LISTED])
    return f"{first} and {len(parts) - MAX_LISTED} more"
