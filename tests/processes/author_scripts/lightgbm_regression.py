import argparse
import os

import lightgbm
import mlflow
import pandas as pd
from mlflow.models import infer_signature
from sklearn.metrics import mean_absolute_error
from sklearn.model_selection import train_test_split

parser = argparse.ArgumentParser()
parser.add_argument("--data", required=True)
parser.add_argument("--leaves", type=int, default=15)
args = parser.parse_args()

mlflow.set_tracking_uri(os.environ["MLFLOW_TRACKING_URI"])
mlflow.set_experiment("progression")
frame = pd.read_parquet(args.data)
train, test = train_test_split(frame, random_state=0)
inputs = [name for name in frame if name != "progression"]

with mlflow.start_run():
    params = {"objective": "regression", "num_leaves": args.leaves, "verbose": -1, "num_threads": 1}
    booster = lightgbm.train(params, lightgbm.Dataset(train[inputs], train["progression"]), 60)
    predicted = booster.predict(test[inputs])
    mlflow.log_params(params)
    mlflow.log_metric("mae", mean_absolute_error(test["progression"], predicted))
    mlflow.lightgbm.log_model(
        booster,
        name="model",
        signature=infer_signature(test[inputs], predicted),
        input_example=test[inputs].head(2),
    )
    run = mlflow.active_run().info.run_id

mlflow.register_model(f"runs:/{run}/model", "progression")
