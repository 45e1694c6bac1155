import argparse
import os

import mlflow
import numpy as np
import pandas as pd
from mlflow.models import infer_signature


class Seasonal(mlflow.pyfunc.PythonModel):
    """The mean of the same hour, scaled by temperature, with a band around it."""

    def __init__(self, means, slope, spread):
        self.means = means
        self.slope = slope
        self.spread = spread

    def predict(self, context, model_input, params=None):
        middle = model_input["hour"].map(self.means) + self.slope * model_input["temperature"]
        return pd.DataFrame(
            {"low": middle - self.spread, "middle": middle, "high": middle + self.spread}
        )


parser = argparse.ArgumentParser()
parser.add_argument("--data", required=True)
args = parser.parse_args()

mlflow.set_tracking_uri(os.environ["MLFLOW_TRACKING_URI"])
mlflow.set_experiment("demand")
frame = pd.read_parquet(args.data)
slope = float(np.polyfit(frame["temperature"], frame["demand"], 1)[0])
rest = frame["demand"] - slope * frame["temperature"]
means = rest.groupby(frame["hour"]).mean().to_dict()
spread = 1.2816 * float((rest - frame["hour"].map(means)).std())
model = Seasonal(means, slope, spread)
inputs = frame[["hour", "temperature"]]

with mlflow.start_run():
    mlflow.log_metric("spread", spread)
    mlflow.pyfunc.log_model(
        name="model",
        python_model=model,
        signature=infer_signature(inputs, model.predict(None, inputs)),
        input_example=inputs.head(4),
        registered_model_name="demand",
    )
