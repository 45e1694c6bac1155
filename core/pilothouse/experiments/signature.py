"""A model's signature: the columns it takes, and what its answer means.

Only the standard library is imported here: every model process reads a signature as it starts.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal, get_args

from pilothouse.kit.errors import Invalid

FieldType = Literal["number", "integer", "string", "boolean", "time"]
Label = str | int | float | bool


@dataclass(frozen=True)
class Field:
    """One input column: its name and type, and what training saw in it."""

    name: str
    type: FieldType
    required: bool = True
    categories: tuple[str, ...] | None = None
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True)
class Signature:
    """The inputs of a binary classifier, its classes, and the threshold people agreed on.

    Without classes it is the signature of a model that another program logged: nobody here knows
    what its answer means, so it is kept but not served.
    """

    inputs: tuple[Field, ...]
    target: str
    classes: tuple[Label, ...]
    positive: Label
    threshold: float = 0.5

    @property
    def can_be_served(self) -> bool:
        """Whether it says what an answer means."""
        return bool(self.classes)

    @property
    def names(self) -> tuple[str, ...]:
        """The input columns in order."""
        return tuple(field.name for field in self.inputs)

    def to_json(self) -> dict[str, Any]:
        """A plain JSON value that `from_json` reads back unchanged."""
        return {
            "inputs": [_field_to_json(field) for field in self.inputs],
            "target": self.target,
            "classes": list(self.classes),
            "positive": self.positive,
            "threshold": self.threshold,
        }

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Signature:
        """The signature written by `to_json`. Raises Invalid when a part is missing or wrong."""
        try:
            signature = cls(
                inputs=tuple(_field_from_json(field) for field in value["inputs"]),
                target=str(value["target"]),
                classes=tuple(value["classes"]),
                positive=value["positive"],
                threshold=float(value.get("threshold", 0.5)),
            )
        except KeyError as missing:
            raise Invalid(f"the signature has no {missing.args[0]!r}.") from missing
        except (TypeError, ValueError, AttributeError) as wrong:
            raise Invalid(f"the signature cannot be read: {wrong}.") from wrong
        return _checked(signature)


UNKNOWN = Signature(inputs=(), target="", classes=(), positive="")


def _checked(signature: Signature) -> Signature:
    twice = {name for name in signature.names if signature.names.count(name) > 1}
    if twice:
        raise Invalid(f"the signature names {', '.join(sorted(twice))} more than once.")
    if signature.classes and signature.positive not in signature.classes:
        raise Invalid(f"the positive class {signature.positive!r} is none of the classes.")
    return signature


def _field_to_json(field: Field) -> dict[str, Any]:
    words = {name: part for name, part in asdict(field).items() if part is not None}
    if field.categories is not None:
        words["categories"] = list(field.categories)
    return words


def _field_from_json(value: Mapping[str, Any]) -> Field:
    if value["type"] not in get_args(FieldType):
        raise Invalid(
            f"the column {value['name']!r} has the type {value['type']!r}.",
            hint=f"Known: {', '.join(get_args(FieldType))}.",
        )
    categories = value.get("categories")
    return Field(
        name=str(value["name"]),
        type=value["type"],
        required=bool(value.get("required", True)),
        categories=None if categories is None else tuple(str(word) for word in categories),
        low=value.get("low"),
        high=value.get("high"),
    )
