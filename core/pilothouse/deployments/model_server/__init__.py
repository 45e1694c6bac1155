"""The model process: loads one version, batches requests, predicts."""
