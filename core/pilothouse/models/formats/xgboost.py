"""XGBoost's own files: UBJSON and JSON. They hold trees and texts, no code."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from pilothouse.kit.errors import Invalid
from pilothouse.models.formats import (
    Columns,
    LoadedModel,
    ModelFormat,
    Rows,
    formats,
    main_file,
    require_file,
)
from pilothouse.models.model_inputs import reordered, to_matrix
from pilothouse.models.package import ModelPackage
from pilothouse.models.raw_rows import rows_of, sigmoid, two_columns
from pilothouse.models.signature import Signature

SUFFIXES = (".ubj", ".xgb", ".json")
# What the objective says of an answer; other objectives are regressions.
OBJECTIVES = {
    "binary:logistic": ("binary", "probability"),
    "binary:logitraw": ("binary", "probability"),
    "binary:hinge": ("binary", "label"),
    "multi:softprob": ("multiclass", "probability"),
    "multi:softmax": ("multiclass", "label"),
    "reg:quantileerror": ("quantile", "value"),
    "rank:ndcg": ("ranking", "value"),
    "rank:map": ("ranking", "value"),
    "rank:pairwise": ("ranking", "value"),
    "survival:cox": ("ranking", "value"),
}


class XGBoost(ModelFormat):
    """A booster, or the booster of XGBClassifier and its siblings."""

    title = "XGBoost"
    description = "A model file of XGBoost in UBJSON or JSON: trees and texts."
    file_names = "*.ubj, *.xgb, *.json"
    libraries = ("xgboost", "numpy", "scipy", "pandas")
    own_libraries = ("xgboost",)
    versions = "any newer"

    def claims(self, package: ModelPackage) -> bool:
        """A file of XGBoost's; .json only where the author's client named the library."""
        if main_file(package, ".ubj", ".xgb"):
            return True
        return package.fact("library") == "xgboost" and bool(main_file(package, ".json"))

    def load(
        self, folder: Path, package: ModelPackage, signature: Signature, *, approved: bool = False
    ) -> LoadedModel:
        """Load the booster with one thread."""
        import xgboost

        booster = xgboost.Booster({"nthread": 1})
        try:
            booster.load_model(str(folder / require_file(package, *SUFFIXES)))
        except xgboost.core.XGBoostError as broken:  # whose message ends with a stack of C++
            reason = str(broken).strip().partition("\n")[0].rstrip(". ")
            raise Invalid(
                f"The XGBoost file is damaged, or XGBoost {xgboost.__version__} cannot read it: "
                f"{reason}."
            ) from broken
        return BoosterOfXGBoost(booster, package, signature)


class BoosterOfXGBoost:
    """A booster behind a signature."""

    def __init__(self, booster: Any, package: ModelPackage, signature: Signature) -> None:
        self._booster = booster
        self._signature = signature
        learner = json.loads(booster.save_config())["learner"]
        self._objective = learner["objective"]["name"]
        self._facts = _facts(booster, learner)
        self._linear = learner["learner_train_param"]["booster"] == "gblinear"
        self._trees = _iteration_range(booster, package)

    def inspect(self) -> dict[str, Any]:
        """What objective and parameters say. Class names are not in the file."""
        return dict(self._facts)

    def predict(self, columns: Columns) -> Rows:
        """Raw rows; a log-odds becomes a probability."""
        values = self._values(columns)
        rows = rows_of(values, len(columns[0]) if columns else 0)
        if self._objective == "binary:logitraw":
            rows = [[sigmoid(value) for value in row] for row in rows]
        if self._facts["gives"] == "label":
            return [[int(row[0])] for row in rows]
        if self._facts["task"] == "binary" and self._facts["gives"] == "probability":
            return two_columns(rows)
        return rows

    def _values(self, columns: Columns) -> Any:
        own = self._booster.feature_names
        if own:
            columns = reordered(columns, self._signature.names, own)
        inputs = self._frame(columns, own) if self._categorical else to_matrix(columns, "float32")
        if self._linear:  # inplace_predict knows trees only
            import xgboost

            matrix = xgboost.DMatrix(inputs, feature_names=own, enable_categorical=True)
            return self._booster.predict(matrix)
        return self._booster.inplace_predict(
            inputs, iteration_range=self._trees, validate_features=False
        )

    @property
    def _categorical(self) -> bool:
        return "c" in (self._booster.feature_types or [])

    def _frame(self, columns: Columns, names: list[str] | None) -> Any:
        """A frame whose categories keep their names: XGBoost 3.1 and later map them to codes."""
        import pandas as pd

        names = names or [f"f{index}" for index in range(len(columns))]
        frame = pd.DataFrame(dict(zip(names, columns, strict=True)))
        for name, kind in zip(names, self._booster.feature_types, strict=True):
            frame[name] = (
                frame[name].astype("category") if kind == "c" else frame[name].astype("float32")
            )
        return frame


def _facts(booster: Any, learner: dict[str, Any]) -> dict[str, Any]:
    params = learner["learner_model_param"]
    task, gives = OBJECTIVES.get(learner["objective"]["name"], ("regression", "value"))
    targets = int(params.get("num_target", 1))
    facts: dict[str, Any] = {
        "objective": learner["objective"]["name"],
        "gives": gives,
        "width": int(booster.num_features()),
        "classes_are_numbers": True,
    }
    if booster.feature_names:
        facts["inputs"] = list(booster.feature_names)
    if task == "quantile":
        levels = learner["objective"]["quantile_loss_param"]["quantile_alpha"]
        return facts | {"task": task, "levels": json.loads(levels) if levels else []}
    if targets > 1:
        task = "multilabel" if task == "binary" else "unspecified"
        names = [{"name": f"output_{n + 1}", "type": "number"} for n in range(targets)]
        return facts | {"task": task, "outputs": names}
    if task in ("binary", "multiclass"):
        facts["classes"] = list(range(max(int(params["num_class"]), 2)))
    return facts | {"task": task}


def _iteration_range(booster: Any, package: ModelPackage) -> tuple[int, int]:
    """XGBClassifier and its siblings stop at the best iteration; a plain booster uses all trees."""
    best = booster.attr("best_iteration")
    if best is None or "sklearn" not in package.fact("model_class"):
        return 0, 0
    return 0, int(best) + 1


formats.register("xgboost")(XGBoost())
