"""A training script as people write it for MLflow; nothing in it knows of Pilothouse.

The test that runs it changes the address in the line that says where to log, and no other line.
What it prints at the end is what it found of its own work.
"""

import json
import sys
import tempfile
from pathlib import Path

import mlflow
import numpy as np
import pandas as pd
from mlflow import MlflowClient
from mlflow.models import infer_signature
from sklearn.datasets import make_classification
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import accuracy_score, roc_auc_score
from sklearn.model_selection import GridSearchCV, train_test_split

mlflow.set_tracking_uri("http://127.0.0.1:5000")
TRUSTED = ["sklearn.tree._tree.Tree"]


def dataset():
    values, target = make_classification(n_samples=300, n_features=5, random_state=7)
    frame = pd.DataFrame(values, columns=[f"x{i}" for i in range(5)]).assign(target=target)
    return train_test_split(frame, test_size=0.3, random_state=7)


def train(name, model, train_set, test_set, **log_model):
    features = train_set.drop(columns="target")
    with mlflow.start_run(run_name=name, tags={"team": "blue"}) as run:
        data = mlflow.data.from_pandas(train_set, name="made up", targets="target")
        mlflow.log_input(data, context="training")
        mlflow.log_params(model.get_params())
        for epoch in range(20):
            mlflow.log_metric("loss", 1 / (epoch + 1), step=epoch)
        model.fit(features, train_set["target"])
        scores = model.predict_proba(test_set.drop(columns="target"))[:, 1]
        auc = float(roc_auc_score(test_set["target"], scores))
        accuracy = float(accuracy_score(test_set["target"], scores > 0.5))
        mlflow.log_metrics({"auc": auc, "accuracy": accuracy})
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "scores.csv"
            pd.DataFrame({"score": scores}).to_csv(path, index=False)
            mlflow.log_artifact(str(path), artifact_path="tables")
        mlflow.log_dict({"features": list(features.columns)}, "config/features.json")
        mlflow.log_text("# Notes", "notes.md")
        with mlflow.start_run(run_name=f"{name}, fold", nested=True):
            mlflow.log_metric("auc", auc)
        signature = infer_signature(features, model.predict(features))
        logged = mlflow.sklearn.log_model(
            model, name="model", signature=signature, input_example=features.head(2), **log_model
        )
    return run.info.run_id, logged


def search(train_set):
    mlflow.sklearn.autolog(max_tuning_runs=3)
    grid = GridSearchCV(LogisticRegression(max_iter=500), {"C": [0.1, 1.0, 10.0]}, cv=3)
    with mlflow.start_run(run_name="search") as run:
        grid.fit(train_set.drop(columns="target"), train_set["target"])
    mlflow.sklearn.autolog(disable=True)
    return run.info.run_id


def main():
    np.random.seed(7)
    client = MlflowClient()
    mlflow.set_experiment("the whole way")
    train_set, test_set = dataset()
    features = test_set.drop(columns="target")
    linear, linear_model = train("linear", LogisticRegression(C=0.5), train_set, test_set)
    forest, forest_model = train(
        "forest",
        RandomForestClassifier(n_estimators=10, max_depth=3, random_state=7),
        train_set,
        test_set,
        skops_trusted_types=TRUSTED,
        pip_requirements=["scikit-learn", "skops"],
    )
    tuned = search(train_set)
    first = mlflow.register_model(linear_model.model_uri, "risk")
    second = mlflow.register_model(f"runs:/{forest}/model", "risk", tags={"by": "script"})
    client.set_registered_model_alias("risk", "best", second.version)
    client.transition_model_version_stage("risk", first.version, "Archived")
    expected = mlflow.sklearn.load_model(forest_model.model_uri).predict(features)
    same = {
        uri: bool((mlflow.pyfunc.load_model(uri).predict(features) == expected).all())
        for uri in ("models:/risk@best", "models:/risk/2", f"runs:/{forest}/model")
    }
    runs = mlflow.search_runs(
        filter_string="metrics.auc > 0 and tags.team = 'blue'", order_by=["metrics.accuracy DESC"]
    )
    trials = client.search_runs(
        [mlflow.get_experiment_by_name("the whole way").experiment_id],
        f"tags.mlflow.parentRunId = '{tuned}'",
    )
    models = mlflow.search_logged_models(output_format="list")
    client.delete_run(linear)
    deleted = client.get_run(linear).info.lifecycle_stage
    client.restore_run(linear)
    told = {
        "same": list(same.values()),
        "runs": sorted(runs["tags.mlflow.runName"]),
        "losses": [point.value for point in client.get_metric_history(forest, "loss")],
        "trials": len(trials),
        "models": sorted({model.name for model in models}),
        "files": sorted(file.path for file in client.list_artifacts(linear)),
        "inputs": [each.dataset.name for each in client.get_run(linear).inputs.dataset_inputs],
        "stages": {str(v.version): v.current_stage for v in client.search_model_versions()},
        "registered": [model.name for model in client.search_registered_models()],
        "deleted": [deleted, client.get_run(linear).info.lifecycle_stage],
    }
    json.dump(told, sys.stdout)


if __name__ == "__main__":
    main()
