"""What is recorded of trainings: of all that finished, and of those that made production."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping
from typing import Any

from sqlalchemy import ColumnElement, and_, exists, func, not_, or_, select
from sqlmodel import Session, col

from pilothouse.experiments.provenance.git import PATCH
from pilothouse.experiments.tables import (
    FINISHED,
    Param,
    Run,
    RunArtifact,
    RunMetric,
    RunTag,
)
from pilothouse.governance.maturity.evidence_values import RunGaps, TrainingRun
from pilothouse.governance.maturity.verdicts import MAX_LINKS, EvidenceLink
from pilothouse.jobs.tables import Job
from pilothouse.pipelines.recipes.runs import CODE_TAG
from pilothouse.pipelines.version_evaluation import VERSION_TAG
from pilothouse.training.runs import BEST_RUN, FOLD_PREFIX

ENVIRONMENT = "environment.json"
# Files of other programs that name packages, wherever they lie in the run.
REQUIREMENTS = ("requirements.txt", "conda.yaml", "python_env.yaml")
SEEDS = ("seed", "random_state", "random_seed")
SPLITS = ("split", "test_share", "test_size", "folds")


def is_training() -> ColumnElement[bool]:
    """The condition of a run that trained something and finished, and is not archived.

    Evaluations train nothing, and of a search its trials do.
    """
    other = exists().where(
        col(RunTag.run_id) == col(Run.id), col(RunTag.key).in_((VERSION_TAG, BEST_RUN))
    )
    return and_(col(Run.status) == FINISHED, col(Run.archived_at).is_(None), ~other)


def count_trainings(session: Session) -> int:
    """How many there are."""
    return int(session.scalar(select(func.count()).select_from(Run).where(is_training())) or 0)


def unrecorded(session: Session) -> RunGaps:
    """Those without parameters, metrics, times or a user."""
    lacks = or_(
        ~exists().where(col(Param.run_id) == col(Run.id)),
        ~exists().where(col(RunMetric.run_id) == col(Run.id)),
        col(Run.started_at).is_(None),
        col(Run.ended_at).is_(None),
        col(Run.user) == "",
    )
    return _gaps(session, lacks, "it has no parameters, no metrics, no times or no user")


def without_code(session: Session) -> RunGaps:
    """Those that do not say which code they ran."""
    return _gaps(session, not_(_has_code()), "it has neither a commit nor a digest of its code")


def without_environment(session: Session) -> RunGaps:
    """Those that do not say their packages or their seed."""
    lacks = not_(and_(_has_packages(), _has_seed()))
    return _gaps(session, lacks, "its packages or its seed are not recorded")


def _has_code() -> ColumnElement[bool]:
    """A commit, changes that were kept, a recipe's digest, or a release of the program."""
    files = exists().where(
        col(RunArtifact.run_id) == col(Run.id), col(RunArtifact.path).in_((PATCH, ENVIRONMENT))
    )
    digest = exists().where(col(RunTag.run_id) == col(Run.id), col(RunTag.key) == CODE_TAG)
    trained_here = and_(col(Run.trainer).is_not(None), files)
    return or_(col(Run.commit).is_not(None), digest, trained_here)


def _has_packages() -> ColumnElement[bool]:
    path = col(RunArtifact.path)
    named = or_(path == ENVIRONMENT, *(path.endswith(name) for name in REQUIREMENTS))
    return exists().where(col(RunArtifact.run_id) == col(Run.id), named)


def _has_seed() -> ColumnElement[bool]:
    param = exists().where(col(Param.run_id) == col(Run.id), col(Param.key).in_(SEEDS))
    return or_(col(Run.seed).is_not(None), param)


def _gaps(session: Session, lacks: ColumnElement[bool], text: str) -> RunGaps:
    count = select(func.count()).select_from(Run).where(is_training(), lacks)
    missing = int(session.scalar(count) or 0)
    if not missing:
        return RunGaps(0)
    query = select(col(Run.id), col(Run.name)).where(is_training(), lacks)
    rows = session.execute(query.order_by(col(Run.created_at).desc()).limit(MAX_LINKS))
    return RunGaps(missing, tuple(EvidenceLink("run", run, name, text) for run, name in rows))


def training_runs(session: Session, ids: Collection[str]) -> Mapping[str, TrainingRun]:
    """What is recorded of these runs, by id; a run that is gone is left out."""
    if not ids:
        return {}
    columns = (Run.id, Run.name, Run.job_id, Run.parent_id)
    query = select(
        *[col(column) for column in columns],
        _has_code().label("code"),
        and_(_has_packages(), _has_seed()).label("environment"),
    ).where(col(Run.id).in_(ids))
    rows = session.execute(query).all()
    jobs = _jobs(session, {row.job_id for row in rows if row.job_id})
    trials = _trials(session, {row.parent_id for row in rows if row.parent_id})
    folds, splits = _folds(session, ids), _splits(session, ids)
    return {
        row.id: TrainingRun(
            id=row.id,
            name=row.name,
            has_code=bool(row.code),
            has_environment=bool(row.environment),
            job=row.job_id if row.job_id in jobs else "",
            job_kind=jobs.get(row.job_id, ""),
            trials=trials.get(row.parent_id, 0),
            folds=folds.get(row.id, 0),
            split=splits.get(row.id, ""),
        )
        for row in rows
    }


def _jobs(session: Session, ids: Collection[str]) -> dict[str, str]:
    query = select(col(Job.id), col(Job.kind)).where(col(Job.id).in_(ids))
    return dict(session.execute(query).all())


def _trials(session: Session, parents: Collection[str]) -> dict[str, int]:
    query = select(col(Run.parent_id), func.count()).where(col(Run.parent_id).in_(parents))
    return dict(session.execute(query.group_by(col(Run.parent_id))).all())


def _folds(session: Session, ids: Collection[str]) -> dict[str, int]:
    query = select(col(RunMetric.run_id), func.max(col(RunMetric.count))).where(
        col(RunMetric.run_id).in_(ids), col(RunMetric.key).startswith(FOLD_PREFIX)
    )
    return {run: int(count) for run, count in session.execute(query.group_by(RunMetric.run_id))}


def _splits(session: Session, ids: Collection[str]) -> dict[str, str]:
    query = select(col(Param.run_id), col(Param.key), col(Param.value)).where(
        col(Param.run_id).in_(ids), col(Param.key).in_(SPLITS)
    )
    held: dict[str, dict[str, Any]] = defaultdict(dict)
    for run, key, value in session.execute(query):
        held[run][key] = value
    return {
        run: ", ".join(f"{key} {params[key]}" for key in sorted(params))
        for run, params in held.items()
    }
