"""Search fields of runs by the deployments that serve them: name, model, version, state."""

from __future__ import annotations

from sqlalchemy import func, select
from sqlmodel import col

from pilothouse.deployments.tables import Deployment
from pilothouse.experiments.query.runs import Entity
from pilothouse.experiments.query.sql import Condition, FieldSpec
from pilothouse.registry.fields import of_versions
from pilothouse.registry.tables import ModelVersion

ANSWERS = func.coalesce(col(Deployment.serving_version), col(Deployment.version))
STATES = {state.upper(): state for state in ("running", "stopped")}


def _deployed(holds: Condition) -> Condition:
    """The condition on runs that holds where a deployment of one of their versions fulfils it."""
    serves = select(col(Deployment.name)).where(
        col(Deployment.model) == col(ModelVersion.model),
        col(ModelVersion.version) == ANSWERS,
        holds,
    )
    return of_versions(serves.correlate(ModelVersion).exists())


DEPLOYMENTS = Entity(
    ("deployments", "deployment"),
    "Deployments",
    {
        "name": FieldSpec("Deployment", "text", col(Deployment.name), _deployed),
        "model": FieldSpec("Deployed model", "text", col(Deployment.model), _deployed),
        "version": FieldSpec("Deployed version", "number", ANSWERS, _deployed),
        "state": FieldSpec(
            "Deployment's state",
            "choice",
            col(Deployment.desired_state),
            _deployed,
            spellings=STATES,
        ),
    },
)
