"""Every format with its real library: a model process answers what the library itself predicts."""

from __future__ import annotations

import importlib.util
import json
import pickle
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.ensemble import HistGradientBoostingRegressor, RandomForestClassifier
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.svm import LinearSVC

from harness.model_files import launch_of, model_process, package_of
from harness.onnx_files import classifier_with_labels, linear_regression
from pilothouse.deployments.controller.trial import inspect_launch, try_launch
from pilothouse.deployments.model_server.inspection import inspect_model
from pilothouse.deployments.model_server.server import check
from pilothouse.kit.errors import Unavailable
from pilothouse.models.audit import DATA_ONLY, KNOWN_CLASSES, OWN_CODE, Badge
from pilothouse.models.formats import format_of
from pilothouse.models.signature import UNKNOWN, Gives, OutputField, Signature, SignatureField
from pilothouse.testing.formats import check_format_on

NAMES = ("mean radius", "mean texture", "mean area")
DRAW = np.random.default_rng(5)
NUMBERS = pd.DataFrame(DRAW.normal(size=(200, 3)), columns=list(NAMES))
SIGNAL = NUMBERS.iloc[:, 0] + 0.5 * NUMBERS.iloc[:, 1] + DRAW.normal(0, 0.3, 200)
YES_NO = np.where(SIGNAL > 0, "yes", "no")
CODES = np.digitize(SIGNAL, [-0.5, 0.5])
KINDS = np.array(["iris", "lily", "rose"])[CODES]
AMOUNT = 3 * SIGNAL + 1
INPUTS = tuple(SignatureField(name, "number") for name in NAMES)
ROWS = 7
FIRST = NUMBERS.head(ROWS)
COLUMNS = [FIRST[name].tolist() for name in NAMES]
FLOAT32 = 1e-6


@dataclass(frozen=True)
class Saved:
    """A saved model: its signature, and the raw rows that its library predicts for `FIRST`."""

    signature: Signature
    expected: Any
    badge: Badge = DATA_ONLY
    facts: dict[str, Any] = field(default_factory=dict)
    tolerance: float = 1e-9


SAVERS: dict[str, Callable[[Path], Saved]] = {}


def saver(function: Callable[[Path], Saved]) -> Callable[[Path], Saved]:
    SAVERS[function.__name__] = function
    return function


def classes_of(*classes: Any, gives: Gives = "probability", positive: Any = "") -> Signature:
    task = "binary" if len(classes) == 2 else "multiclass"
    chosen = positive or (classes[1] if task == "binary" else "")
    return Signature(INPUTS, "target", classes, chosen, task=task, gives=gives)


NUMBER = Signature(INPUTS, "target", task="regression", gives="value")


def quantiles(*levels: float) -> Signature:
    return Signature(INPUTS, "target", task="quantile", gives="value", levels=levels)


@saver
def skops_logistic(folder: Path) -> Saved:
    import skops.io

    fitted = LogisticRegression().fit(NUMBERS, YES_NO)
    skops.io.dump(fitted, folder / "model.skops")
    facts = {"task": "binary", "classes": ["no", "yes"], "gives": "probability"}
    return Saved(classes_of("no", "yes"), fitted.predict_proba(FIRST), KNOWN_CLASSES, facts)


@saver
def skops_forest_with_the_classes_in_another_order(folder: Path) -> Saved:
    import skops.io

    fitted = RandomForestClassifier(5, random_state=1).fit(NUMBERS, KINDS)
    skops.io.dump(fitted, folder / "model.skops")
    facts = {"task": "multiclass", "classes": ["iris", "lily", "rose"]}
    expected = fitted.predict_proba(FIRST)[:, [2, 0, 1]]
    return Saved(classes_of("rose", "iris", "lily"), expected, KNOWN_CLASSES, facts)


@saver
def pickled_ridge(folder: Path) -> Saved:
    fitted = Ridge().fit(NUMBERS, AMOUNT)
    (folder / "model.pkl").write_bytes(pickle.dumps(fitted))
    facts = {"task": "regression", "gives": "value", "inputs": list(NAMES)}
    return Saved(NUMBER, fitted.predict(FIRST)[:, None], KNOWN_CLASSES, facts)


@saver
def cloudpickled_quantile(folder: Path) -> Saved:
    import cloudpickle

    boosting = HistGradientBoostingRegressor(loss="quantile", quantile=0.9, max_iter=10)
    fitted = boosting.fit(NUMBERS, AMOUNT)
    (folder / "model.pkl").write_bytes(cloudpickle.dumps(fitted))
    facts = {"task": "quantile", "levels": [0.9], "gives": "value"}
    return Saved(quantiles(0.9), fitted.predict(FIRST)[:, None], KNOWN_CLASSES, facts)


@saver
def joblib_with_labels_only(folder: Path) -> Saved:
    import joblib

    fitted = LinearSVC().fit(NUMBERS, KINDS)
    joblib.dump(fitted, folder / "model.joblib", compress=3)
    facts = {"task": "multiclass", "gives": "label"}
    signature = classes_of("iris", "lily", "rose", gives="label")
    return Saved(signature, fitted.predict(FIRST)[:, None], KNOWN_CLASSES, facts)


@saver
def pickled_multilabel(folder: Path) -> Saved:
    truth = np.column_stack([SIGNAL > 0, NUMBERS.iloc[:, 2] > 0]).astype(int)
    fitted = RandomForestClassifier(5, random_state=1).fit(NUMBERS, truth)
    (folder / "model.pickle").write_bytes(pickle.dumps(fitted))
    outputs = (OutputField("large"), OutputField("wide"))
    signature = Signature(INPUTS, "target", task="multilabel", outputs=outputs)
    expected = np.column_stack([part[:, 1] for part in fitted.predict_proba(FIRST)])
    return Saved(signature, expected, KNOWN_CLASSES, {"task": "multilabel"})


def xgboost_saved(folder: Path, fitted: Any, signature: Signature, expected: Any) -> Saved:
    fitted.save_model(folder / "model.ubj")
    facts = {"task": signature.task, "gives": signature.gives}
    return Saved(signature, expected, facts=facts, tolerance=FLOAT32)


@saver
def xgboost_binary_with_names_given_by_a_person(folder: Path) -> Saved:
    import xgboost

    fitted = xgboost.XGBClassifier(n_estimators=10).fit(NUMBERS, (SIGNAL > 0).astype(int))
    return xgboost_saved(folder, fitted, classes_of("no", "yes"), fitted.predict_proba(FIRST))


@saver
def xgboost_multiclass(folder: Path) -> Saved:
    import xgboost

    fitted = xgboost.XGBClassifier(n_estimators=10).fit(NUMBERS, CODES)
    return xgboost_saved(folder, fitted, classes_of(0, 1, 2), fitted.predict_proba(FIRST))


@saver
def xgboost_quantiles(folder: Path) -> Saved:
    import xgboost

    levels = np.array([0.1, 0.9])
    fitted = xgboost.XGBRegressor(
        objective="reg:quantileerror", quantile_alpha=levels, n_estimators=10
    ).fit(NUMBERS, AMOUNT)
    return xgboost_saved(folder, fitted, quantiles(0.1, 0.9), fitted.predict(FIRST))


@saver
def xgboost_log_odds(folder: Path) -> Saved:
    import xgboost

    matrix = xgboost.DMatrix(NUMBERS, (SIGNAL > 0).astype(int))
    booster = xgboost.train({"objective": "binary:logitraw"}, matrix, 10)
    margin = booster.predict(xgboost.DMatrix(FIRST), output_margin=True)
    positive = 1 / (1 + np.exp(-margin))
    expected = np.column_stack([1 - positive, positive])
    return xgboost_saved(folder, booster, classes_of(0, 1), expected)


@saver
def lightgbm_multiclass(folder: Path) -> Saved:
    import lightgbm

    params = {"objective": "multiclass", "num_class": 3, "verbose": -1}
    booster = lightgbm.train(params, lightgbm.Dataset(NUMBERS, CODES), 10)
    booster.save_model(folder / "model.lgb")
    facts = {"task": "multiclass", "classes": [0, 1, 2], "gives": "probability"}
    return Saved(classes_of("iris", "lily", "rose"), booster.predict(FIRST), facts=facts)


@saver
def lightgbm_quantile(folder: Path) -> Saved:
    import lightgbm

    params = {"objective": "quantile", "alpha": 0.8, "verbose": -1}
    booster = lightgbm.train(params, lightgbm.Dataset(NUMBERS, AMOUNT), 10)
    booster.save_model(folder / "model.lgb")
    facts = {"task": "quantile", "levels": [0.8]}
    return Saved(quantiles(0.8), np.asarray(booster.predict(FIRST))[:, None], facts=facts)


@saver
def lightgbm_pickled_classifier(folder: Path) -> Saved:
    import lightgbm

    fitted = lightgbm.LGBMClassifier(n_estimators=10, verbose=-1).fit(NUMBERS, KINDS)
    (folder / "model.pkl").write_bytes(pickle.dumps(fitted))
    facts = {"task": "multiclass", "classes": ["iris", "lily", "rose"]}
    signature = classes_of("iris", "lily", "rose")
    return Saved(signature, fitted.predict_proba(FIRST), KNOWN_CLASSES, facts)


def catboost_saved(folder: Path, kind: str, truth: Any, **params: Any) -> Any:
    import catboost

    made = getattr(catboost, kind)(
        iterations=10, verbose=False, allow_writing_files=False, thread_count=1, **params
    )
    fitted = made.fit(NUMBERS, truth)
    fitted.save_model(str(folder / "model.cbm"))
    return fitted


@saver
def catboost_binary(folder: Path) -> Saved:
    fitted = catboost_saved(folder, "CatBoostClassifier", YES_NO)
    facts = {"task": "binary", "classes": ["no", "yes"], "inputs": list(NAMES)}
    return Saved(classes_of("no", "yes"), fitted.predict_proba(FIRST), facts=facts)


@saver
def catboost_poisson(folder: Path) -> Saved:
    fitted = catboost_saved(folder, "CatBoostRegressor", np.exp(SIGNAL), loss_function="Poisson")
    return Saved(NUMBER, fitted.predict(FIRST)[:, None], facts={"task": "regression"})


@saver
def onnx_regression(folder: Path) -> Saved:
    weights, bias = [0.5, -1.0, 2.0], 0.25
    (folder / "model.onnx").write_bytes(linear_regression(weights, bias))
    expected = FIRST.to_numpy().astype(np.float32) @ np.array(weights, np.float32) + bias
    facts = {"task": "regression", "width": 3}
    return Saved(NUMBER, expected[:, None], facts=facts, tolerance=FLOAT32)


@saver
def onnx_classifier(folder: Path) -> Saved:
    weights, labels = [[1.0, 0.0, -1.0], [0.0, 1.0, 0.5], [0.5, 0.5, 0.5]], ["iris", "lily", "rose"]
    (folder / "model.onnx").write_bytes(classifier_with_labels(weights, labels))
    powers = np.exp(FIRST.to_numpy() @ np.array(weights).T)
    facts = {"task": "multiclass", "classes": labels, "gives": "probability"}
    expected = powers / powers.sum(axis=1, keepdims=True)
    return Saved(classes_of(*labels), expected, facts=facts, tolerance=FLOAT32)


@saver
def statsmodels_linear(folder: Path) -> Saved:
    import statsmodels.api as sm

    fitted = sm.OLS(AMOUNT.to_numpy(), NUMBERS).fit()
    fitted.save(str(folder / "model.statsmodels"))
    expected = np.asarray(fitted.predict(FIRST))[:, None]
    return Saved(NUMBER, expected, OWN_CODE, {"task": "regression", "inputs": list(NAMES)})


@saver
def statsmodels_formula(folder: Path) -> Saved:
    import statsmodels.formula.api as smf

    table = NUMBERS.assign(amount=AMOUNT)
    fitted = smf.ols("amount ~ Q('mean radius') + Q('mean area')", table).fit()
    fitted.save(str(folder / "model.statsmodels"))
    expected = np.asarray(fitted.predict(FIRST))[:, None]
    return Saved(NUMBER, expected, OWN_CODE, {"task": "regression"})


@saver
def statsmodels_logit(folder: Path) -> Saved:
    import statsmodels.api as sm

    fitted = sm.Logit((SIGNAL > 0).astype(int), NUMBERS).fit(disp=0)
    fitted.save(str(folder / "model.statsmodels"))
    positive = np.asarray(fitted.predict(FIRST))
    expected = np.column_stack([1 - positive, positive])
    return Saved(classes_of(0, 1), expected, OWN_CODE, {"task": "binary"})


@pytest.mark.parametrize("name", SAVERS)
def test_a_model_process_answers_as_the_library_does(name: str, tmp_path: Path) -> None:
    folder = tmp_path / "model"
    folder.mkdir()
    saved = SAVERS[name](folder)
    package = package_of(folder)
    kind = format_of(package)

    # The badge, and the contract in this process.
    assert kind.audit(folder, package).badge == saved.badge
    check_format_on(kind, folder, package, saved.signature, COLUMNS)

    # What the model says of itself before it is described.
    approved = saved.badge == OWN_CODE
    example = FIRST.head(3).to_dict("records")
    facts = inspect_model(
        lambda signature: kind.load(folder, package, signature, approved=approved),
        package,
        replace(UNKNOWN, inputs=INPUTS),
        example,
    )
    assert saved.facts.items() <= facts.items()
    assert facts["deterministic"]
    assert facts["batchable"]

    # The example is answered before a promotion, and a model process gives the library's rows.
    launch = launch_of(folder, saved.signature, approved=approved, example=example)
    check(launch)  # as a trial does, whose process is like the one below
    with model_process(tmp_path, launch) as process:
        rows = process.predict(COLUMNS)
    assert_alike(rows, saved.expected, saved.tolerance)


def assert_alike(rows: list[list[Any]], expected: Any, tolerance: float) -> None:
    if isinstance(expected.flat[0], str):
        assert rows == expected.tolist()
    else:
        assert np.allclose(np.array(rows), expected, rtol=tolerance, atol=tolerance)


def test_a_process_says_what_a_model_is_before_it_is_described(tmp_path: Path) -> None:
    folder = tmp_path / "model"
    folder.mkdir()
    catboost_binary(folder)
    example = FIRST.head(3).to_dict("records")
    facts = inspect_launch(launch_of(folder, replace(UNKNOWN, inputs=INPUTS), example=example))
    assert facts["classes"] == ["no", "yes"]
    assert [column["name"] for column in facts["input_fields"]] == list(NAMES)
    assert len(facts["answer"]) == 3


def test_a_missing_value_reaches_the_library_as_its_own(tmp_path: Path) -> None:
    import lightgbm

    holed = NUMBERS.mask(DRAW.random(NUMBERS.shape) < 0.2)
    params = {"objective": "regression", "verbose": -1}
    booster = lightgbm.train(params, lightgbm.Dataset(holed, AMOUNT), 10)
    booster.save_model(tmp_path / "model.lgb")
    package = package_of(tmp_path)
    model = format_of(package).load(tmp_path, package, NUMBER)
    columns = [[None if pd.isna(v) else v for v in holed[name].head(ROWS)] for name in NAMES]
    assert any(None in values for values in columns)
    assert np.allclose(np.array(model.predict(columns))[:, 0], booster.predict(holed.head(ROWS)))


def test_categories_of_the_training_keep_their_meaning(tmp_path: Path) -> None:
    import catboost
    import lightgbm
    import xgboost

    table = NUMBERS.assign(carrier=pd.Categorical(DRAW.choice(["AA", "B6", "UA"], 200)))
    target = AMOUNT + 5 * (table["carrier"] == "UA")
    inputs = (*INPUTS, SignatureField("carrier", "string"))
    signature = Signature(inputs, "target", task="regression", gives="value")
    first = table.tail(ROWS)
    columns = [first[name].tolist() for name in table]

    booster = lightgbm.train(
        {"objective": "regression", "verbose": -1, "min_data_per_group": 1},
        lightgbm.Dataset(table, target),
        10,
    )
    trees = xgboost.XGBRegressor(n_estimators=10, enable_categorical=True).fit(table, target)
    texts = table.astype({"carrier": str})
    cats = catboost.CatBoostRegressor(iterations=10, verbose=False, allow_writing_files=False)
    cats.fit(texts, target, cat_features=["carrier"])

    saved = {
        "model.lgb": (booster.save_model, booster.predict(first)),
        "model.ubj": (trees.save_model, trees.predict(first)),
        "model.cbm": (cats.save_model, cats.predict(texts.tail(ROWS))),
    }
    for file, (save, expected) in saved.items():
        folder = tmp_path / file.partition(".")[2]
        folder.mkdir()
        save(str(folder / file))
        package = package_of(folder)
        model = format_of(package).load(folder, package, signature)
        assert np.allclose(np.array(model.predict(columns))[:, 0], expected, rtol=FLOAT32), file


def test_xgboost_stops_where_its_classifier_does(tmp_path: Path) -> None:
    import xgboost

    truth = (SIGNAL > 0).astype(int)
    fitted = xgboost.XGBClassifier(n_estimators=200, early_stopping_rounds=2, learning_rate=1.0)
    fitted.fit(NUMBERS[:120], truth[:120], eval_set=[(NUMBERS[120:], truth[120:])], verbose=False)
    assert fitted.best_iteration < fitted.get_booster().num_boosted_rounds() - 1
    fitted.save_model(tmp_path / "model.ubj")
    flavor = "{data: model.ubj, model_class: xgboost.sklearn.XGBClassifier}"
    (tmp_path / "MLmodel").write_text(f"flavors:\n  xgboost: {flavor}\n")
    package = package_of(tmp_path)
    assert package.format == "xgboost"
    model = format_of(package).load(tmp_path, package, classes_of(0, 1))
    rows = np.array(model.predict(COLUMNS))
    assert np.allclose(rows, fitted.predict_proba(FIRST), atol=FLOAT32)


# What does not fit, and what is damaged.


def test_answers_that_do_not_fit_the_signature_are_a_reason(tmp_path: Path) -> None:
    folder = tmp_path / "model"
    folder.mkdir()
    pickled_ridge(folder)
    example = FIRST.head(1).to_dict("records")
    binary = launch_of(folder, classes_of("no", "yes"), example=example)
    assert "gives no probability" in try_launch(binary)
    two = launch_of(folder, quantiles(0.1, 0.9), example=example)
    assert "its signature says 2" in try_launch(two)


def test_other_classes_than_the_signatures_are_a_reason(tmp_path: Path) -> None:
    folder = tmp_path / "model"
    folder.mkdir()
    skops_logistic(folder)
    reason = try_launch(launch_of(folder, classes_of("late", "on time")))
    assert "the model knows the classes ['no', 'yes']" in reason


def test_own_code_is_not_started_without_approval(tmp_path: Path) -> None:
    folder = tmp_path / "model"
    folder.mkdir()
    statsmodels_linear(folder)
    example = FIRST.head(1).to_dict("records")
    assert "formulas" in try_launch(launch_of(folder, NUMBER, example=example))
    with pytest.raises(Unavailable, match="formulas"):
        inspect_launch(launch_of(folder, NUMBER, example=example))


def test_a_folder_that_is_not_the_registered_one_is_refused(tmp_path: Path) -> None:
    folder = tmp_path / "model"
    folder.mkdir()
    pickled_ridge(folder)
    launch = launch_of(folder, NUMBER)

    (folder / "sitecustomize.py").write_text("import os")
    assert "not part of the version" in try_launch(launch)
    (folder / "sitecustomize.py").unlink()

    (folder / "link").symlink_to("/etc/passwd")
    assert "link" in try_launch(launch)
    (folder / "link").unlink()

    with (folder / "model.pkl").open("ab") as out:
        out.write(b" ")
    assert "not the one that was registered" in try_launch(launch)


@pytest.mark.parametrize(
    "file", ["model.ubj", "model.lgb", "model.cbm", "model.onnx", "model.pkl", "model.skops"]
)
def test_a_damaged_file_ends_in_a_reason_within_the_deadline(file: str, tmp_path: Path) -> None:
    folder = tmp_path / "model"
    folder.mkdir()
    (folder / file).write_bytes(b"tree\nversion=v4\nnum_class=1\n" + bytes(range(256)) * 40)
    reason = try_launch(launch_of(folder, NUMBER))
    assert reason
    assert "in time" not in reason
    assert not reason.startswith("["), "a line of a stack is no reason"


def test_a_library_that_does_not_return_is_ended(tmp_path: Path) -> None:
    folder = tmp_path / "model"
    folder.mkdir()
    (folder / "MLmodel").write_text(
        "flavors:\n  python_function:\n    loader_module: endless\n    code: code\n"
    )
    (folder / "code").mkdir()
    (folder / "code" / "endless.py").write_text(
        "def _load_pyfunc(path):\n    while True:\n        pass\n"
    )
    launch = launch_of(folder, NUMBER, approved=True, deadline_seconds=20.0)
    assert "did not load and answer in time" in try_launch(launch)


# Models of MLflow's client.


@pytest.mark.filterwarnings("ignore")  # MLflow's own, while it is imported and saves
def test_a_python_model_of_mlflow_answers_as_mlflow_does(tmp_path: Path) -> None:
    import mlflow.pyfunc

    class Doubled(mlflow.pyfunc.PythonModel):  # type: ignore[misc]
        def predict(self, context: Any, model_input: Any, params: Any = None) -> Any:
            return model_input.sum(axis=1) * 2

    folder = tmp_path / "model"
    mlflow.pyfunc.save_model(
        str(folder),
        python_model=Doubled(),
        input_example=FIRST.head(3),
        pip_requirements=["pandas"],
    )
    package = package_of(folder)
    assert package.format == "mlflow_pyfunc"
    assert package.example is not None
    assert package.example.columns == NAMES
    audit = format_of(package).audit(folder, package)
    assert audit.badge == OWN_CODE
    expected = mlflow.pyfunc.load_model(str(folder)).predict(FIRST)

    example = FIRST.head(3).to_dict("records")
    launch = launch_of(folder, NUMBER, approved=True, example=example)
    assert inspect_launch(launch)["task"] == "unspecified"
    with model_process(tmp_path, launch) as process:
        assert_alike(process.predict(COLUMNS), expected.to_numpy()[:, None], 1e-9)
    assert "own code" in try_launch(launch_of(folder, NUMBER, example=example))


@pytest.mark.filterwarnings("ignore")
def test_what_an_mlmodel_trusts_is_not_believed(tmp_path: Path) -> None:
    import mlflow.sklearn

    folder = tmp_path / "model"
    mlflow.sklearn.save_model(
        LogisticRegression().fit(NUMBERS, YES_NO), str(folder), pip_requirements=["scikit-learn"]
    )
    text = (folder / "MLmodel").read_text()
    (folder / "MLmodel").write_text(
        text.replace("  sklearn:\n", "  sklearn:\n    skops_trusted_types: [os.system]\n")
    )
    package = package_of(folder)
    assert package.format == "sklearn_skops"
    assert "os.system" not in json.dumps(package.to_json())
    assert format_of(package).audit(folder, package).badge == KNOWN_CLASSES


def test_the_libraries_of_these_tests_are_installed() -> None:
    """A format whose library is missing would not be tested at all."""
    for name in ("skops", "xgboost", "lightgbm", "catboost", "onnxruntime", "statsmodels"):
        assert importlib.util.find_spec(name), name
