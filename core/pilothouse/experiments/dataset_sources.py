"""Writing what programs say about the datasets that their runs read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy import select
from sqlmodel import Session, col

from pilothouse.experiments.late_writes import LateRun
from pilothouse.experiments.tables import Run, Source, SourceUse

# The tag in which an MLflow client says what the run used the dataset for.
ROLE_TAG = "mlflow.data.context"


@dataclass(frozen=True)
class SourceDescription:
    """A dataset in the words of the program that logged it; `columns` and `profile` are JSON."""

    name: str
    digest: str
    source_type: str = ""
    source: str = ""
    columns: str = ""
    profile: str = ""


def log_use(
    session: Session, run: Run, description: SourceDescription, tags: Mapping[str, str]
) -> None:
    """Record that a run read a dataset. Tags of the same use add up, the newest value wins."""
    source = _require_or_create(session, run.experiment_id, description)
    existing = session.get(SourceUse, (run.id, source.id))
    all_tags = {**(existing.tags if existing else {}), **tags}
    role = all_tags.get(ROLE_TAG, "")
    session.merge(SourceUse(run_id=run.id, source_id=source.id or 0, role=role, tags=all_tags))
    session.flush()


def _require_or_create(
    session: Session, experiment_id: int, description: SourceDescription
) -> Source:
    query = select(Source).where(
        col(Source.experiment_id) == experiment_id,
        col(Source.name) == description.name,
        col(Source.digest) == description.digest,
    )
    source = session.scalars(query).first()
    if source is None:
        source = Source(experiment_id=experiment_id, **vars(description))
        session.add(source)
        session.flush()
    return source


def check_use(
    session: Session,
    late: LateRun,
    run: Run,
    description: SourceDescription,
    tags: Mapping[str, str],
) -> None:
    """Raise Refused when the tags of a use would change and a model version rests on the run."""
    if not late.versions:
        return
    query = (
        select(SourceUse)
        .join(Source, col(Source.id) == col(SourceUse.source_id))
        .where(
            col(SourceUse.run_id) == run.id,
            col(Source.name) == description.name,
            col(Source.digest) == description.digest,
        )
    )
    use = session.scalars(query).first()
    if use is not None and any(use.tags.get(key) != value for key, value in tags.items()):
        raise late.refuse(f"what it says of the dataset {description.name!r} stays as it is")
