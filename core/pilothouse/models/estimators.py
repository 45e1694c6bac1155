"""Models with scikit-learn's methods, those of XGBoost and LightGBM included, in their process."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pilothouse.kit.errors import Invalid
from pilothouse.models.fitted_estimator import FittedEstimator
from pilothouse.models.model_inputs import Columns, guessed_type, reordered, to_frame, to_matrix
from pilothouse.models.raw_rows import Rows, outputs_of, plain, rows_of
from pilothouse.models.signature import Signature, SignatureField


class Estimator:
    """A fitted estimator or pipeline behind a signature."""

    def __init__(self, model: Any, signature: Signature) -> None:
        self._model = model
        self._signature = signature
        names = getattr(model, "feature_names_in_", None)
        self._names = None if names is None else [str(name) for name in names]
        self._facts = inspect_estimator(model)
        gives = signature.gives if signature.is_described else self._facts.get("gives", "value")
        self._method = "predict_proba" if gives == "probability" else "predict"
        if not hasattr(model, self._method):
            raise Invalid(f"The model gives no {gives}: it has no method {self._method}.")
        self._takes_categories = False

    def inspect(self) -> dict[str, Any]:
        """What the estimator says of itself."""
        return dict(self._facts)

    @property
    def fitted(self) -> FittedEstimator:
        """The estimator itself."""
        return FittedEstimator(self._model, self._method, self._signature, self._inputs)

    def predict(self, columns: Columns) -> Rows:
        """Raw rows."""
        count = len(columns[0]) if columns else 0
        return self.rows(self._answer(self._inputs(columns)), count)

    def rows(self, values: Any, count: int) -> Rows:
        """Raw rows of what the estimator's method returned."""
        if isinstance(values, list) and values and hasattr(values[0], "shape"):
            return _positive_columns(values)  # one array of probabilities per label
        rows = rows_of(values, count)
        if "outputs" not in self._facts and self._facts.get("task") in (None, "unspecified"):
            self._facts["outputs"] = outputs_of(values, rows)
        return rows

    def _answer(self, inputs: Any) -> Any:
        """What the model's method gives.

        A model that was fitted on pandas' categories refuses texts. Nothing in the file says so in
        the same way for all libraries, hence it is tried once.
        """
        method = getattr(self._model, self._method)
        if self._takes_categories:
            return method(_with_categories(inputs))
        try:
            return method(inputs)
        except (ValueError, TypeError):
            if not _has_texts(inputs):
                raise
            try:
                values = method(_with_categories(inputs))
            except (ValueError, TypeError):
                values = None
            if values is None:
                raise
            self._takes_categories = True
            return values

    def _inputs(self, columns: Columns) -> Any:
        fields = self._signature.inputs or _guessed_fields(columns, self._names)
        if self._names is None and all(f.type in ("number", "integer") for f in fields):
            return to_matrix(columns)
        if self._names is not None and len(self._names) == len(columns):
            names = [field.name for field in fields]
            columns = reordered(columns, names, self._names)
            by_name = {field.name: field for field in fields}
            if set(names) == set(self._names):
                fields = tuple(by_name[name] for name in self._names)
            frame = to_frame(columns, fields)
            frame.columns = self._names
        else:
            frame = to_frame(columns, fields)
        return _as_fitted(frame, fields) if self._names is not None else frame.to_numpy()


def _as_fitted(frame: Any, fields: Sequence[SignatureField]) -> Any:
    """The frame with times without a zone, as clients log them."""
    for name, field in zip(list(frame.columns), fields, strict=True):
        if field.type == "time":
            frame[name] = frame[name].dt.tz_localize(None)
    return frame


def _has_texts(inputs: Any) -> bool:
    return hasattr(inputs, "select_dtypes") and "object" in {str(kind) for kind in inputs.dtypes}


def _with_categories(frame: Any) -> Any:
    texts = [name for name, kind in frame.dtypes.items() if str(kind) == "object"]
    return frame.astype(dict.fromkeys(texts, "category"))


def _guessed_fields(columns: Columns, names: list[str] | None) -> tuple[SignatureField, ...]:
    fitting = names if names is not None and len(names) == len(columns) else None
    return tuple(
        SignatureField(fitting[index] if fitting else f"x{index}", guessed_type(values))  # type: ignore[arg-type]
        for index, values in enumerate(columns)
    )


def _positive_columns(values: list[Any]) -> Rows:
    """One probability per label: the last column of each label's array."""
    parts = [part[:, -1].tolist() for part in values]
    return [list(row) for row in zip(*parts, strict=True)]


def inspect_estimator(model: Any) -> dict[str, Any]:
    """Task, classes, levels, inputs and what it gives, of a fitted estimator.

    scikit-learn's own tests for classifiers and regressors are used where it is installed.
    """
    last = model[-1] if hasattr(model, "steps") else model
    facts: dict[str, Any] = {"estimator": f"{type(last).__module__}.{type(last).__name__}"}
    names = getattr(model, "feature_names_in_", None)
    if names is not None:
        facts["inputs"] = [str(name) for name in names]
    width = getattr(model, "n_features_in_", None)
    if width is not None:
        facts["width"] = int(width)

    classes = getattr(model, "classes_", None)
    if classes is not None:
        return facts | _classifier(model, last, classes)
    if _kind(model) == "regressor":
        return facts | _regressor(model, last)
    return facts | _other(model, last)


def _kind(model: Any) -> str:
    try:
        from sklearn.base import is_classifier, is_regressor
    except ImportError:
        return str(getattr(model, "_estimator_type", ""))
    return "classifier" if is_classifier(model) else "regressor" if is_regressor(model) else ""


def _classifier(model: Any, last: Any, classes: Any) -> dict[str, Any]:
    gives = "probability" if hasattr(model, "predict_proba") else "label"
    if isinstance(classes, list):
        return {"task": "multilabel", "outputs": _labels(len(classes)), "gives": gives}
    labels = [plain(label) for label in classes]
    if getattr(last, "multilabel_", False):
        return {"task": "multilabel", "outputs": _labels(len(labels)), "gives": gives}
    task = "binary" if len(labels) == 2 else "multiclass"
    return {"task": task, "classes": labels, "gives": gives}


def _labels(count: int) -> list[dict[str, str]]:
    return [{"name": f"label_{index + 1}", "type": "number"} for index in range(count)]


def _regressor(model: Any, last: Any) -> dict[str, Any]:
    inner = getattr(last, "regressor_", last)  # of a transformed target
    params = inner.get_params() if hasattr(inner, "get_params") else {}
    level = _quantile_level(inner, params)
    if level is not None:
        return {"task": "quantile", "levels": [level], "gives": "value"}
    width = getattr(inner, "n_outputs_", None) or len(getattr(inner, "estimators_", [])) or 1
    if _is_multi_output(inner) and width > 1:
        return {"task": "unspecified", "gives": "value"}
    return {"task": "regression", "gives": "value"}


def _is_multi_output(inner: Any) -> bool:
    name = type(inner).__name__
    return name in ("MultiOutputRegressor", "RegressorChain") or getattr(inner, "n_outputs_", 1) > 1


def _quantile_level(inner: Any, params: dict[str, Any]) -> float | None:
    name = type(inner).__name__
    if name == "QuantileRegressor":
        return float(params["quantile"])
    if name == "HistGradientBoostingRegressor" and params.get("loss") == "quantile":
        return float(params["quantile"])
    if name == "GradientBoostingRegressor" and params.get("loss") == "quantile":
        return float(params["alpha"])
    if name == "LGBMRegressor" and params.get("objective") == "quantile":
        return float(params.get("alpha", 0.9))
    return None


def _other(model: Any, last: Any) -> dict[str, Any]:
    if "Ranker" in type(last).__name__:
        return {"task": "ranking", "gives": "value"}
    return {"task": "unspecified", "gives": "value"}
