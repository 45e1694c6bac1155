"""Labels that are classes of a signature, as positions in its list of classes."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import TYPE_CHECKING, Any

from pilothouse.kit.errors import Invalid
from pilothouse.models.signature import Label, Signature

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Floats = npt.NDArray[np.float64]

MAX_LISTED = 10


class ClassLabels:
    """How tasks read labels that are classes of the signature."""

    @staticmethod
    def read_label(signature: Signature, value: Any) -> Any:
        """The class that a label means."""
        return signature.match_label(value)

    @staticmethod
    def label_hint(signature: Signature) -> str:
        """The classes for a message: "one of 'a', 'b'"."""
        listed = ", ".join(repr(label) for label in signature.classes[:MAX_LISTED])
        more = len(signature.classes) - MAX_LISTED
        return f"one of {listed}" + (f" and {more} more" if more > 0 else "")


def matched_labels(signature: Signature, labels: Sequence[Any]) -> list[Label | None]:
    """The class that each label means; None for what is missing or no class."""
    cached: dict[tuple[type, Any], Label | None] = {}
    matched: list[Label | None] = []
    for label in labels:
        if not isinstance(label, Hashable):  # a list, which some client sent as a label
            matched.append(signature.match_label(label))
            continue
        key = (type(label), label)
        if key not in cached:
            cached[key] = signature.match_label(label)
        matched.append(cached[key])
    return matched


def class_positions(signature: Signature, labels: Sequence[Any]) -> Floats:
    """The position of each label's class; NaN for what is missing or no class."""
    import numpy as np

    positions: dict[Label | None, float] = {None: np.nan}
    positions |= {label: float(index) for index, label in enumerate(signature.classes)}
    return np.array([positions[label] for label in matched_labels(signature, labels)], dtype=float)


def check_classes(signature: Signature, fewest: int, most: int | None = None) -> None:
    """Raises Invalid when the signature has too few or too many classes for its task."""
    count = len(signature.classes)
    if count < fewest or (most is not None and count > most):
        needed = f"{fewest}" if most == fewest else f"at least {fewest}"
        raise Invalid(
            f"the signature has {count} classes; {needed} are needed.",
            fields={"classes": f"{needed} are needed"},
        )
    if len(set(signature.classes)) != count:
        raise Invalid("a class is listed twice.", fields={"classes": "listed twice"})
