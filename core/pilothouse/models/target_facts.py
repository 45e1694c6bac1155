"""What a column that is to be predicted holds, and whether that is classes or numbers.

Standard library only.
"""

from __future__ import annotations

from dataclasses import dataclass

from pilothouse.models.signature import FieldType

NUMBER_TYPES = ("integer", "number")
MAX_WHOLE_CLASSES = 20  # of more different whole numbers, the target is a measurement
MAX_CLASSES = 1000
MIN_WHOLE_ROWS = 5  # rows a class, on average, from which on whole numbers are taken for classes
MIN_CLASS_ROWS = 2  # rows a class, on average, that texts need
CONTENT = {"string": "texts", "boolean": "true and false", "time": "times"}


@dataclass(frozen=True)
class TargetFacts:
    """What a column that is to be predicted holds.

    `distinct` are its different values and `rows` the rows that have one; `whole` says whether it
    holds numbers that are all whole.
    """

    type: FieldType
    distinct: int
    rows: int
    whole: bool = False


def holds_classes(target: TargetFacts) -> bool:
    """Whether a target's values are taken for classes: texts that repeat, few whole numbers."""
    if target.type in NUMBER_TYPES:
        few = target.distinct <= min(MAX_WHOLE_CLASSES, target.rows / MIN_WHOLE_ROWS)
        return target.whole and few
    return not class_problem(target)


def holds_measurements(target: TargetFacts) -> bool:
    """Whether a target's values are taken for measured numbers, and not for classes."""
    return target.distinct > 2 and not number_problem(target) and not holds_classes(target)


def two_class_problem(target: TargetFacts) -> str:
    """Why a target's values are not two classes, to follow its name; "" if they are."""
    if target.type == "time":
        return "holds times; two classes are needed"
    if target.distinct != 2:
        return f"has {target.distinct:,} distinct values; two are needed"
    return ""


def class_problem(target: TargetFacts) -> str:
    """Why a target's values cannot be two or more classes, to follow its name; "" if they can."""
    if target.type == "time":
        return "holds times; classes are needed"
    if target.distinct < 2:
        return f"has {target.distinct} distinct values; at least two are needed"
    if target.distinct > min(MAX_CLASSES, target.rows / MIN_CLASS_ROWS):
        counts = f"{target.distinct:,} distinct values in {target.rows:,} rows"
        return f"has {counts}, which are too many to be classes"
    return ""


def number_problem(target: TargetFacts) -> str:
    """Why a target's values are no numbers to predict, to follow its name; "" if they are."""
    if target.type not in NUMBER_TYPES:
        return f"holds {CONTENT[target.type]}; numbers are needed"
    if target.distinct < 2:
        return f"has {target.distinct} distinct values; at least two are needed"
    return ""
