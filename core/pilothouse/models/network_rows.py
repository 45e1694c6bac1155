"""Raw rows of a network: its numbers, brought to what the signature says they are."""

from __future__ import annotations

from typing import Any

from pilothouse.models.raw_rows import Rows, outputs_of, rows_of, two_columns
from pilothouse.models.signature import Signature

TOLERANCE = 1e-3


def network_rows(values: Any, count: int, signature: Signature) -> Rows:
    """Rows of a network's output tensor. Raises ValueError when they are not what was described.

    A network says nothing of its numbers: a person did. One column of a model with two classes is
    the probability of the second.
    """
    rows = rows_of(values, count)
    if not signature.is_described or signature.gives != "probability":
        return rows
    if len(signature.classes) == 2:
        rows = two_columns(rows)
    if any(not -TOLERANCE <= value <= 1 + TOLERANCE for row in rows for value in row):
        raise ValueError(
            "the model gives numbers outside 0 to 1, so that they are no probabilities: "
            "describe its output as values"
        )
    return rows


def network_facts(values: Any, rows: Rows) -> dict[str, Any]:
    """What an answer to the example tells of a network."""
    return {"task": "unspecified", "gives": "value", "outputs": outputs_of(values, rows)}
