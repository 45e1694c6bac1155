"""MLflow's signature of a model, read into input columns.

Output types are read for people only: MLflow infers them from whatever `predict` answered while the
model was logged, and a model that is served with `predict_proba` keeps the type of its labels.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pilothouse.models.signature import FieldType, SignatureField

COLUMN_TYPES: Mapping[str, FieldType] = {
    "double": "number",
    "float": "number",
    "long": "integer",
    "integer": "integer",
    "string": "string",
    "boolean": "boolean",
    "datetime": "time",
}
MAX_INPUTS = 5_000  # a tensor of an image has thousands of numbers


@dataclass(frozen=True)
class InputColumns:
    """The input columns of a model; `problem` says why there are none."""

    fields: tuple[SignatureField, ...] = ()
    problem: str = ""


def read_inputs(specs: Sequence[Mapping[str, Any]], width: int | None = None) -> InputColumns:
    """The input columns that MLflow's input specs mean.

    A tensor becomes one numbered column per number of a row: x0, x1 and so on. `width` is the
    number of values in a row of the example, for a tensor whose shape leaves it open.
    """
    if not specs:
        return InputColumns(problem="its signature has no inputs")
    fields: list[SignatureField] = []
    for index, spec in enumerate(specs):
        of_spec = _tensor(spec, width, len(specs)) if _is_tensor(spec) else _column(spec, index)
        if isinstance(of_spec, str):
            return InputColumns(problem=of_spec)
        fields += of_spec
        if len(fields) > MAX_INPUTS:
            return InputColumns(problem=f"it takes more than {MAX_INPUTS:,} values a row")

    names = [field.name for field in fields]
    if len(set(names)) != len(names):
        return InputColumns(problem="two of its inputs have the same name")
    return InputColumns(tuple(fields))


def inputs_of_example(names: Sequence[str], rows: Sequence[Sequence[Any]]) -> InputColumns:
    """Input columns guessed from an example: what a model without a signature probably takes.

    MLflow stores no signature at all when one column is of pandas' category type.
    """
    if not names or not rows or len(set(names)) != len(names):
        return InputColumns(problem="it has no signature, and no example with named columns")
    columns = zip(*rows, strict=True)
    fields = tuple(
        SignatureField(name, _guessed(values), required=all(v is not None for v in values))
        for name, values in zip(names, columns, strict=True)
    )
    return InputColumns(fields)


def _guessed(values: Sequence[Any]) -> FieldType:
    """Whole numbers of an example are read as numbers: other rows may have fractions."""
    kinds = {type(value) for value in values if value is not None}
    if kinds == {bool}:
        return "boolean"
    return "number" if kinds and kinds <= {int, float} else "string"


def _is_tensor(spec: Mapping[str, Any]) -> bool:
    return spec.get("type") == "tensor" or isinstance(spec.get("tensor-spec"), dict)


def _column(spec: Mapping[str, Any], index: int) -> list[SignatureField] | str:
    kind = spec.get("type")
    name = str(spec["name"]) if spec.get("name") not in (None, "") else f"x{index}"
    if not isinstance(kind, str) or kind not in COLUMN_TYPES:
        text = kind if isinstance(kind, str) else "an unknown type"
        return f"its input {name!r} is of the type {text}, which no column of a request has"
    return [SignatureField(name, COLUMN_TYPES[kind], bool(spec.get("required", True)))]


def _tensor(spec: Mapping[str, Any], width: int | None, tensors: int) -> list[SignatureField] | str:
    details = spec.get("tensor-spec")
    shape = details.get("shape") if isinstance(details, dict) else None
    if not isinstance(shape, list) or not all(type(size) is int for size in shape):
        return "its signature has a tensor without a shape"
    name = str(spec["name"]) if spec.get("name") not in (None, "") else ""
    count = _values_of_row(shape[1:], width if tensors == 1 else None)
    if count is None:
        return "the shape of its tensor leaves open how many values a row has"
    if not 0 < count <= MAX_INPUTS:
        return f"a row of its tensor has {count:,} values; at most {MAX_INPUTS:,} can be served"

    kind = _tensor_type(str(details.get("dtype", "")) if isinstance(details, dict) else "")
    if name and count == 1:
        return [SignatureField(name, kind)]
    prefix = f"{name}_" if name else "x"
    return [SignatureField(f"{prefix}{index}", kind) for index in range(count)]


def _values_of_row(sizes: Sequence[int], width: int | None) -> int | None:
    """The product of the sizes after the first; the example's width where one is open (-1)."""
    if any(size < 0 for size in sizes):
        return width
    count = 1
    for size in sizes:
        count *= size
        if count > MAX_INPUTS:
            return count
    return count


def _tensor_type(dtype: str) -> FieldType:
    if dtype.startswith(("int", "uint")):
        return "integer"
    if dtype.startswith("bool"):
        return "boolean"
    return "string" if dtype.startswith(("str", "<U", "object")) else "number"
