"""Train a churn model with scikit-learn and log it with MLflow.

Run it anywhere: `MLFLOW_TRACKING_URI=... python train.py --data customers.parquet`.
"""

import argparse

import cloudpickle
import mlflow
import pandas as pd
import sklearn
from mlflow.models import infer_signature
from sklearn.compose import make_column_transformer
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import train_test_split
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

TARGET, LEAVES = "churn", "Yes"
# Sent with every customer, so that the model can be measured on each group, and not used by it.
SENSITIVE = ("female", "senior_citizen", "partner", "dependents")


def make_model(inputs: pd.DataFrame, strength: float) -> Pipeline:
    """A logistic regression on every column that is not sensitive."""
    used = inputs.drop(columns=list(SENSITIVE))
    numbers = used.select_dtypes("number").columns.tolist()
    texts = [name for name in used.columns if name not in numbers]
    columns = make_column_transformer(
        (make_pipeline(SimpleImputer(strategy="median"), StandardScaler()), numbers),
        (OneHotEncoder(handle_unknown="ignore"), texts),
        remainder="drop",
    )
    return make_pipeline(columns, LogisticRegression(C=strength, max_iter=1000))


def main() -> None:
    """Fit on four fifths of the customers, measure on the rest, register the model."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--data", required=True)
    parser.add_argument("--strength", type=float, default=1.0)
    args = parser.parse_args()

    customers = pd.read_parquet(args.data)
    inputs, leaves = customers.drop(columns=TARGET), customers[TARGET]
    train, test, train_leaves, test_leaves = train_test_split(
        inputs, leaves, test_size=0.2, random_state=0, stratify=leaves
    )
    with mlflow.start_run(run_name="logistic regression"):
        mlflow.log_params({"strength": args.strength, "rows": len(train)})
        model = make_model(inputs, args.strength).fit(train, train_leaves)
        chance = model.predict_proba(test)[:, list(model.classes_).index(LEAVES)]
        mlflow.log_metric("roc_auc", roc_auc_score(test_leaves == LEAVES, chance))
        mlflow.sklearn.log_model(
            model,
            name="model",
            signature=infer_signature(inputs, model.predict_proba(inputs.head())),
            input_example=inputs.head(),
            pyfunc_predict_fn="predict_proba",
            serialization_format="cloudpickle",
            pip_requirements=[
                f"{package.__name__.replace('sklearn', 'scikit-learn')}=={package.__version__}"
                for package in (cloudpickle, pd, sklearn)
            ],
            registered_model_name="telco-churn",
        )


if __name__ == "__main__":
    main()
