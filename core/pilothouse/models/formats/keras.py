"""Keras networks (.keras), and TensorFlow's SavedModel folders."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pilothouse.models.audit import Audit, audit_of_code, unapproved
from pilothouse.models.audit.keras_config import audit_keras
from pilothouse.models.formats import (
    Columns,
    LoadedModel,
    ModelFormat,
    Rows,
    formats,
    main_file,
)
from pilothouse.models.formats.torch import shaped
from pilothouse.models.model_inputs import to_matrix
from pilothouse.models.network_rows import network_facts, network_rows
from pilothouse.models.package import ModelPackage
from pilothouse.models.signature import Signature

SAVED_MODEL = "saved_model.pb"


class Keras(ModelFormat):
    """A network on the processor."""

    title = "Keras and TensorFlow"
    description = "A .keras file of layers, or a SavedModel folder, which is a program."
    file_names = "*.keras, saved_model.pb"
    libraries = ("tensorflow", "keras", "numpy")
    keeps_requirements = True
    versions = "as recorded"
    runs_code = True
    start_seconds = 300.0

    def claims(self, package: ModelPackage) -> bool:
        """A .keras file or a SavedModel."""
        return bool(main_file(package, ".keras")) or _saved_model(package) is not None

    def audit(self, folder: Path, package: ModelPackage) -> Audit:
        """The layers that the configuration names; a SavedModel is always own code."""
        path = main_file(package, ".keras")
        if not path:
            return audit_of_code("(the operations of a SavedModel)")
        return audit_keras((folder / path).read_bytes())

    def load(
        self, folder: Path, package: ModelPackage, signature: Signature, *, approved: bool = False
    ) -> LoadedModel:
        """Load the network, in Keras' safe mode unless approved. Raises Refused."""
        audit = self.audit(folder, package)
        if audit.unknown and not approved:
            raise unapproved(
                f"The model file asks for {audit.unknown[0]}, which is no layer of Keras."
            )
        path = main_file(package, ".keras")
        if path:
            import keras

            model = keras.saving.load_model(
                str(folder / path), compile=False, safe_mode=not approved
            )
            return NetworkOfKeras(model, signature, package)
        return _saved(folder / (_saved_model(package) or ""), signature, package)


def _saved_model(package: ModelPackage) -> str | None:
    """The folder of the only SavedModel; None without one."""
    folders = [path.rpartition("/")[0] for path in package.files if Path(path).name == SAVED_MODEL]
    return folders[0] if len(folders) == 1 else None


def _saved(folder: Path, signature: Signature, package: ModelPackage) -> LoadedModel:
    import tensorflow

    loaded = tensorflow.saved_model.load(str(folder))
    serve = loaded.signatures.get("serving_default") or loaded

    def call(inputs: Any) -> Any:
        if not hasattr(serve, "structured_input_signature"):
            return serve(inputs)
        names = list(serve.structured_input_signature[1])
        return serve(**{names[0]: tensorflow.constant(inputs)})

    return NetworkOfKeras(call, signature, package)


class NetworkOfKeras:
    """A network behind a signature: one tensor in, or one per column."""

    def __init__(self, model: Any, signature: Signature, package: ModelPackage) -> None:
        self._model = model
        self._signature = signature
        self._dtype = package.fact("tensor_dtype") or "float32"
        self._inputs = list(getattr(model, "inputs", None) or [])
        self._facts: dict[str, Any] = {"task": "unspecified", "gives": "value"}

    def inspect(self) -> dict[str, Any]:
        """Only what an answer tells: a network does not say what its numbers mean."""
        return dict(self._facts)

    def predict(self, columns: Columns) -> Rows:
        """Raw rows."""
        count = len(columns[0]) if columns else 0
        result = self._call(columns)
        values = {k: v.numpy() for k, v in result.items()} if isinstance(result, dict) else result
        values = values.numpy() if hasattr(values, "numpy") else values
        rows = network_rows(values, count, self._signature)
        if "outputs" not in self._facts:
            self._facts |= network_facts(values, rows)
        return rows

    def _call(self, columns: Columns) -> Any:
        if len(self._inputs) > 1 and len(self._inputs) == len(columns):
            parts = [to_matrix([values], self._dtype) for values in columns]
            return self._model(parts, training=False)
        matrix = to_matrix(columns, self._dtype)
        if not self._inputs:
            return self._model(matrix)
        return self._model(shaped(matrix, tuple(self._inputs[0].shape)), training=False)


formats.register("keras")(Keras())
