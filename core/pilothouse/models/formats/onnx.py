"""ONNX files: a graph of known operators and its numbers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pilothouse.kit.errors import Invalid
from pilothouse.models.audit import Audit, audit_of_data
from pilothouse.models.formats import (
    Columns,
    LoadedModel,
    ModelFormat,
    Rows,
    formats,
    main_file,
    require_file,
)
from pilothouse.models.onnx_file import OnnxFile, read_onnx
from pilothouse.models.package import ModelPackage
from pilothouse.models.raw_rows import plain, rows_of, two_columns
from pilothouse.models.signature import Signature

TYPES = {
    "tensor(float)": "float32",
    "tensor(double)": "float64",
    "tensor(float16)": "float16",
    "tensor(int64)": "int64",
    "tensor(int32)": "int32",
    "tensor(bool)": "bool",
    "tensor(string)": "object",
}


class Onnx(ModelFormat):
    """A graph for ONNX Runtime, on one thread of the processor."""

    title = "ONNX"
    description = "A graph of operators and its numbers, for ONNX Runtime."
    file_names = "*.onnx"
    libraries = ("onnxruntime", "numpy")
    own_libraries = ("onnxruntime",)
    versions = "any newer"

    def claims(self, package: ModelPackage) -> bool:
        """A file of ONNX."""
        return bool(main_file(package, ".onnx"))

    def audit(self, folder: Path, package: ModelPackage) -> Audit:
        """Data only. Raises Invalid when it refers to a file outside of the model's."""
        _read(folder, package)
        return audit_of_data()

    def load(
        self, folder: Path, package: ModelPackage, signature: Signature, *, approved: bool = False
    ) -> LoadedModel:
        """Open a session. Raises Invalid for external data that is no file of the model."""
        import onnxruntime

        file = _read(folder, package)
        path = folder / require_file(package, ".onnx")
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        options.log_severity_level = 3
        session = onnxruntime.InferenceSession(
            str(path), options, providers=["CPUExecutionProvider"]
        )
        return GraphOfOnnx(session, signature, file.classes)


def _read(folder: Path, package: ModelPackage) -> OnnxFile:
    path = require_file(package, ".onnx")
    return read_onnx((folder / path).read_bytes(), path, package.files)


class GraphOfOnnx:
    """A session behind a signature."""

    def __init__(self, session: Any, signature: Signature, classes: list[list[str | int]]) -> None:
        self._session = session
        self._signature = signature
        self._inputs = session.get_inputs()
        self._outputs = session.get_outputs()
        self._probabilities, self._label = _roles(self._outputs)
        self._facts = self._inspected(classes)
        self._single = any(_fixed_batch(part) for part in self._inputs)

    def inspect(self) -> dict[str, Any]:
        """What names and shapes of inputs and outputs say, and class names in the graph."""
        return dict(self._facts)

    def predict(self, columns: Columns) -> Rows:
        """Raw rows."""
        count = len(columns[0]) if columns else 0
        if not self._single or count == 1:
            return self._run(columns, count)
        parts = [[[values[index]] for values in columns] for index in range(count)]
        return [row for part in parts for row in self._run(part, 1)]

    def _run(self, columns: Columns, count: int) -> Rows:
        feed = self._feed(columns)
        gives = self._signature.gives if self._signature.is_described else self._facts["gives"]
        if gives == "probability" and self._probabilities is not None:
            [values] = self._session.run([self._probabilities.name], feed)
            return two_columns(self._probability_rows(values, count))
        if gives == "label" and self._label is not None:
            [values] = self._session.run([self._label.name], feed)
            return rows_of(values, count)
        results = self._session.run([part.name for part in self._outputs], feed)
        parts = [rows_of(values, count) for values in results]
        return [[value for row in rows for value in row] for rows in zip(*parts, strict=True)]

    def _probability_rows(self, values: Any, count: int) -> Rows:
        """Of a tensor, or of a map per row: then in the order of the classes."""
        if isinstance(values, list) and values and isinstance(values[0], dict):
            labels = self._facts.get("classes") or list(values[0])
            return [[float(row[label]) for label in labels] for row in values]
        return rows_of(values, count)

    def _feed(self, columns: Columns) -> dict[str, Any]:
        import numpy as np

        if len(self._inputs) == 1:
            [only] = self._inputs
            matrix = np.array(columns, dtype=_dtype(only)).T
            shape = [size if isinstance(size, int) and size > 0 else -1 for size in only.shape[1:]]
            return {only.name: matrix.reshape(len(matrix), *shape) if len(shape) > 1 else matrix}
        if len(self._inputs) != len(columns):
            raise ValueError(f"the model takes {len(self._inputs)} inputs, not {len(columns)}")
        return {
            part.name: _column(values, _dtype(part)).reshape(-1, *([1] * (len(part.shape) - 1)))
            for part, values in zip(self._inputs, columns, strict=True)
        }

    def _inspected(self, classes: list[list[str | int]]) -> dict[str, Any]:
        facts: dict[str, Any] = {
            "width": _width(self._inputs),
            "onnx_outputs": [f"{part.name}: {part.type} {part.shape}" for part in self._outputs],
        }
        if len(self._inputs) > 1:
            facts["inputs"] = [part.name for part in self._inputs]
        if self._probabilities is None:
            return facts | self._values()
        labels = [plain(label) for label in classes[-1]] if classes else []
        size = _last_size(self._probabilities)
        if labels and size not in (None, 1, len(labels)):
            labels = []
        count = len(labels) or size or 2
        labels = labels or list(range(count))
        task = "binary" if count == 2 else "multiclass"
        return facts | {"task": task, "classes": labels, "gives": "probability"}

    def _values(self) -> dict[str, Any]:
        sizes = [_last_size(part) or 1 for part in self._outputs]
        if self._label is not None and len(self._outputs) == 1:
            return {"task": "unspecified", "gives": "label"}
        if sizes == [1]:
            return {"task": "regression", "gives": "value"}
        names = [
            {"name": part.name if size == 1 else f"{part.name}_{index + 1}", "type": "number"}
            for part, size in zip(self._outputs, sizes, strict=True)
            for index in range(size)
        ]
        return {"task": "unspecified", "gives": "value", "outputs": names}


def _roles(outputs: list[Any]) -> tuple[Any, Any]:
    """The output with probabilities, and the one with labels, as converters name them."""
    label = next((o for o in outputs if o.type in ("tensor(int64)", "tensor(string)")), None)
    probabilities = next(
        (o for o in outputs if "prob" in o.name.lower() or o.type.startswith("seq(map")), None
    )
    return probabilities, label


def _dtype(part: Any) -> str:
    kind = TYPES.get(part.type)
    if kind is None:
        raise Invalid(f"The input {part.name!r} of the ONNX model is a {part.type}.")
    return kind


def _column(values: list[Any], dtype: str) -> Any:
    import numpy as np

    if dtype == "object":
        return np.array(["" if value is None else str(value) for value in values], dtype=object)
    if dtype.startswith("int") and None in values:
        raise ValueError("the model takes no missing values in a column of integers")
    return np.array(values, dtype=dtype)


def _fixed_batch(part: Any) -> bool:
    return bool(part.shape) and part.shape[0] == 1


def _width(inputs: list[Any]) -> int | None:
    if len(inputs) > 1:
        return len(inputs)
    width = 1
    for size in inputs[0].shape[1:]:
        if not isinstance(size, int):
            return None
        width *= size
    return width


def _last_size(part: Any) -> int | None:
    shape = part.shape if isinstance(part.shape, list) else []
    return shape[-1] if len(shape) > 1 and isinstance(shape[-1], int) else None


formats.register("onnx")(Onnx())
