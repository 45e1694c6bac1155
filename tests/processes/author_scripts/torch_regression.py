import argparse
import os

import mlflow
import pandas as pd
import torch
from mlflow.models import infer_signature

parser = argparse.ArgumentParser()
parser.add_argument("--data", required=True)
parser.add_argument("--epochs", type=int, default=200)
args = parser.parse_args()

mlflow.set_tracking_uri(os.environ["MLFLOW_TRACKING_URI"])
mlflow.set_experiment("strength")
frame = pd.read_parquet(args.data)
inputs = frame.drop(columns="strength").astype("float32")
x = torch.tensor(inputs.to_numpy())
y = torch.tensor(frame[["strength"]].to_numpy(), dtype=torch.float32)

torch.manual_seed(3)
network = torch.nn.Sequential(
    torch.nn.BatchNorm1d(x.shape[1]),
    torch.nn.Linear(x.shape[1], 16),
    torch.nn.ReLU(),
    torch.nn.Linear(16, 1),
)
optimizer = torch.optim.Adam(network.parameters(), lr=0.05)
for _ in range(args.epochs):
    optimizer.zero_grad()
    loss = torch.nn.functional.mse_loss(network(x), y)
    loss.backward()
    optimizer.step()
network.eval()

with mlflow.start_run():
    mlflow.log_param("epochs", args.epochs)
    mlflow.log_metric("mse", loss.item())
    mlflow.pytorch.log_model(
        network,
        name="model",
        signature=infer_signature(inputs, network(x).detach().numpy()),
        input_example=inputs.head(3),
        serialization_format="pickle",
        registered_model_name="strength",
    )
