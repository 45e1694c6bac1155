"""Python models of MLflow: a pickled object, or a script (models from code)."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

from pilothouse.models.audit import Audit, audit_of_code, unapproved
from pilothouse.models.audit.pickles import audit_pickle
from pilothouse.models.formats import Columns, LoadedModel, ModelFormat, Rows, formats
from pilothouse.models.network_rows import network_rows
from pilothouse.models.package import ModelPackage
from pilothouse.models.raw_rows import outputs_of
from pilothouse.models.requirements import RUNNER_REQUIREMENTS, needed_lines
from pilothouse.models.signature import Signature

MLMODEL = "MLmodel"
MLFLOW = re.compile(r"^mlflow(?![A-Za-z0-9._-])")


class MlflowPyfunc(ModelFormat):
    """Whatever MLflow can load as a Python function, in an environment that has MLflow."""

    title = "MLflow Python model"
    description = "A Python object or script that MLflow loads: its author's own code."
    file_names = "MLmodel"
    libraries = ("mlflow", "mlflow-skinny")
    keeps_requirements = True
    versions = "as recorded"
    runs_code = True
    start_seconds = 300.0

    def claims(self, package: ModelPackage) -> bool:
        """A folder with an MLmodel file that names a Python function."""
        return MLMODEL in package.files and bool(package.fact("loader_module"))

    def requirements(self, package: ModelPackage) -> tuple[str, ...]:
        """All that was recorded, with MLflow in its small build and the author's version."""
        lines = [MLFLOW.sub("mlflow-skinny", line) for line in package.requirements]
        version = package.fact("mlflow_version")
        if version and not any(line.startswith("mlflow-skinny") for line in lines):
            lines.append(f"mlflow-skinny=={version}")
        written = replace(package, requirements=tuple(lines))
        return (*needed_lines(written, None, ("mlflow-skinny", "pandas")), *RUNNER_REQUIREMENTS)

    def audit(self, folder: Path, package: ModelPackage) -> Audit:
        """Always own code; of a pickled object, with the names that it would import."""
        scripts = [path for path in package.files if path.endswith(".py")]
        pickled = package.fact("python_model")
        if pickled in package.files:
            imports = audit_pickle((folder / pickled).read_bytes()).imports
            return audit_of_code(*imports, *scripts)
        return audit_of_code(*scripts, package.fact("loader_module"))

    def load(
        self, folder: Path, package: ModelPackage, signature: Signature, *, approved: bool = False
    ) -> LoadedModel:
        """Load through MLflow. Raises Refused unless approved."""
        if not approved:
            raise unapproved("An MLflow Python model is its author's own code.")
        import sys

        import mlflow.pyfunc

        sys.dont_write_bytecode = True  # the model's folder holds its files and nothing else
        return FunctionOfMlflow(mlflow.pyfunc.load_model(str(folder)), signature)


class FunctionOfMlflow:
    """A Python function behind a signature."""

    def __init__(self, model: Any, signature: Signature) -> None:
        self._model = model
        self._signature = signature
        self._schema = model.metadata.get_input_schema()
        self._facts: dict[str, Any] = {"task": "unspecified", "gives": "value"}
        if self._schema is not None and self._schema.has_input_names():
            self._facts["inputs"] = list(self._schema.input_names())

    def inspect(self) -> dict[str, Any]:
        """Only what an answer tells: a function does not say what its answer means."""
        return dict(self._facts)

    def predict(self, columns: Columns) -> Rows:
        """Raw rows, whatever shape the function gives: a frame, a series, a list, an array."""
        count = len(columns[0]) if columns else 0
        values = self._model.predict(self._inputs(columns))
        rows = network_rows(values, count, self._signature)
        if "outputs" not in self._facts:
            self._facts["outputs"] = outputs_of(values, rows)
        return rows

    def _inputs(self, columns: Columns) -> Any:
        import numpy as np
        import pandas as pd

        if self._schema is not None and self._schema.is_tensor_spec():
            if not self._schema.has_input_names():
                [spec] = self._schema.inputs
                matrix: Any = np.array(columns).T
                return matrix.reshape(len(matrix), *spec.shape[1:]).astype(spec.type)
            specs = zip(self._schema.inputs, columns, strict=True)
            return {spec.name: np.array(values, dtype=spec.type) for spec, values in specs}

        names = self._facts.get("inputs") or list(self._signature.names)
        frame = pd.DataFrame(dict(zip(names, columns, strict=True)))
        if self._schema is not None:
            for spec in self._schema.inputs:
                frame[spec.name] = _cast(frame[spec.name], spec)
        return frame


def _cast(values: Any, spec: Any) -> Any:
    """A column as MLflow's schema wants it: it refuses int64 where an int32 was logged."""
    import pandas as pd

    name = getattr(getattr(spec, "type", None), "name", "")
    if name == "datetime":
        return pd.to_datetime(values, unit="ms")
    if name in ("integer", "long", "boolean") and values.isna().any():
        return values
    kinds = {"integer": "int32", "long": "int64", "float": "float32", "double": "float64"}
    kind = kinds.get(name, "bool" if name == "boolean" else "")
    return values.astype(kind) if kind else values


formats.register("mlflow_pyfunc")(MlflowPyfunc())
