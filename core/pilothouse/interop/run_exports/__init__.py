"""Runs for other trackers and for tables: MLflow, TensorBoard, CSV, Parquet."""
