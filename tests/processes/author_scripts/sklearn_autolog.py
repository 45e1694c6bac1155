import argparse
import os

import mlflow
import pandas as pd
from sklearn.compose import make_column_transformer
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

parser = argparse.ArgumentParser()
parser.add_argument("--data", required=True)
parser.add_argument("--strength", type=float, default=1.0)
args = parser.parse_args()

mlflow.set_tracking_uri(os.environ["MLFLOW_TRACKING_URI"])
mlflow.set_experiment("churn")
mlflow.sklearn.autolog()

frame = pd.read_parquet(args.data)
x, y = frame.drop(columns="churn"), frame["churn"]
x_train, x_test, y_train, y_test = train_test_split(x, y, random_state=0)
numbers = x.select_dtypes("number").columns
texts = x.columns.difference(numbers)
pipeline = make_pipeline(
    make_column_transformer(
        (make_pipeline(SimpleImputer(), StandardScaler()), numbers),
        (OneHotEncoder(handle_unknown="ignore"), texts),
    ),
    LogisticRegression(C=args.strength, max_iter=1000),
)
with mlflow.start_run() as run:
    pipeline.fit(x_train, y_train)
    pipeline.score(x_test, y_test)

mlflow.register_model(f"runs:/{run.info.run_id}/model", "churn")
