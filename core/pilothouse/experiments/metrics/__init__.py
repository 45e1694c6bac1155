"""Metrics: their history and summary, and the direction in which each is better."""
