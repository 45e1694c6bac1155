"""LightGBM's text files. They hold trees and texts, no code."""

from __future__ import annotations

import re
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
from pilothouse.models.model_inputs import to_matrix
from pilothouse.models.package import ModelPackage
from pilothouse.models.raw_rows import normalised, rows_of, two_columns
from pilothouse.models.signature import Signature

SUFFIXES = (".lgb", ".lgbm", ".txt")
HEAD = b"tree"
END = b"end of trees"
OBJECTIVES = {
    "binary": ("binary", "probability"),
    "cross_entropy": ("binary", "probability"),
    "multiclass": ("multiclass", "probability"),
    "multiclassova": ("multiclass", "probability"),
    "quantile": ("quantile", "value"),
    "lambdarank": ("ranking", "value"),
    "rank_xendcg": ("ranking", "value"),
    "custom": ("unspecified", "value"),
    "none": ("unspecified", "value"),
    "": ("unspecified", "value"),
}


class LightGBM(ModelFormat):
    """A booster as text."""

    title = "LightGBM"
    description = "A model file of LightGBM: trees as text."
    file_names = "*.lgb, *.lgbm, *.txt"
    libraries = ("lightgbm", "numpy", "scipy", "pandas")
    own_libraries = ("lightgbm",)
    versions = "any newer"
    start_seconds = 60.0  # a damaged file makes the library spin without an end

    def claims(self, package: ModelPackage) -> bool:
        """A file of LightGBM's; .txt only where the author's client named the library."""
        if main_file(package, ".lgb", ".lgbm"):
            return True
        return package.fact("library") == "lightgbm" and bool(main_file(package, ".txt"))

    def load(
        self, folder: Path, package: ModelPackage, signature: Signature, *, approved: bool = False
    ) -> LoadedModel:
        """Load the booster. Raises Invalid when the text is cut off."""
        import lightgbm

        text = (folder / require_file(package, *SUFFIXES)).read_bytes()
        if not text.startswith(HEAD) or END not in text:
            raise Invalid("The LightGBM file is damaged: it does not end as LightGBM writes it.")
        return BoosterOfLightGBM(lightgbm.Booster(model_str=text.decode()), signature)


class BoosterOfLightGBM:
    """A booster behind a signature."""

    def __init__(self, booster: Any, signature: Signature) -> None:
        self._booster = booster
        self._signature = signature
        self._categories = booster.pandas_categorical or []
        self._categorical = _categorical_positions(booster) if self._categories else []
        self._facts = _facts(booster)

    def inspect(self) -> dict[str, Any]:
        """What the objective says. Class names are not in the file."""
        return dict(self._facts)

    def predict(self, columns: Columns) -> Rows:
        """Raw rows."""
        inputs = self._frame(columns) if self._categories else to_matrix(columns)
        values = self._booster.predict(inputs, num_threads=1)
        rows = rows_of(values, len(columns[0]) if columns else 0)
        if self._facts["task"] == "binary":
            return two_columns(rows)
        # One-against-all scores are independent, and a probability is one of several that sum to 1.
        return normalised(rows) if self._facts["objective"] == "multiclassova" else rows

    def _frame(self, columns: Columns) -> Any:
        """A frame with the categories of the file, in the order of the training's frame."""
        import pandas as pd

        texts = self._categorical
        if len(texts) != len(self._categories):
            texts = [index for index, values in enumerate(columns) if _is_text(values)]
        if len(texts) != len(self._categories):
            raise ValueError("the model's categories do not fit the columns of this request")
        lists = dict(zip(texts, self._categories, strict=True))
        return pd.DataFrame(
            {
                index: pd.Categorical(values, categories=lists[index])
                if index in lists
                else pd.array(values, dtype="Float64").to_numpy("float64", na_value=float("nan"))
                for index, values in enumerate(columns)
            }
        )


def _is_text(values: list[Any]) -> bool:
    return any(isinstance(value, str) for value in values)


def _categorical_positions(booster: Any) -> list[int]:
    """The columns that the training's parameters call categorical."""
    match = re.search(r"^\[categorical_feature: ([0-9,]+)\]$", booster.model_to_string(), re.M)
    return [int(part) for part in match[1].split(",")] if match else []


def _facts(booster: Any) -> dict[str, Any]:
    objective = str(booster.dump_model(num_iteration=1).get("objective", "")).partition(" ")[0]
    task, gives = OBJECTIVES.get(objective, ("regression", "value"))
    facts: dict[str, Any] = {
        "objective": objective,
        "task": task,
        "gives": gives,
        "inputs": [str(name) for name in booster.feature_name()],
        "width": int(booster.num_feature()),
        "classes_are_numbers": True,
    }
    if task in ("binary", "multiclass"):
        facts["classes"] = list(range(max(booster.num_model_per_iteration(), 2)))
    if task == "quantile":
        match = re.search(r"\[alpha: ([0-9.eE+-]+)\]", booster.model_to_string(num_iteration=1))
        facts["levels"] = [float(match[1])] if match else []
    return facts


formats.register("lightgbm")(LightGBM())
