"""Runs that neptune-exporter saved as Parquet, without Neptune or its exporter."""
