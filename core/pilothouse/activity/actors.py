"""Actors that are not people: the part of the program that acted, never the account it runs as.

A command that a person gives is signed by the person, and so is what a job does that a person asked
for by name, such as a training. What follows by itself is signed by one of these.
"""

from __future__ import annotations

WORKER = "worker"
CONTROLLER = "controller"
SCHEDULE = "schedule"
MONITOR = "monitor"
ALERT = "alert"
RETRAINING = "retraining"
DEMO = "demo"
MLFLOW = "mlflow"  # a client, where the server acts for no person
AUTOMATIC = (WORKER, CONTROLLER, SCHEDULE, MONITOR, ALERT, RETRAINING, DEMO, MLFLOW)


def is_automatic(actor: str) -> bool:
    """Whether an entry of the log was written without a person's command."""
    return actor in AUTOMATIC
