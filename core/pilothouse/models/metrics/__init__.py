"""Arithmetic of metrics on arrays: numpy only, no domain. scikit-learn is the tests' oracle."""
