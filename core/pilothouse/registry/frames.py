"""The registry as frames: models, versions, promotions, and the history of stages."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from sqlalchemy import func, select
from sqlmodel import Session, col

from pilothouse.kit.errors import NotFound
from pilothouse.registry.tables import (
    CHAMPION,
    PENDING,
    PRODUCTION,
    Alias,
    Model,
    ModelVersion,
    Promotion,
    StageChange,
)
from pilothouse.registry.versions import aliases

if TYPE_CHECKING:
    import pandas as pd

MODELS = (
    "name",
    "versions",
    "latest",
    "champion",
    "pending",
    "newest_at",
    "created_at",
    "created_by",
    "note",
)
VERSIONS = (
    "number",
    "stage",
    "run_id",
    "import_source",
    "dataset",
    "digest",
    "note",
    "created_at",
    "created_by",
)
PROMOTIONS = (
    "id",
    "model",
    "number",
    "stage",
    "status",
    "reason",
    "origin",
    "requested_by",
    "requested_at",
    "decided_by",
    "decided_at",
    "decision_reason",
)
HISTORY = ("at", "number", "before", "after", "by", "reason", "promotion_id")


def models(session: Session) -> pd.DataFrame:
    """One row per model, the one with the newest version first; columns as in `MODELS`."""
    newest = func.max(col(ModelVersion.created_at))
    pending = (
        select(func.count())
        .select_from(Promotion)
        .where(col(Promotion.model) == col(Model.name), col(Promotion.status) == PENDING)
        .scalar_subquery()
    )
    query = (
        select(
            col(Model.name),
            func.count(col(ModelVersion.number)),
            func.max(col(ModelVersion.number)),
            select(col(Alias.number))
            .where(col(Alias.model) == col(Model.name), col(Alias.alias) == CHAMPION)
            .scalar_subquery(),
            pending,
            newest,
            col(Model.created_at),
            col(Model.created_by),
            col(Model.note),
        )
        .outerjoin(ModelVersion, col(ModelVersion.model) == col(Model.name))
        .group_by(col(Model.name))
        .order_by(newest.desc(), col(Model.name))
    )
    frame = _frame(session.execute(query), MODELS, instants=("newest_at", "created_at"))
    return frame.astype({"versions": "int64", "latest": "Int64", "champion": "Int64"})


def versions(session: Session, model: str) -> pd.DataFrame:
    """One row per version, newest first: `VERSIONS`, aliases, and a column `metrics.<key>` each."""
    import pandas as pd

    if session.get(Model, model) is None:
        raise NotFound(f"no model named {model!r}")
    columns = [getattr(ModelVersion, name) for name in (*VERSIONS, "metrics")]
    query = (
        select(*columns)
        .where(col(ModelVersion.model) == model)
        .order_by(col(ModelVersion.number).desc())
    )
    rows = session.execute(query).all()
    frame = _frame([row[:-1] for row in rows], VERSIONS, instants=("created_at",))
    known = aliases(session, model)
    frame.insert(2, "aliases", [", ".join(known.get(int(row[0]), ())) for row in rows])
    metrics = pd.DataFrame([row[-1] for row in rows], index=frame.index).add_prefix("metrics.")
    return pd.concat([frame, metrics], axis=1)


def promotions(session: Session, status: str | None, model: str | None) -> pd.DataFrame:
    """Promotions, newest first: `PROMOTIONS`, and `gates` with what stood in the way."""
    wanted = (*PROMOTIONS, "verdicts", "decision_verdicts")
    query = select(*[getattr(Promotion, name) for name in wanted])
    if status is not None:
        query = query.where(col(Promotion.status) == status)
    if model is not None:
        query = query.where(col(Promotion.model) == model)
    query = query.order_by(col(Promotion.requested_at).desc(), col(Promotion.id).desc())
    rows = session.execute(query).all()
    frame = _frame([row[:-2] for row in rows], PROMOTIONS, instants=("requested_at", "decided_at"))
    frame["gates"] = [_standing(row[-1] or row[-2]) for row in rows]
    return frame


def history(session: Session, model: str) -> pd.DataFrame:
    """Every move between stages, newest first; columns as in `HISTORY`."""
    if session.get(Model, model) is None:
        raise NotFound(f"no model named {model!r}")
    query = (
        select(*[getattr(StageChange, name) for name in HISTORY])
        .where(col(StageChange.model) == model)
        .order_by(col(StageChange.id).desc())
    )
    return _frame(session.execute(query), HISTORY, instants=("at",))


def in_production(session: Session) -> list[tuple[str, int]]:
    """Model and number of every version in production."""
    query = (
        select(col(ModelVersion.model), col(ModelVersion.number))
        .where(col(ModelVersion.stage) == PRODUCTION)
        .order_by(col(ModelVersion.model))
    )
    return [(model, number) for model, number in session.execute(query)]


def _frame(rows: Any, columns: Sequence[str], instants: Sequence[str]) -> pd.DataFrame:
    import pandas as pd

    frame = pd.DataFrame([tuple(row) for row in rows], columns=list(columns))
    for name in instants:
        frame[name] = pd.to_datetime(frame[name], utc=True)
    return frame


def _standing(verdicts: Sequence[dict[str, Any]]) -> str:
    standing = [f"{v['gate']}: {v['words']}" for v in verdicts if v["outcome"] != "passed"]
    return "; ".join(standing) or "all passed"
