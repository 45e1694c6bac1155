"""Labels: what came true of a prediction, told later, by id, and told again to correct."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from pilothouse.deployments.request import MAX_ID, MAX_MS
from pilothouse.experiments.signature import Signature
from pilothouse.kit.errors import Invalid


@dataclass(frozen=True)
class Labels:
    """Labels that were checked: one class and one instant an id."""

    ids: list[str]
    labels: list[Any]
    times: list[int]

    def line(self, at_us: int) -> dict[str, Any]:
        """Their line in the journal."""
        return {"at": at_us, "ids": self.ids, "labels": self.labels, "times": self.times}


def check_labels(
    signature: Signature, ids: Sequence[Any], labels: Sequence[Any], at: Any, now_ms: int
) -> Labels:
    """Labels whose classes the model knows; `at` is an instant in ms, one a label, or None (now).

    Raises Invalid in words that name the first wrong one.
    """
    _check_ids(ids)
    if len(labels) != len(ids):
        raise Invalid(f"there are {len(ids)} ids and {len(labels)} labels; one label an id.")
    times = [now_ms if at is None else at] * len(ids) if not isinstance(at, list) else at
    if len(times) != len(ids) or any(type(t) is not int or not 0 <= t <= MAX_MS for t in times):
        raise Invalid("`at` must be milliseconds since 1970: one whole number, or one a label.")
    return Labels(list(ids), [_class(signature, v, i) for i, v in enumerate(labels)], list(times))


def _check_ids(ids: Sequence[Any]) -> None:
    if not ids:
        raise Invalid("there are no ids.")
    if any(type(word) is not str or not 0 < len(word) <= MAX_ID for word in ids):
        raise Invalid(f"each id must be a text of 1 to {MAX_ID} characters.")
    if len(set(ids)) != len(ids):
        raise Invalid("an id is given more than once.")


def _class(signature: Signature, label: Any, number: int) -> Any:
    if label in signature.classes:
        return signature.classes[signature.classes.index(label)]
    words = [str(known) for known in signature.classes]
    if isinstance(label, str) and label in words:
        return signature.classes[words.index(label)]
    known = ", ".join(repr(c) for c in signature.classes)
    raise Invalid(
        f"label {number} is {label!r}, which is no class of the model.", hint=f"Known: {known}."
    )
