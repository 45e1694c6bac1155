"""Models as people log them with an MLflow client; nothing in it knows of Pilothouse.

The test that runs it changes the address. It prints the rows, and what its own models predict.
"""

import importlib.util
import json
import sys
from importlib.metadata import version

import lightgbm
import mlflow
import numpy as np
import pandas as pd
import xgboost
from mlflow.models import infer_signature
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

mlflow.set_tracking_uri("http://127.0.0.1:5000")
draw = np.random.default_rng(11)
FRAME = pd.DataFrame({"size": draw.normal(size=300), "age": draw.normal(40, 9, size=300)})
AMOUNT = 3 * FRAME["size"] + FRAME["age"] / 10 + draw.normal(0, 0.1, 300)
KIND = np.array(["low", "mid", "top"])[np.digitize(FRAME["size"], [-0.4, 0.4])]
LATE = (AMOUNT > 4).astype(int)


class Band(mlflow.pyfunc.PythonModel):
    """A model of one's own: a number with a band around it."""

    def predict(self, context, model_input, params=None):
        middle = 3 * model_input["size"] + model_input["age"] / 10
        return pd.DataFrame({"low": middle - 1, "middle": middle, "high": middle + 1})


def pins(*libraries):
    """Requirements as the client would infer them, which it does in a process of some seconds."""
    return [f"{name}=={version(name)}" for name in libraries]


def log(flavor, name, **model):
    predicted = model.pop("predicted")
    flavor.log_model(
        name="model",
        registered_model_name=name,
        signature=infer_signature(FRAME, predicted),
        input_example=FRAME.head(3),
        **model,
    )
    return np.asarray(predicted).tolist()


def log_onnx(fitted):
    import mlflow.onnx
    from skl2onnx import to_onnx

    values = FRAME.to_numpy(np.float32)
    graph = to_onnx(fitted, values[:1], options={"zipmap": False})
    expected = fitted.predict_proba(values)
    needed = pins("onnx", "onnxruntime")
    predicted = fitted.predict(values)
    log(mlflow.onnx, "onnx", onnx_model=graph, predicted=predicted, pip_requirements=needed)
    return expected.tolist()


def main():
    answers = {}
    with mlflow.start_run(run_name="live"):
        linear = make_pipeline(StandardScaler(), LogisticRegression()).fit(FRAME, KIND)
        log(mlflow.sklearn, "sklearn", sk_model=linear, predicted=linear.predict(FRAME))
        answers["sklearn"] = linear.predict_proba(FRAME).tolist()

        pickled = {"sk_model": linear, "serialization_format": "cloudpickle"}
        more = {"predicted": linear.predict(FRAME), "pip_requirements": pins("scikit-learn")}
        log(mlflow.sklearn, "pickled", **pickled, **more)
        answers["pickled"] = linear.predict_proba(FRAME).tolist()

        trees = xgboost.XGBRegressor(n_estimators=20).fit(FRAME, AMOUNT)
        more = {"predicted": trees.predict(FRAME), "pip_requirements": pins("scikit-learn")}
        more["pip_requirements"].append(f"xgboost=={xgboost.__version__}")
        answers["xgboost"] = log(mlflow.xgboost, "xgboost", xgb_model=trees, **more)

        data = lightgbm.Dataset(FRAME, LATE)
        booster = lightgbm.train({"objective": "binary", "verbose": -1}, data, 20)
        more = {"predicted": booster.predict(FRAME), "pip_requirements": pins("lightgbm")}
        answers["lightgbm"] = log(mlflow.lightgbm, "lightgbm", lgb_model=booster, **more)

        band = Band().predict(None, FRAME)
        more = {"predicted": band, "pip_requirements": pins("pandas")}
        answers["pyfunc"] = log(mlflow.pyfunc, "pyfunc", python_model=Band(), **more)

        if importlib.util.find_spec("skl2onnx") is not None:
            values = FRAME.to_numpy(np.float32)
            answers["onnx"] = log_onnx(LogisticRegression().fit(values, KIND))
    json.dump({"rows": FRAME.to_dict("records"), "answers": answers}, sys.stdout)


if __name__ == "__main__":
    main()
