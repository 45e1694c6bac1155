"""Who acts when no person does: the part of the program that did it, never the account it runs as.

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
AUTOMATIC = (WORKER, CONTROLLER, SCHEDULE, MONITOR, ALERT, RETRAINING, DEMO)


def is_automatic(actor: str) -> bool:
    """Whether no person stands behind an entry of the log."""
    return actor in AUTOMATIC
