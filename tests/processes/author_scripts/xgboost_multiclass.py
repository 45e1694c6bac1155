import argparse
import os

import mlflow
import pandas as pd
import xgboost
from mlflow.models import infer_signature
from sklearn.metrics import f1_score
from sklearn.model_selection import train_test_split

parser = argparse.ArgumentParser()
parser.add_argument("--data", required=True)
parser.add_argument("--rounds", type=int, default=40)
args = parser.parse_args()

mlflow.set_tracking_uri(os.environ["MLFLOW_TRACKING_URI"])
mlflow.set_experiment("cultivars")
frame = pd.read_parquet(args.data)
x, y = frame.drop(columns="cultivar"), frame["cultivar"]
x_train, x_test, y_train, y_test = train_test_split(x, y, random_state=0, stratify=y)

with mlflow.start_run(run_name="xgboost"):
    model = xgboost.XGBClassifier(n_estimators=args.rounds, max_depth=3, n_jobs=1)
    model.fit(x_train, y_train)
    mlflow.log_params(model.get_params())
    mlflow.log_metric("f1", f1_score(y_test, model.predict(x_test), average="macro"))
    mlflow.xgboost.log_model(
        model,
        name="model",
        signature=infer_signature(x_train, model.predict(x_train)),
        input_example=x_train.head(3),
        registered_model_name="cultivars",
    )
