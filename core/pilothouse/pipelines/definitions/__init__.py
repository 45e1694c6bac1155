"""Pipelines of people's own: named steps in a YAML or Python file, their versions and runs."""
