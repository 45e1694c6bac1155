"""Automatic monitoring: a deployment's monitor, and the schedule that evaluates its windows."""

from __future__ import annotations

from sqlmodel import Session, col, select

from pilothouse.activity.actors import WORKER
from pilothouse.deployments.tables import Deployment
from pilothouse.jobs import schedules
from pilothouse.monitoring import monitors
from pilothouse.monitoring.tables import Monitor
from pilothouse.storage import Store

HOURLY = "7 * * * *"


def monitor(session: Session, store: Store, deployment: str) -> None:
    """Begin to monitor a deployment and to evaluate it every hour, unless that is so already."""
    monitors.ensure_monitor(session, store, deployment)
    name = f"Evaluate {deployment}"
    if schedules.find(session, name) is None:
        schedule = schedules.ScheduleSpec(
            name,
            HOURLY,
            "evaluate_windows",
            {"deployment": deployment},
            title=name,
            subject=("deployment", deployment),
        )
        schedules.add(session, store, schedule)


def monitor_new(store: Store) -> list[str]:
    """Begin to monitor every deployment without a monitor; their names."""
    with store.read() as session:
        unmonitored = select(Deployment.name).where(
            col(Deployment.name).not_in(select(Monitor.deployment))
        )
        names = list(session.exec(unmonitored))

    for name in names:
        with store.write() as session:
            monitor(session, store.acting_as(WORKER), name)

    return names
