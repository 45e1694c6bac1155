"""CatBoost's own files. They hold trees, class names and parameters, no code."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pilothouse.models.formats import (
    Columns,
    LoadedModel,
    ModelFormat,
    Rows,
    formats,
    main_file,
    require_file,
)
from pilothouse.models.package import ModelPackage
from pilothouse.models.raw_rows import normalised, plain, rows_of, two_columns
from pilothouse.models.signature import Signature

SUFFIXES = (".cbm", ".cb")
LOSSES = {
    "Logloss": ("binary", "probability", "Probability"),
    "CrossEntropy": ("binary", "probability", "Probability"),
    "MultiClass": ("multiclass", "probability", "Probability"),
    "MultiClassOneVsAll": ("multiclass", "probability", "Probability"),
    "MultiLogloss": ("multilabel", "probability", "Probability"),
    "MultiCrossEntropy": ("multilabel", "probability", "Probability"),
    "Quantile": ("quantile", "value", "RawFormulaVal"),
    "MultiQuantile": ("quantile", "value", "RawFormulaVal"),
    "MultiRMSE": ("unspecified", "value", "RawFormulaVal"),
    "RMSEWithUncertainty": ("unspecified", "value", "RawFormulaVal"),
    "Poisson": ("regression", "value", "Exponent"),
    "Tweedie": ("regression", "value", "Exponent"),
}
RANKING = ("YetiRank", "PairLogit", "QueryRMSE", "QuerySoftMax", "StochasticRank", "LambdaMart")


class CatBoost(ModelFormat):
    """A model in CatBoost's binary format, which names its classes."""

    title = "CatBoost"
    description = "A binary model file of CatBoost: trees, parameters and class names."
    file_names = "*.cbm, *.cb"
    libraries = ("catboost", "numpy", "pandas", "scipy")
    own_libraries = ("catboost",)
    versions = "any newer"

    def claims(self, package: ModelPackage) -> bool:
        """A file of CatBoost's."""
        return bool(main_file(package, *SUFFIXES))

    def load(
        self, folder: Path, package: ModelPackage, signature: Signature, *, approved: bool = False
    ) -> LoadedModel:
        """Load the model."""
        import catboost

        model = catboost.CatBoost()
        model.load_model(str(folder / require_file(package, *SUFFIXES)), format="cbm")
        return ModelOfCatBoost(model, signature)


class ModelOfCatBoost:
    """A model behind a signature."""

    def __init__(self, model: Any, signature: Signature) -> None:
        self._model = model
        self._signature = signature
        self._loss = str(model.get_all_params().get("loss_function", ""))
        self._facts, self._kind = _facts(model, self._loss)
        self._texts = {*model.get_cat_feature_indices(), *model.get_text_feature_indices()}

    def inspect(self) -> dict[str, Any]:
        """What the loss function and the class names in the file say."""
        return dict(self._facts)

    def predict(self, columns: Columns) -> Rows:
        """Raw rows. Raises ValueError for values that CatBoost does not take."""
        import catboost

        rows = [
            list(row) for row in zip(*map(self._column, range(len(columns)), columns), strict=True)
        ]
        try:
            values = self._model.predict(rows, prediction_type=self._kind, thread_count=1)
        except catboost.CatBoostError as refused:
            raise ValueError(str(refused).strip().splitlines()[-1]) from refused
        result = rows_of(values, len(rows))
        if self._facts["task"] == "binary":
            return two_columns(result)
        # One-against-all scores are independent, and a probability is one of several that sum to 1.
        return normalised(result) if self._loss.startswith("MultiClassOneVsAll") else result

    def _column(self, index: int, values: list[Any]) -> list[Any]:
        """Categories as text (a missing one is the text nan, as its frames have it), numbers."""
        if index in self._texts:
            return ["nan" if value is None else _as_text(value) for value in values]
        return [float("nan") if value is None else float(value) for value in values]


def _as_text(value: Any) -> Any:
    return value if isinstance(value, (str, int)) and not isinstance(value, bool) else str(value)


def _facts(model: Any, loss: str) -> tuple[dict[str, Any], str]:
    name = loss.partition(":")[0]
    task, gives, kind = LOSSES.get(name, ("regression", "value", "RawFormulaVal"))
    if name.startswith(RANKING):
        task = "ranking"
    facts: dict[str, Any] = {
        "objective": loss,
        "task": task,
        "gives": gives,
        "inputs": [str(feature) for feature in model.feature_names_],
        "width": len(model.feature_names_),
    }
    if task in ("binary", "multiclass"):
        facts["classes"] = [plain(label) for label in model.classes_] or [0, 1]
    if task == "multilabel":
        labels = [str(plain(label)) for label in model.classes_]
        facts["outputs"] = [{"name": label, "type": "number"} for label in labels]
    if task == "quantile":
        levels = loss.partition("alpha=")[2].partition(";")[0]
        facts["levels"] = [float(part) for part in levels.split(",") if part] or [0.5]
    return facts, kind


formats.register("catboost")(CatBoost())
