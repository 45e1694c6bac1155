"""What a counterfactual is to reach: another class, or a number that is large or small enough."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pilothouse.explanations.explained_output import (
    ExplainedOutput,
    explained_outputs,
    output_named,
)
from pilothouse.kit.errors import Conflict, Invalid
from pilothouse.models.signature import Label, Signature
from pilothouse.models.tasks import task_of

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from pilothouse.models.tasks import Arrays, Floats

    Bools = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class RowGoal:
    """A goal for the answer to a row: `wished` or any class but `present`, or a bound of a number.

    `output` is the number that says how near an answer is, with `sign` as it grows.
    """

    signature: Signature
    output: ExplainedOutput
    sign: float
    present: Any
    wished: Label | None = None
    at_least: float | None = None
    at_most: float | None = None

    @property
    def text(self) -> str:
        """The goal in words."""
        if self.at_least is not None:
            return f"{self.output.title} of at least {self.at_least:g}"
        if self.at_most is not None:
            return f"{self.output.title} of at most {self.at_most:g}"
        return f"answers {self.wished}" if self.wished is not None else f"not {self.present}"

    def judge(self, outputs: Arrays) -> tuple[Bools, Floats]:
        """Which rows reach the goal, and how near each is to it."""
        import numpy as np

        values = self.output.values(self.signature, outputs)
        if self.at_least is not None:
            return values >= self.at_least, values
        if self.at_most is not None:
            return values <= self.at_most, -values
        columns = {name: column.tolist() for name, column in outputs.items()}
        answers = task_of(self.signature).predictions(self.signature, columns)
        reached = [a == self.wished if self.wished is not None else a != self.present
                   for a in answers]  # fmt: skip
        return np.array(reached, dtype=np.bool_), self.sign * values


def row_goal(
    signature: Signature,
    present: Any,
    *,
    answer: Any = None,
    output: str = "",
    at_least: float | None = None,
    at_most: float | None = None,
) -> RowGoal:
    """The goal that a person names. Raises Invalid, and Conflict where the row reaches it already.

    Without a class and without a bound, of a model of classes any other class.
    """
    if at_least is not None and at_most is not None:
        raise Invalid("a goal has one bound.", fields={"at_least": "one of the two"})
    if at_least is not None or at_most is not None:
        chosen = output_named(signature, output)
        return RowGoal(signature, chosen, 1.0, present, at_least=at_least, at_most=at_most)
    if not task_of(signature).has_classes:
        raise Invalid(
            "its answer is a number: name how large or how small it is to become.",
            fields={"at_least": "or at_most: needed"},
        )
    wished = None if answer in (None, "") else signature.match_label(answer)
    if answer not in (None, "") and wished is None:
        raise Invalid(
            f"{answer!r} is none of its classes.",
            hint=f"They are {', '.join(map(str, signature.classes))}.",
            fields={"answer": "no such class"},
        )
    if wished is not None and wished == present:
        raise Conflict(f"it answers {present} already.")
    return RowGoal(signature, *_progress(signature, present, wished), present, wished)


def _progress(
    signature: Signature, present: Any, wished: Label | None
) -> tuple[ExplainedOutput, float]:
    """The output that comes nearer to the goal as it grows, or (-1) as it falls."""
    by_label = {one.label: one for one in explained_outputs(signature)}
    if wished in by_label and wished is not None:
        return by_label[wished], 1.0
    if present in by_label:
        return by_label[present], -1.0
    return output_named(signature), 1.0
