"""Training-serving skew: what a model was served with, against a feature store or training data."""
