"""A model's signature: the columns it takes, and what its answer means.

Only the standard library is imported here: every model process reads a signature as it starts.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Any, Literal, get_args

from pilothouse.kit.errors import Invalid

FieldType = Literal["number", "integer", "string", "boolean", "time"]
Gives = Literal["probability", "label", "value"]
Label = str | int | float | bool
DEFAULT_TASK = "binary"  # that of signatures that were stored before there were others
UNSPECIFIED = "unspecified"


@dataclass(frozen=True)
class SignatureField:
    """One input column: its name and type, and what training saw in it.

    A `required` column is part of every request. Its values may be missing only where `nullable`
    says that the model answers such rows too; a column that may be left out may always be missing.
    `boolean_words` are the words of a boolean column as its file spelt them: (false, true).
    """

    name: str
    type: FieldType
    required: bool = True
    categories: tuple[str, ...] | None = None
    low: float | None = None
    high: float | None = None
    boolean_words: tuple[str, str] | None = None
    nullable: bool = False

    @property
    def takes_missing(self) -> bool:
        """Whether a row without a value in this column is answered."""
        return self.nullable or not self.required


@dataclass(frozen=True)
class OutputField:
    """One output of a model whose answer needs names: its name and type."""

    name: str
    type: FieldType = "number"


@dataclass(frozen=True)
class Signature:
    """The inputs of a model, and what its answer means.

    `task` names a plugin of `models.tasks`, which says which of the other fields it uses.
    `classes` are the labels as the data has them, in the order of the model's probabilities;
    `positive` and `threshold` decide between two of them. `levels` are quantile levels, rising.
    `outputs` are the labels of a multilabel model, or the columns of an unspecified one. `unit` is
    that of a predicted number. `gives` is what the model itself returns, before the task decides.
    `target_words` are the words of a boolean target as its file spelt them: (false, true).
    """

    inputs: tuple[SignatureField, ...]
    target: str = ""
    classes: tuple[Label, ...] = ()
    positive: Label = ""
    threshold: float = 0.5
    target_words: tuple[str, str] | None = None
    task: str = DEFAULT_TASK
    gives: Gives = "probability"
    levels: tuple[float, ...] = ()
    outputs: tuple[OutputField, ...] = ()
    unit: str = ""

    @property
    def is_described(self) -> bool:
        """Whether it says what goes in and what an answer means, so that it can be served."""
        described = bool(self.classes or self.outputs or self.levels)
        return described or self.task not in (DEFAULT_TASK, UNSPECIFIED)

    @cached_property
    def names(self) -> tuple[str, ...]:
        """The input columns in order."""
        return tuple(field.name for field in self.inputs)

    @cached_property
    def takes_numbers_only(self) -> bool:
        """Whether every input column holds numbers, which one array can hold."""
        return bool(self.inputs) and all(field.type == "number" for field in self.inputs)

    @property
    def output_names(self) -> tuple[str, ...]:
        """The named outputs in order."""
        return tuple(output.name for output in self.outputs)

    def match_label(self, value: Any) -> Label | None:
        """The class that a label from outside means, or None when it means none.

        A label of another type than the class is compared by value: 1, 1.0, "1" and true are one,
        and so are the words of a boolean target in any case with true and false. A label that is
        written exactly as a class always means that class.
        """
        plain = value.item() if hasattr(value, "item") else value
        if not isinstance(plain, str | int | float):
            return None
        for label in self.classes:
            if type(label) is type(plain) and label == plain:
                return label
        key = self._label_key(plain)
        matches = [label for label in self.classes if self._label_key(label) == key]
        return matches[0] if len(matches) == 1 else None

    def _label_key(self, label: Label) -> float | str:
        """What labels that mean the same have in common: a number, or a text."""
        if not isinstance(label, str):
            return label if isinstance(label, int) else _whole_as_int(label)
        text = label.strip()
        spellings = [word.casefold() for word in self.target_words or ()]
        for pair in (spellings, ["false", "true"]):
            if text.casefold() in pair:
                return pair.index(text.casefold())
        return _number_or_text(text)

    def to_json(self) -> dict[str, Any]:
        """A plain JSON value that `from_json` reads back unchanged."""
        value: dict[str, Any] = {
            "inputs": [_field_to_json(field) for field in self.inputs],
            "target": self.target,
            "classes": list(self.classes),
            "positive": self.positive,
            "threshold": self.threshold,
        }
        if self.target_words is not None:
            value["target_words"] = list(self.target_words)
        return value | self._task_to_json()

    def _task_to_json(self) -> dict[str, Any]:
        """The fields that older signatures lack, where they differ from their defaults.

        Leaving out the defaults keeps the digest of what was stored before.
        """
        value: dict[str, Any] = {}
        if self.task != DEFAULT_TASK:
            value["task"] = self.task
        if self.gives != "probability":
            value["gives"] = self.gives
        if self.levels:
            value["levels"] = list(self.levels)
        if self.outputs:
            value["outputs"] = [asdict(output) for output in self.outputs]
        if self.unit:
            value["unit"] = self.unit
        return value

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
                target_words=_text_pair(value.get("target_words")),
                task=str(value.get("task") or (DEFAULT_TASK if value["classes"] else UNSPECIFIED)),
                gives=_gives(value.get("gives", "probability")),
                levels=tuple(float(level) for level in value.get("levels", ())),
                outputs=tuple(_output_from_json(part) for part in value.get("outputs", ())),
                unit=str(value.get("unit", "")),
            )
        except KeyError as missing:
            raise Invalid(f"the signature has no {missing.args[0]!r}.") from missing
        except (TypeError, ValueError, AttributeError) as wrong:
            raise Invalid(f"the signature cannot be read: {wrong}.") from wrong
        return _validated(signature)


UNKNOWN = Signature(inputs=(), task=UNSPECIFIED)


def _validated(signature: Signature) -> Signature:
    twice = [name for name, count in Counter(signature.names).items() if count > 1]
    if twice:
        raise Invalid(f"the signature names {', '.join(sorted(twice))} more than once.")
    decides = signature.task == DEFAULT_TASK and signature.classes
    if decides and signature.positive not in signature.classes:
        raise Invalid(f"the positive class {signature.positive!r} is none of the classes.")
    return signature


def _gives(value: Any) -> Gives:
    if value not in get_args(Gives):
        raise Invalid(f"`gives` is {value!r}.", hint=f"Known: {', '.join(get_args(Gives))}.")
    return value  # type: ignore[no-any-return]  # it is one of the literals


def _output_from_json(value: Mapping[str, Any]) -> OutputField:
    kind = value.get("type", "number")
    if kind not in get_args(FieldType):
        raise Invalid(f"the output {value['name']!r} has the type {kind!r}.")
    return OutputField(str(value["name"]), kind)


def _field_to_json(field: SignatureField) -> dict[str, Any]:
    content = {name: part for name, part in asdict(field).items() if part is not None}
    if not field.nullable:
        del content["nullable"]  # as signatures were stored before it
    if field.categories is not None:
        content["categories"] = list(field.categories)
    if field.boolean_words is not None:
        content["boolean_words"] = list(field.boolean_words)
    return content


def _field_from_json(value: Mapping[str, Any]) -> SignatureField:
    if value["type"] not in get_args(FieldType):
        raise Invalid(
            f"the column {value['name']!r} has the type {value['type']!r}.",
            hint=f"Known: {', '.join(get_args(FieldType))}.",
        )

    categories = value.get("categories")
    return SignatureField(
        name=str(value["name"]),
        type=value["type"],
        required=bool(value.get("required", True)),
        categories=None if categories is None else tuple(str(word) for word in categories),
        low=value.get("low"),
        high=value.get("high"),
        boolean_words=_text_pair(value.get("boolean_words")),
        nullable=bool(value.get("nullable", False)),
    )


def _text_pair(value: Any) -> tuple[str, str] | None:
    """The words for false and for true, or None where a column has no words of its own."""
    if value is None:
        return None
    false, true = value
    return str(false), str(true)


def _whole_as_int(number: float) -> float:
    """The integer that a whole float is, exactly; other floats as they are."""
    return int(number) if number.is_integer() else number


def _number_or_text(text: str) -> float | str:
    """The finite number that a text spells in digits, or else the text."""
    if not text.isascii() or "_" in text or text[-1:] not in {*"0123456789."}:
        return text
    try:
        return int(text)
    except ValueError:
        pass
    try:
        number = float(text)
    except ValueError:
        return text
    return _whole_as_int(number) if math.isfinite(number) else text
