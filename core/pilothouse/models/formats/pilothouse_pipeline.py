"""Pipelines that a training of Pilothouse wrote with joblib, and pipelines fitted on a frame."""

from __future__ import annotations

import io
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from pilothouse.models import lean_imports, pandas_import
from pilothouse.models.audit import KNOWN_CLASSES, OWN_CODE, Audit
from pilothouse.models.audit.pickles import audit_pickle
from pilothouse.models.fitted_estimator import FittedEstimator
from pilothouse.models.formats import Columns, LoadedModel, ModelFormat, Rows, formats
from pilothouse.models.model_inputs import to_arrays, to_frame, to_matrix
from pilothouse.models.package import ModelPackage
from pilothouse.models.raw_rows import plain
from pilothouse.models.signature import Signature

FILE = "model.joblib"
OWN_CLASSES = "pilothouse.training.encoding"
KIND = "pilothouse_pipeline"


class PilothousePipeline(ModelFormat):
    """Only files that a training here wrote are loaded: the registry knows their digests."""

    title = "Pilothouse pipeline"
    description = "A pipeline of a training here; its file is known by its digest."
    file_names = FILE
    libraries = ("scikit-learn", "joblib", "numpy", "pandas")
    versions = "same minor"
    runs_code = True

    def claims(self, package: ModelPackage) -> bool:
        """Never by its files: whoever uploads one of this name is no training."""
        return package.format == KIND and FILE in package.files

    def audit(self, folder: Path, package: ModelPackage) -> Audit:
        """The names that the pickle would import; the classes of training are known, too."""
        audit = audit_pickle((folder / FILE).read_bytes())
        unknown = tuple(name for name in audit.unknown if not name.startswith(f"{OWN_CLASSES}."))
        return Audit(OWN_CODE if unknown else KNOWN_CLASSES, audit.imports, unknown)

    def load(
        self, folder: Path, package: ModelPackage, signature: Signature, *, approved: bool = False
    ) -> LoadedModel:
        """Unpickle the file of a training."""
        return load_pipeline((folder / FILE).read_bytes(), signature)


def load_pipeline(data: bytes, signature: Signature) -> PipelineModel:
    """Unpickle the bytes of a file whose digest was registered by a training."""
    with lean_imports.of_scikit_learn():
        with pandas_import.refused(), suppress(ImportError):  # a model may need no scikit-learn
            import sklearn.utils.fixes  # noqa: F401  # it would import pandas

            # So would LightGBM; behind the encoder of a training it is handed arrays only.
            if OWN_CLASSES.encode() in data and b"lightgbm" in data:
                import lightgbm  # noqa: F401

        import joblib

        # With pandas, for pickles that hold its objects.
        return PipelineModel(joblib.load(io.BytesIO(data)), signature)


class PipelineModel:
    """A pipeline behind its signature."""

    def __init__(self, model: Any, signature: Signature) -> None:
        self._model = model
        self._signature = signature
        self.takes_numbers = signature.takes_numbers_only
        self._gives_probabilities = signature.gives == "probability"
        self._order = _class_order(model, signature) if self._gives_probabilities else []
        # PERF: pandas costs a process about a second of CPU and a hundred megabytes, and making a
        # frame takes longer than many a prediction (benchmark: run.py predict).
        self._prepare = _preparation(model, signature)
        if self._prepare is not to_frame:
            pandas_import.refuse()

    def inspect(self) -> dict[str, Any]:
        """What training wrote into the signature: rows come in the order of its classes."""
        return {"gives": self._signature.gives, "classes": list(self._signature.classes)}

    @property
    def fitted(self) -> FittedEstimator:
        """The pipeline itself."""
        method = "predict_proba" if self._gives_probabilities else "predict"
        return FittedEstimator(self._model, method, self._signature, self._inputs)

    def _inputs(self, columns: Columns) -> Any:
        return self._prepare(columns, self._signature.inputs)

    def predict(self, columns: Columns) -> Rows:
        """Class probabilities in the order of the signature's classes, or values or labels."""
        inputs = self._inputs(columns)
        method = self._model.predict_proba if self._gives_probabilities else self._model.predict
        try:
            values = method(inputs)
        except ImportError:  # a later step of the pipeline may need pandas
            if not pandas_import.allow():
                raise
            values = method(inputs)
        return self.rows(values, len(columns[0]))

    def rows(self, values: Any, count: int) -> Rows:
        """Raw rows of what the pipeline's method returned."""
        if isinstance(values, list):  # of a multilabel model: one array of probabilities per label
            parts = [part[:, -1].tolist() for part in values]
            return [list(row) for row in zip(*parts, strict=True)]
        import numpy as np

        answers = np.asarray(values)
        if self._order:
            answers = answers[:, self._order]
        rows: Rows = answers.reshape(len(answers), -1).tolist()
        return rows


def _preparation(model: Any, signature: Signature) -> Callable[..., Any]:
    """What makes of columns what the pipeline was fitted on."""
    if _begins_with_encoder(model):
        return to_arrays
    if signature.takes_numbers_only and _was_fitted_on_array(model):
        return lambda columns, _: to_matrix(columns)
    return to_frame


def _was_fitted_on_array(model: Any) -> bool:
    """Whether scikit-learn noted a number of columns and no names, as it does for arrays."""
    first = model.steps[0][1] if hasattr(model, "steps") else model
    is_of_library = type(first).__module__.startswith("sklearn.")
    noted = getattr(first, "__dict__", {})
    return is_of_library and "n_features_in_" in noted and "feature_names_in_" not in noted


def _class_order(model: Any, signature: Signature) -> list[int]:
    """The position of each class of the signature in the model's own order.

    Models that training wrote before it named their classes have 0 and 1 for the negative and the
    positive class, which is the order of their signature.
    """
    if not signature.classes:
        return []
    labels = list(model.classes_)
    if _is_unnamed(model):
        return list(range(len(labels)))
    matches = [signature.match_label(label) for label in labels]
    if set(signature.classes) <= set(matches):
        return [matches.index(label) for label in signature.classes]
    names = [plain(label) for label in labels]
    raise SystemExit(f"the model knows the classes {names}, its signature {signature.classes}")


def _is_unnamed(model: Any) -> bool:
    return not _is_own(model, "LabelledPipeline") and _begins_with_encoder(model)


def _begins_with_encoder(model: Any) -> bool:
    """Whether training here made the model: its first step takes a mapping of columns."""
    return hasattr(model, "steps") and _is_own(model.steps[0][1], "Encoder")


def _is_own(value: Any, name: str) -> bool:
    """Whether a value is of a class of training: by its name, which is of a higher room."""
    return any(c.__name__ == name and c.__module__ == OWN_CLASSES for c in type(value).__mro__)


formats.register(KIND)(PilothousePipeline())
