"""Search fields of runs by their model versions: name, version, stage, alias."""

from __future__ import annotations

from sqlalchemy import and_, select, union_all
from sqlmodel import col

from pilothouse.experiments.query.runs import Entity
from pilothouse.experiments.query.sql import Condition, FieldSpec
from pilothouse.experiments.tables import Run
from pilothouse.registry.tables import (
    ARCHIVED,
    NONE,
    PRODUCTION,
    STAGING,
    Alias,
    ModelVersion,
    ModelVersionOrigin,
)

SPELLED = {stage.upper(): stage for stage in (NONE, STAGING, PRODUCTION, ARCHIVED)}
OWN_ORIGIN = and_(
    col(ModelVersionOrigin.model) == col(ModelVersion.model),
    col(ModelVersionOrigin.version) == col(ModelVersion.version),
)
OWN_ALIAS = and_(
    col(Alias.model) == col(ModelVersion.model), col(Alias.version) == col(ModelVersion.version)
)


def of_versions(holds: Condition) -> Condition:
    """The condition on runs that holds where a version made from them fulfils it."""
    trained = select(col(ModelVersion.run_id)).where(col(ModelVersion.run_id).is_not(None), holds)
    logged = select(col(ModelVersionOrigin.run)).join(ModelVersion, OWN_ORIGIN).where(holds)
    return col(Run.id).in_(union_all(trained.correlate(None), logged.correlate(None)))


def _of_aliases(holds: Condition) -> Condition:
    return of_versions(
        select(col(Alias.alias)).where(OWN_ALIAS, holds).correlate(ModelVersion).exists()
    )


MODELS = Entity(
    ("models", "model"),
    "Models",
    {
        "name": FieldSpec("Model", "text", col(ModelVersion.model), of_versions),
        "version": FieldSpec("Model version", "number", col(ModelVersion.version), of_versions),
        "stage": FieldSpec(
            "Stage",
            "choice",
            col(ModelVersion.stage),
            of_versions,
            spellings=SPELLED,
            others=True,
        ),
        "alias": FieldSpec("Alias", "text", col(Alias.alias), _of_aliases),
    },
)
