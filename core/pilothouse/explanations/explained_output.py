"""Which number of a model's answer is explained: an output, or whether it answers a class."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from pilothouse.kit.errors import Invalid
from pilothouse.models.signature import Label, Signature
from pilothouse.models.tasks import CONFIDENCE, SCORE, probability_column, task_of

if TYPE_CHECKING:
    from pilothouse.models.tasks import Arrays, Floats

ANSWERS = "answers."  # before a class: 1 where the model answers it, of models without numbers


@dataclass(frozen=True)
class ExplainedOutput:
    """A number of an answer: an output column, or 1 where the answer is a class.

    `label` is the class that it is about, None of an output that is about none.
    """

    name: str
    title: str
    unit: str = ""
    label: Label | None = None

    def values(self, signature: Signature, outputs: Arrays) -> Floats:
        """The number of every row."""
        import numpy as np

        if not self.name.startswith(ANSWERS):
            return np.asarray(outputs[self.name], dtype=np.float64)
        columns = {name: values.tolist() for name, values in outputs.items()}
        answers = task_of(signature).predictions(signature, columns)
        return np.array([float(answer == self.label) for answer in answers])

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        return asdict(self)


def explained_outputs(signature: Signature) -> tuple[ExplainedOutput, ...]:
    """The numbers of an answer that can be explained, the most telling one first.

    The probability of whatever class is answered is none: which class that is differs by row.
    """
    task = task_of(signature)
    numbers = [
        ExplainedOutput(column.name, column.title, column.unit, _class_of(signature, column.name))
        for column in task.columns(signature)
        if column.kind == "number" and column.name != CONFIDENCE
    ]
    if numbers:
        return tuple(numbers)
    if signature.gives == "probability":
        return tuple(
            ExplainedOutput(probability_column(label), f"Probability of {label}", label=label)
            for label in signature.classes
        )
    return tuple(
        ExplainedOutput(f"{ANSWERS}{label}", f"Answers {label}", label=label)
        for label in signature.classes
    )


def output_named(signature: Signature, name: str = "", answer: object = None) -> ExplainedOutput:
    """An output by its name; without one, that of a row's answer, else the first.

    Raises Invalid for a name that is none of them, and for a model without any.
    """
    outputs = explained_outputs(signature)
    if not outputs:
        raise Invalid("its answer has no number and no class that could be explained.")
    if not name:
        return next((one for one in outputs if _is_about(one, answer)), outputs[0])
    for one in outputs:
        if one.name == name:
            return one
    raise Invalid(
        f"its answer has no output {name!r}.",
        hint=f"It has {', '.join(one.name for one in outputs)}.",
        fields={"output": "no such output"},
    )


def all_values(signature: Signature, outputs: Arrays, most: int) -> Mapping[str, Floats]:
    """The numbers of the first outputs, by name."""
    return {one.name: one.values(signature, outputs) for one in explained_outputs(signature)[:most]}


def _is_about(output: ExplainedOutput, answer: object) -> bool:
    return output.label is not None and answer is not None and output.label == answer


def _class_of(signature: Signature, column: str) -> Label | None:
    names = {probability_column(label): label for label in signature.classes}
    if signature.classes and task_of(signature).has_threshold:
        names[SCORE] = signature.positive
    return names.get(column)
