"""What an author does elsewhere: fits models and saves them with MLflow's client.

    python author.py FOLDER [NAME ...]

Runs in the author's environment. Beside each model it writes `proof.json`: rows, and what
`mlflow.pyfunc` predicts for them there.
"""

from __future__ import annotations

import json
import sys
import warnings
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

MODELS: dict[str, Callable[[Path], Any]] = {}
ROWS = 40
draw = np.random.default_rng(7)
COUNT = 300
NUMBERS = pd.DataFrame(
    {f"mean {name}": draw.normal(size=COUNT) for name in ("radius", "texture", "area", "smooth")}
)
SIGNAL = NUMBERS.iloc[:, 0] + 0.5 * NUMBERS.iloc[:, 1] + draw.normal(0, 0.3, COUNT)
YES_NO = np.where(SIGNAL > 0, "yes", "no")
ZERO_ONE = (SIGNAL > 0).astype(int)
KINDS = np.array(["iris", "lily", "rose"])[np.digitize(SIGNAL, [-0.5, 0.5])]
CODES = np.digitize(SIGNAL, [-0.5, 0.5])
AMOUNT = 3 * SIGNAL + 1
COUNTS = draw.poisson(np.exp(np.clip(SIGNAL, -2, 2)))
MIXED = pd.DataFrame(
    {
        "distance": np.where(draw.random(COUNT) < 0.1, np.nan, SIGNAL * 100),
        "carrier": draw.choice(["AA", "B6", "UA"], COUNT),
        "seats": draw.integers(50, 300, COUNT).astype(float),
    }
)
CATEGORIES = MIXED.assign(carrier=MIXED["carrier"].astype("category"))
GROUPS = [30] * 10
RELEVANCE = np.clip(np.digitize(SIGNAL, [-1, 0, 1]), 0, 3)


def model(function: Callable[[Path], Any]) -> Callable[[Path], Any]:
    """Register a function that saves a model and returns the rows for it."""
    MODELS[function.__name__] = function
    return function


def save_sklearn(estimator: Any, path: Path, rows: Any, **options: Any) -> Any:
    import mlflow.sklearn

    mlflow.sklearn.save_model(estimator, str(path), input_example=rows.head(3), **options)
    return rows


def mixed_pipeline(last: Any) -> Any:
    from sklearn.compose import make_column_transformer
    from sklearn.impute import SimpleImputer
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OneHotEncoder

    return make_pipeline(
        make_column_transformer(
            (SimpleImputer(), ["distance", "seats"]),
            (OneHotEncoder(handle_unknown="ignore"), ["carrier"]),
        ),
        last,
    )


@model
def sklearn_skops_logistic(path: Path) -> Any:
    from sklearn.linear_model import LogisticRegression

    return save_sklearn(LogisticRegression().fit(NUMBERS, YES_NO), path, NUMBERS)


@model
def sklearn_skops_probability(path: Path) -> Any:
    from sklearn.linear_model import LogisticRegression

    fitted = LogisticRegression().fit(NUMBERS, YES_NO)
    return save_sklearn(fitted, path, NUMBERS, pyfunc_predict_fn="predict_proba")


@model
def sklearn_skops_ridge(path: Path) -> Any:
    from sklearn.linear_model import Ridge
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    fitted = make_pipeline(StandardScaler(), Ridge()).fit(NUMBERS, AMOUNT)
    return save_sklearn(fitted, path, NUMBERS)


@model
def sklearn_forest(path: Path) -> Any:
    from sklearn.ensemble import RandomForestClassifier

    fitted = RandomForestClassifier(20, random_state=1).fit(NUMBERS, KINDS)
    return save_sklearn(fitted, path, NUMBERS, serialization_format="cloudpickle")


@model
def sklearn_mixed_pipeline(path: Path) -> Any:
    from sklearn.linear_model import LogisticRegression

    fitted = mixed_pipeline(LogisticRegression(max_iter=1000)).fit(MIXED, YES_NO)
    return save_sklearn(fitted, path, MIXED, serialization_format="pickle")


@model
def sklearn_boosting_categories(path: Path) -> Any:
    from sklearn.ensemble import HistGradientBoostingClassifier

    fitted = HistGradientBoostingClassifier(max_iter=20).fit(CATEGORIES, KINDS)
    return save_sklearn(fitted, path, CATEGORIES, serialization_format="cloudpickle")


@model
def sklearn_quantile(path: Path) -> Any:
    from sklearn.ensemble import HistGradientBoostingRegressor

    boosting = HistGradientBoostingRegressor(loss="quantile", quantile=0.9, max_iter=20)
    fitted = boosting.fit(NUMBERS, AMOUNT)
    return save_sklearn(fitted, path, NUMBERS, serialization_format="cloudpickle")


@model
def sklearn_label_only(path: Path) -> Any:
    from sklearn.svm import LinearSVC

    return save_sklearn(
        LinearSVC().fit(NUMBERS, KINDS), path, NUMBERS, serialization_format="cloudpickle"
    )


@model
def sklearn_multilabel(path: Path) -> Any:
    from sklearn.ensemble import RandomForestClassifier

    truth = np.column_stack([ZERO_ONE, (NUMBERS.iloc[:, 2] > 0).astype(int)])
    fitted = RandomForestClassifier(10, random_state=1).fit(NUMBERS, truth)
    return save_sklearn(fitted, path, NUMBERS, serialization_format="cloudpickle")


@model
def sklearn_several_outputs(path: Path) -> Any:
    from sklearn.linear_model import LinearRegression
    from sklearn.multioutput import MultiOutputRegressor

    truth = np.column_stack([AMOUNT, SIGNAL])
    fitted = MultiOutputRegressor(LinearRegression()).fit(NUMBERS, truth)
    return save_sklearn(fitted, path, NUMBERS, serialization_format="cloudpickle")


@model
def sklearn_array(path: Path) -> Any:
    import mlflow.sklearn
    from mlflow.models import infer_signature
    from sklearn.linear_model import LogisticRegression

    array = NUMBERS.to_numpy()
    fitted = LogisticRegression().fit(array, CODES)
    signature = infer_signature(array, fitted.predict(array))
    mlflow.sklearn.save_model(fitted, str(path), signature=signature, input_example=array[:3])
    return array


def save_xgboost(fitted: Any, path: Path, rows: Any, **options: Any) -> Any:
    import mlflow.xgboost

    mlflow.xgboost.save_model(fitted, str(path), input_example=rows.head(3), **options)
    return rows


@model
def xgboost_binary(path: Path) -> Any:
    import xgboost

    return save_xgboost(
        xgboost.XGBClassifier(n_estimators=20).fit(NUMBERS, ZERO_ONE), path, NUMBERS
    )


@model
def xgboost_multiclass_json(path: Path) -> Any:
    import xgboost

    fitted = xgboost.XGBClassifier(n_estimators=20).fit(NUMBERS, CODES)
    return save_xgboost(fitted, path, NUMBERS, model_format="json")


@model
def xgboost_regression(path: Path) -> Any:
    import xgboost

    return save_xgboost(xgboost.XGBRegressor(n_estimators=20).fit(NUMBERS, AMOUNT), path, NUMBERS)


@model
def xgboost_quantiles(path: Path) -> Any:
    import xgboost

    regressor = xgboost.XGBRegressor(
        objective="reg:quantileerror", quantile_alpha=np.array([0.1, 0.5, 0.9]), n_estimators=20
    )
    return save_xgboost(regressor.fit(NUMBERS, AMOUNT), path, NUMBERS)


@model
def xgboost_ranking(path: Path) -> Any:
    import xgboost

    ranker = xgboost.XGBRanker(n_estimators=20).fit(NUMBERS, RELEVANCE, group=GROUPS)
    return save_xgboost(ranker, path, NUMBERS)


@model
def xgboost_early_stopping(path: Path) -> Any:
    import xgboost

    classifier = xgboost.XGBClassifier(n_estimators=300, early_stopping_rounds=3, learning_rate=1.0)
    classifier.fit(NUMBERS[:200], ZERO_ONE[:200], eval_set=[(NUMBERS[200:], ZERO_ONE[200:])])
    return save_xgboost(classifier, path, NUMBERS)


@model
def xgboost_booster(path: Path) -> Any:
    import xgboost

    rows = NUMBERS.rename(columns=lambda name: name.replace(" ", "_"))
    matrix = xgboost.DMatrix(rows, ZERO_ONE)
    booster = xgboost.train({"objective": "binary:logistic"}, matrix, num_boost_round=20)
    return save_xgboost(booster, path, rows)


@model
def xgboost_margin(path: Path) -> Any:
    import xgboost

    matrix = xgboost.DMatrix(NUMBERS, ZERO_ONE)
    booster = xgboost.train({"objective": "binary:logitraw"}, matrix, num_boost_round=20)
    return save_xgboost(booster, path, NUMBERS)


@model
def xgboost_categories(path: Path) -> Any:
    import xgboost

    fitted = xgboost.XGBRegressor(n_estimators=20, enable_categorical=True).fit(CATEGORIES, AMOUNT)
    return save_xgboost(fitted, path, CATEGORIES)


def save_lightgbm(fitted: Any, path: Path, rows: Any) -> Any:
    import mlflow.lightgbm

    mlflow.lightgbm.save_model(fitted, str(path), input_example=rows.head(3))
    return rows


def lightgbm_booster(objective: str, truth: Any, rows: Any, **params: Any) -> Any:
    import lightgbm

    return lightgbm.train(
        {"objective": objective, "verbose": -1, **params}, lightgbm.Dataset(rows, truth), 20
    )


@model
def lightgbm_binary(path: Path) -> Any:
    return save_lightgbm(lightgbm_booster("binary", ZERO_ONE, NUMBERS), path, NUMBERS)


@model
def lightgbm_multiclass(path: Path) -> Any:
    booster = lightgbm_booster("multiclass", CODES, NUMBERS, num_class=3)
    return save_lightgbm(booster, path, NUMBERS)


@model
def lightgbm_one_against_all(path: Path) -> Any:
    booster = lightgbm_booster("multiclassova", CODES, NUMBERS, num_class=3)
    return save_lightgbm(booster, path, NUMBERS)


@model
def lightgbm_quantile(path: Path) -> Any:
    return save_lightgbm(lightgbm_booster("quantile", AMOUNT, NUMBERS, alpha=0.8), path, NUMBERS)


@model
def lightgbm_categories(path: Path) -> Any:
    booster = lightgbm_booster("regression", AMOUNT, CATEGORIES)
    return save_lightgbm(booster, path, CATEGORIES)


@model
def lightgbm_sklearn_classifier(path: Path) -> Any:
    import lightgbm

    fitted = lightgbm.LGBMClassifier(n_estimators=20, verbose=-1).fit(NUMBERS, KINDS)
    return save_lightgbm(fitted, path, NUMBERS)


@model
def lightgbm_sklearn_regressor(path: Path) -> Any:
    import lightgbm

    fitted = lightgbm.LGBMRegressor(n_estimators=20, verbose=-1).fit(NUMBERS, AMOUNT)
    return save_lightgbm(fitted, path, NUMBERS)


def save_catboost(fitted: Any, path: Path, rows: Any) -> Any:
    import mlflow.catboost

    mlflow.catboost.save_model(fitted, str(path), input_example=rows.head(3))
    return rows


def catboost(kind: str, truth: Any, rows: Any = NUMBERS, **params: Any) -> Any:
    import catboost

    options = {"iterations": 20, "verbose": False, "allow_writing_files": False, **params}
    # The base class takes a mapping, its subclasses take arguments.
    made = catboost.CatBoost(options) if kind == "CatBoost" else getattr(catboost, kind)(**options)
    return made.fit(rows, truth)


@model
def catboost_binary(path: Path) -> Any:
    return save_catboost(catboost("CatBoostClassifier", YES_NO), path, NUMBERS)


@model
def catboost_multiclass(path: Path) -> Any:
    rows = MIXED.fillna({"distance": 0.0})
    fitted = catboost("CatBoostClassifier", KINDS, rows, cat_features=["carrier"])
    return save_catboost(fitted, path, rows)


@model
def catboost_regression(path: Path) -> Any:
    return save_catboost(catboost("CatBoostRegressor", AMOUNT), path, NUMBERS)


@model
def catboost_quantiles(path: Path) -> Any:
    fitted = catboost("CatBoostRegressor", AMOUNT, loss_function="MultiQuantile:alpha=0.1,0.9")
    return save_catboost(fitted, path, NUMBERS)


@model
def catboost_poisson_base(path: Path) -> Any:
    return save_catboost(catboost("CatBoost", COUNTS, loss_function="Poisson"), path, NUMBERS)


def save_onnx(fitted: Any, path: Path, **options: Any) -> Any:
    import mlflow.onnx
    from mlflow.models import infer_signature
    from skl2onnx import to_onnx

    rows = NUMBERS.to_numpy().astype(np.float32)
    graph = to_onnx(fitted, rows[:1], **options)
    signature = infer_signature(rows, np.zeros((1, 1)))
    mlflow.onnx.save_model(graph, str(path), signature=signature, input_example=rows[:3])
    return rows


@model
def onnx_map(path: Path) -> Any:
    from sklearn.linear_model import LogisticRegression

    return save_onnx(LogisticRegression().fit(NUMBERS.to_numpy(), KINDS), path)


@model
def onnx_tensor(path: Path) -> Any:
    from sklearn.ensemble import RandomForestClassifier

    fitted = RandomForestClassifier(10, random_state=1).fit(NUMBERS.to_numpy(), YES_NO)
    return save_onnx(fitted, path, options={"zipmap": False})


@model
def onnx_regression(path: Path) -> Any:
    from sklearn.linear_model import Ridge

    return save_onnx(Ridge().fit(NUMBERS.to_numpy(), AMOUNT), path)


def network() -> Any:
    import torch

    torch.manual_seed(1)
    return torch.nn.Sequential(
        torch.nn.Linear(4, 8), torch.nn.ReLU(), torch.nn.Linear(8, 1), torch.nn.Sigmoid()
    ).eval()


def save_torch(path: Path, **options: Any) -> Any:
    import mlflow.pytorch
    from mlflow.models import infer_signature

    rows = NUMBERS.to_numpy().astype(np.float32)
    signature = infer_signature(rows, np.zeros((3, 1), np.float32))
    mlflow.pytorch.save_model(
        network(), str(path), signature=signature, input_example=rows[:3], **options
    )
    return rows


@model
def torch_exported(path: Path) -> Any:
    return save_torch(path)


@model
def torch_pickled(path: Path) -> Any:
    return save_torch(path, serialization_format="pickle")


def save_statsmodels(fitted: Any, path: Path, rows: Any) -> Any:
    import mlflow.statsmodels

    mlflow.statsmodels.save_model(fitted, str(path), input_example=rows.head(3))
    return rows


@model
def statsmodels_ols(path: Path) -> Any:
    import statsmodels.api as sm

    rows = sm.add_constant(NUMBERS)
    return save_statsmodels(sm.OLS(AMOUNT, rows).fit(), path, rows)


@model
def statsmodels_logit(path: Path) -> Any:
    import statsmodels.api as sm

    rows = sm.add_constant(NUMBERS)
    return save_statsmodels(sm.Logit(ZERO_ONE, rows).fit(disp=0), path, rows)


@model
def statsmodels_formula(path: Path) -> Any:
    import statsmodels.formula.api as smf

    rows = MIXED.fillna({"distance": 0.0}).assign(amount=AMOUNT)
    fitted = smf.ols("amount ~ distance + C(carrier)", rows).fit()
    return save_statsmodels(fitted, path, rows.drop(columns="amount"))


@model
def pyfunc_object(path: Path) -> Any:
    import mlflow.pyfunc

    class Doubled(mlflow.pyfunc.PythonModel):  # type: ignore[misc]
        def predict(self, context: Any, model_input: Any, params: Any = None) -> Any:
            return model_input.sum(axis=1) * 2

    mlflow.pyfunc.save_model(str(path), python_model=Doubled(), input_example=NUMBERS.head(3))
    return NUMBERS


CODE = """
import mlflow
import pandas as pd


class Interval(mlflow.pyfunc.PythonModel):
    def predict(self, context, model_input, params=None):
        middle = model_input.sum(axis=1)
        return pd.DataFrame({"low": middle - 1, "middle": middle, "high": middle + 1})


mlflow.models.set_model(Interval())
"""


@model
def pyfunc_from_code(path: Path) -> Any:
    import mlflow.pyfunc

    script = path.with_suffix(".source.py")
    script.write_text(CODE)
    mlflow.pyfunc.save_model(str(path), python_model=str(script), input_example=NUMBERS.head(3))
    return NUMBERS


@model
def keras_softmax(path: Path) -> Any:
    import keras
    import mlflow.tensorflow
    from mlflow.models import infer_signature

    keras.utils.set_random_seed(1)
    layers = [keras.layers.Input((4,)), keras.layers.Dense(8, activation="relu")]
    made = keras.Sequential([*layers, keras.layers.Dense(3, activation="softmax")])
    rows = NUMBERS.to_numpy().astype(np.float32)
    signature = infer_signature(rows, np.zeros((3, 3), np.float32))
    mlflow.tensorflow.save_model(made, str(path), signature=signature, input_example=rows[:3])
    return rows


RECORDED = (
    *("mlflow", "catboost", "keras", "lightgbm", "numpy", "onnx", "onnxruntime", "pandas"),
    *("scikit-learn", "scipy", "skops", "statsmodels", "tensorflow-cpu", "torch", "xgboost-cpu"),
)


def recorded_requirements(*_: Any, **__: Any) -> list[str]:
    """What MLflow would write after a minute for a model: whatever is imported, pinned."""
    return [f"{name}=={version(name)}" for name in RECORDED]


def main(folder: Path, names: list[str]) -> None:
    """Save the named models, and what MLflow predicts of them."""
    import mlflow.models
    import mlflow.pyfunc

    mlflow.models.infer_pip_requirements = recorded_requirements
    warnings.simplefilter("ignore")
    for name in names:
        path = folder / name / "model"
        path.parent.mkdir(parents=True, exist_ok=True)
        rows = MODELS[name](path)
        rows = rows.head(ROWS) if hasattr(rows, "head") else rows[:ROWS]
        predicted = mlflow.pyfunc.load_model(str(path)).predict(rows)
        proof = {"rows": table(rows), "predicted": table(predicted)}
        (path.parent / "proof.json").write_text(json.dumps(proof))
        sys.stdout.write(f"{name}\n")
        sys.stdout.flush()


def table(values: Any) -> list[list[Any]]:
    """Rows of plain values; NaN becomes null."""
    if isinstance(values, dict):
        return [
            [value for part in parts for value in part]
            for parts in zip(*(table(v) for v in values.values()), strict=True)
        ]
    if isinstance(values, pd.DataFrame):
        values = values.astype(object).to_numpy()
    listed = np.asarray(values, dtype=object).tolist()
    rows = [row if isinstance(row, list) else [row] for row in listed]
    return [[plain(value) for value in row] for row in rows]


def plain(value: Any) -> Any:
    value = value.item() if hasattr(value, "item") else value
    if isinstance(value, dict):
        return {str(key): plain(part) for key, part in value.items()}
    return None if isinstance(value, float) and value != value else value


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2:] or list(MODELS))
