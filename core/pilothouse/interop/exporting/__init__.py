"""Exports of a model version to other serving systems: archives of the files that they read."""
