"""Retrainings that firing alerts trigger."""

from __future__ import annotations

import logging

from sqlmodel import Session, col, select

from pilothouse.activity.actors import ALERT
from pilothouse.deployments.tables import Deployment
from pilothouse.jobs import submit
from pilothouse.jobs.tables import ENDED, Job
from pilothouse.kit.errors import NotFound
from pilothouse.monitoring.tables import Alert
from pilothouse.registry.tables import PENDING, Promotion
from pilothouse.storage import Store

WEEKS = 8
log = logging.getLogger(__name__)


def retrain_for_alert(
    session: Session, store: Store, deployment: str, alert_id: str, *, until_ms: int
) -> str | None:
    """Submit the retraining that an alert asks for, once an alert; the job's id.

    None while an earlier retraining runs or its proposal waits for a decision: another one would
    only crowd the person who decides.
    """
    job_id = f"retrain-{alert_id}"
    if session.get(Job, job_id) is not None:
        return job_id

    alert, served = session.get(Alert, alert_id), session.get(Deployment, deployment)
    if alert is None or served is None:
        raise NotFound(f"no alert {alert_id!r} of {deployment!r}.")
    if not served.model:
        log.info("no retraining for alert %s: no model is registered for it", alert_id)
        return None
    if _waits(session, deployment, served.model):
        log.info("no retraining for alert %s: an earlier one waits for a decision", alert_id)
        return None

    return submit(
        session,
        store.acting_as(ALERT),
        "retrain",
        {
            "deployment": deployment,
            "reason": f"{alert.name}: {alert.message}",
            "weeks": WEEKS,
            "until_ms": until_ms,
        },
        title=f"Retrain {deployment}",
        subject=("deployment", deployment),
        job_id=job_id,
    )


def _waits(session: Session, deployment: str, model: str) -> bool:
    running = select(Job.id).where(
        Job.kind == "retrain", Job.subject_ref == deployment, col(Job.status).not_in(ENDED)
    )
    pending = select(Promotion.id).where(Promotion.model == model, Promotion.status == PENDING)
    return any(session.exec(query.limit(1)).first() for query in (running, pending))
