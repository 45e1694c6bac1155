"""Deployments that sleep: without a request for a while they have no process (scale to zero).

The server lets them sleep and wakes them, since it knows of every request; the controller ends and
starts the processes. Neither is a decision of a person, so that the activity log has the rule only.
"""

from __future__ import annotations

from sqlmodel import Session, select

from pilothouse.deployments.route_generation import increment_generation
from pilothouse.deployments.tables import Deployment, ScaleRule, SleepRule
from pilothouse.storage import Store

# A limit of memory for so many processes keeps room free for one more; a smaller one would let
# deployments sleep that could stay.
ROOM_FROM = 3


def sleep_rules(session: Session) -> dict[str, float]:
    """After how many minutes each deployment sleeps that has a rule."""
    rows = session.exec(select(SleepRule))
    return {r.deployment: r.after_minutes for r in rows if r.after_minutes is not None}


def fall_asleep(session: Session, store: Store, name: str) -> bool:
    """Let a deployment sleep; False when it has no rule, or something is under way with it."""
    deployment = session.get(Deployment, name)
    rule = session.get(SleepRule, name)
    if deployment is None or rule is None or rule.after_minutes is None:
        return False
    if not is_settled(deployment) or deployment.serving_version != deployment.version:
        return False
    deployment.asleep_since, deployment.warm_until = store.now(), None
    scaled = session.get(ScaleRule, name)
    if scaled is not None and scaled.most is not None:
        deployment.replicas = scaled.least  # the load that set it has passed
    session.add(deployment)
    increment_generation(session)
    return True


def is_settled(deployment: Deployment) -> bool:
    """Whether it runs and no rollout splits its requests, so that its load may change it."""
    return deployment.desired_state == "running" and deployment.traffic is None


def wake(session: Session, name: str) -> bool:
    """Let the controller start its processes again; False when it does not sleep."""
    deployment = session.get(Deployment, name)
    if deployment is None or deployment.asleep_since is None:
        return False
    deployment.asleep_since = None
    session.add(deployment)
    increment_generation(session)
    return True
