"""The registry as frames: models, versions, promotions, and the history of stages."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from sqlalchemy import ColumnElement, func, or_, select, true, tuple_
from sqlmodel import Session, col

from pilothouse.kit.errors import NotFound
from pilothouse.registry.gates import Verdict
from pilothouse.registry.tables import (
    CHAMPION,
    PENDING,
    PRODUCTION,
    Alias,
    Model,
    ModelTag,
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
    "version",
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
    "version",
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
OWNER = "owner"
HISTORY = ("at", "version", "before", "after", "by", "reason", "promotion_id")


def models(
    session: Session, search: str = "", page: int = 1, size: int | None = None
) -> pd.DataFrame:
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
            func.count(col(ModelVersion.version)),
            func.max(col(ModelVersion.version)),
            select(col(Alias.version))
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
        .where(_matches_search(search))
    )
    if size is not None:
        query = query.limit(size).offset((page - 1) * size)

    frame = _frame(session.execute(query), MODELS, instants=("newest_at", "created_at"))
    return frame.astype({"versions": "int64", "latest": "Int64", "champion": "Int64"})


def model_list(session: Session, search: str, page: int, size: int) -> pd.DataFrame:
    """A page of `models` with `owner`, and `metrics` of the champion, else of the newest version.

    The owner is the value of the tag `owner`, else who created the model.
    """
    frame = models(session, search, page, size)
    names = list(frame["name"])
    tags = select(col(ModelTag.model), col(ModelTag.value)).where(
        col(ModelTag.key) == OWNER, col(ModelTag.model).in_(names)
    )
    owners = {row.model: row.value for row in session.execute(tags)}
    judged = frame["champion"].fillna(frame["latest"]).fillna(0)  # a model may have no version
    pairs = list(zip(names, judged.astype(int).tolist(), strict=True))
    query = select(col(ModelVersion.model), col(ModelVersion.metrics)).where(
        tuple_(col(ModelVersion.model), col(ModelVersion.version)).in_(pairs)
    )
    metrics = {row.model: row.metrics for row in session.execute(query)}
    rows = zip(names, frame["created_by"], strict=True)

    return frame.assign(
        owner=[owners.get(name, maker) for name, maker in rows],
        metrics=[metrics.get(name, {}) for name in names],
    )


def count_models(session: Session, search: str) -> int:
    """How many models a search matches."""
    query = select(func.count()).select_from(Model).where(_matches_search(search))
    return int(session.execute(query).scalar_one())


def _matches_search(search: str) -> ColumnElement[bool]:
    """Whether a model's name, note, creator or owner contains the text."""
    if not search:
        return true()
    tagged = select(col(ModelTag.model)).where(
        col(ModelTag.key) == OWNER, col(ModelTag.value).icontains(search, autoescape=True)
    )
    columns = (Model.name, Model.note, Model.created_by)
    hits = [col(column).icontains(search, autoescape=True) for column in columns]
    return or_(*hits, col(Model.name).in_(tagged))


def versions(session: Session, model: str) -> pd.DataFrame:
    """One row per version, newest first: `VERSIONS`, aliases, and a column `metrics.<key>` each."""
    import pandas as pd

    if session.get(Model, model) is None:
        raise NotFound(f"no model named {model!r}")
    columns = [getattr(ModelVersion, name) for name in (*VERSIONS, "metrics")]
    query = (
        select(*columns)
        .where(col(ModelVersion.model) == model)
        .order_by(col(ModelVersion.version).desc())
    )
    rows = session.execute(query).all()
    frame = _frame([row[:-1] for row in rows], VERSIONS, instants=("created_at",))
    by_version = aliases(session, model)
    frame.insert(2, "aliases", [", ".join(by_version.get(int(row[0]), ())) for row in rows])
    metrics = pd.DataFrame([row[-1] for row in rows], index=frame.index).add_prefix("metrics.")
    return pd.concat([frame, metrics], axis=1)


def promotions(session: Session, status: str | None, model: str | None) -> pd.DataFrame:
    """Promotions, newest first: `PROMOTIONS`, and `gates` with the gates that did not pass."""
    columns = (*PROMOTIONS, "verdicts", "decision_verdicts")
    query = select(*[getattr(Promotion, name) for name in columns])
    if status is not None:
        query = query.where(col(Promotion.status) == status)
    if model is not None:
        query = query.where(col(Promotion.model) == model)
    query = query.order_by(col(Promotion.requested_at).desc(), col(Promotion.id).desc())
    rows = session.execute(query).all()
    frame = _frame([row[:-2] for row in rows], PROMOTIONS, instants=("requested_at", "decided_at"))
    frame["gates"] = [_unmet_gates(row[-1] or row[-2]) for row in rows]
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
    """Model and version of every version in production."""
    query = (
        select(col(ModelVersion.model), col(ModelVersion.version))
        .where(col(ModelVersion.stage) == PRODUCTION)
        .order_by(col(ModelVersion.model))
    )
    return [(model, version) for model, version in session.execute(query)]


def _frame(rows: Any, columns: Sequence[str], instants: Sequence[str]) -> pd.DataFrame:
    import pandas as pd

    frame = pd.DataFrame([tuple(row) for row in rows], columns=list(columns))
    for name in instants:
        frame[name] = pd.to_datetime(frame[name], utc=True)
    return frame


def _unmet_gates(verdicts: Sequence[dict[str, Any]]) -> str:
    unmet = [
        f"{v['gate']}: {Verdict.from_json(v).message}" for v in verdicts if v["outcome"] != "passed"
    ]
    return "; ".join(unmet) or "all passed"
