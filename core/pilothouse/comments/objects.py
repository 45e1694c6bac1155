"""What people comment on: kinds of objects, and whether one of them exists."""

from __future__ import annotations

from collections.abc import Mapping

from sqlmodel import Session

from pilothouse.deployments.tables import Deployment
from pilothouse.experiments.tables import Run
from pilothouse.kit.errors import Invalid, NotFound
from pilothouse.monitoring.tables import Alert, Window
from pilothouse.registry.tables import ModelVersion, Promotion
from pilothouse.storage.tables import Table

ROWS: Mapping[str, type[Table]] = {
    "run": Run,
    "version": ModelVersion,
    "promotion": Promotion,
    "alert": Alert,
    "window": Window,
    "deployment": Deployment,
}


def require_object(session: Session, kind: str, ref: str) -> None:
    """Raise Invalid for a kind that is not commented on, NotFound where there is no such object."""
    row = ROWS.get(kind)
    if row is None:
        raise Invalid(
            f"nobody comments on a {kind!r}.",
            hint=f"The kinds are {', '.join(ROWS)}.",
            fields={"kind": "unknown"},
        )
    key: str | tuple[str, int] = ref
    if row is ModelVersion:
        model, _, number = ref.rpartition("@")
        key = (model, int(number) if number.isdigit() and len(number) < 10 else 0)
    if session.get(row, key) is None:
        raise NotFound(f"no {kind} {ref!r}.")
