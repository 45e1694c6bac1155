"""A response, and its output tensors in the Open Inference Protocol.

`predict` is the prediction: a class, a number, a number a quantile level, or which labels apply.
`predict_proba` are the probabilities of a model that gives them. Every other output column is a
tensor too. What is not asked for by name is sent only when nothing else holds it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import chain
from typing import Any, NamedTuple

from pilothouse.models.signature import Signature
from pilothouse.models.tasks import PREDICT, Columns, Estimator, OutputColumn, Row, Task, task_of

QUANTILES: Estimator = "quantiles"
PROBABILITIES, PREDICTION_ID = "predict_proba", "prediction_id"
LABEL_DATATYPES = {bool: "BOOL", int: "INT64", float: "FP64"}
OUTPUT_DATATYPES = {"number": "FP64", "integer": "INT64", "boolean": "BOOL"}


class InferenceResponse(NamedTuple):
    """A response: raw rows, output columns, predictions and ids, one an input row.

    `logged` are the columns that the prediction log holds.
    """

    deployment: str
    version: int
    request_id: str
    prediction_ids: list[str]
    rows: list[Row]
    columns: Columns
    predictions: list[Any]
    logged: Columns
    tensors: ModelTensors


@dataclass(frozen=True)
class OutputTensor:
    """An output tensor: its name and type, values a row when it has two dimensions, and its data.

    `column` is the output column that it holds, "" when it holds none; `is_default` says whether it
    is sent when no outputs are named.
    """

    name: str
    datatype: str
    data: Callable[[InferenceResponse], list[Any]]
    width: int | None = None
    parameters: dict[str, Any] = field(default_factory=dict)
    column: str = ""
    is_default: bool = True

    def shape(self, rows: int) -> list[int]:
        """Its shape for a number of rows."""
        return [rows] if self.width is None else [rows, self.width]


_KEPT: dict[int, tuple[Signature, dict[str, OutputTensor]]] = {}
MAX_KEPT = 64


class ModelTensors:
    """The tensors of one model version; made when a request first needs them."""

    def __init__(self, signature: Signature) -> None:
        self._signature = signature

    @cached_property
    def by_name(self) -> dict[str, OutputTensor]:
        """Every tensor that can be asked for."""
        return output_tensors(self._signature)

    @cached_property
    def default(self) -> tuple[OutputTensor, ...]:
        """Those that are sent when a request names none."""
        return tuple(tensor for tensor in self.by_name.values() if tensor.is_default)


def output_tensors(signature: Signature) -> dict[str, OutputTensor]:
    """Every tensor that can be asked for, by name, in the order in which they are sent.

    PERF: of the signatures of some routes they are kept, by identity: hashing one takes longer.
    """
    entry = _KEPT.get(id(signature))
    if entry is None:
        if len(_KEPT) >= MAX_KEPT:
            _KEPT.clear()
        # The signature is kept too, so that no other one gets its identity.
        entry = _KEPT[id(signature)] = (signature, _output_tensors(signature))
    return entry[1]


def _output_tensors(signature: Signature) -> dict[str, OutputTensor]:
    task = task_of(signature)
    has_probabilities = signature.gives == "probability" and (
        task.has_classes or task.has_threshold
    )
    has_matrix = has_probabilities or task.estimator == QUANTILES
    tensors = _prediction(task, signature)
    has_prediction = bool(tensors)
    if has_probabilities:
        tensors.append(_probabilities(task, signature))
    tensors += [
        _column(column, task, signature, is_default=not has_matrix)
        for column in _columns(task, signature)
        if column.name != PREDICT or not has_prediction
    ]
    tensors.append(OutputTensor(PREDICTION_ID, "BYTES", lambda answer: answer.prediction_ids))
    return {tensor.name: tensor for tensor in tensors}


def _columns(task: Task, signature: Signature) -> list[OutputColumn]:
    """The logged columns, and outputs beyond those that are logged."""
    logged = task.columns(signature)
    names = {column.name for column in logged}
    if task.has_threshold or task.has_classes:
        return list(logged)
    rest = [output for output in signature.outputs if output.name not in names]
    return [*logged, *(OutputColumn(output.name, "category", output.name) for output in rest)]


def _prediction(task: Task, signature: Signature) -> list[OutputTensor]:
    """The prediction itself, unless an output column is the prediction."""
    if task.has_classes:
        held = PREDICT if any(c.name == PREDICT for c in task.columns(signature)) else ""
        kind = _label_type(signature)
        return [OutputTensor(PREDICT, kind, lambda answer: answer.predictions, column=held)]
    if task.estimator == QUANTILES:
        parameters: dict[str, Any] = {"levels": list(signature.levels)}
        if signature.unit:
            parameters["unit"] = signature.unit
        return [
            OutputTensor(
                PREDICT,
                "FP64",
                lambda answer: _flat(answer.rows),
                len(signature.levels),
                parameters,
            )
        ]
    if task.has_threshold:
        names = signature.output_names
        return [
            OutputTensor(
                PREDICT,
                "BOOL",
                lambda answer: [name in row for row in answer.predictions for name in names],
                len(names),
                {"classes": list(names)},
            )
        ]
    return []


def _probabilities(task: Task, signature: Signature) -> OutputTensor:
    names = list(signature.classes if task.has_classes else signature.output_names)
    parameters: dict[str, Any] = {"classes": names}
    if task.has_threshold and task.has_classes:
        parameters["positive"] = signature.positive
    if task.has_threshold:
        parameters["threshold"] = signature.threshold
    return OutputTensor(
        PROBABILITIES, "FP64", lambda answer: _flat(answer.rows), len(names), parameters
    )


def _column(
    column: OutputColumn, task: Task, signature: Signature, *, is_default: bool
) -> OutputTensor:
    """A column as a tensor; `out.` is put before a name that another tensor always has."""
    name = column.name
    types = {output.name: output.type for output in signature.outputs}
    datatype = "FP64" if column.kind == "number" else "BYTES"
    if not task.has_classes:
        datatype = OUTPUT_DATATYPES.get(types.get(name, ""), datatype)
    parameters = {"unit": column.unit} if column.unit else {}
    return OutputTensor(
        f"out.{name}" if name in (PROBABILITIES, PREDICTION_ID) else name,
        datatype,
        lambda answer: answer.columns[name],
        parameters=parameters,
        column=name,
        is_default=is_default,
    )


def _flat(rows: Sequence[Sequence[Any]]) -> list[Any]:
    return list(chain.from_iterable(rows))


def _label_type(signature: Signature) -> str:
    kinds = {type(label) for label in signature.classes}
    return LABEL_DATATYPES.get(kinds.pop(), "BYTES") if len(kinds) == 1 else "BYTES"
