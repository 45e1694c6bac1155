"""The life of a run: started, finished or failed, annotated, archived."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import bindparam, select, update
from sqlmodel import Session, col

from pilothouse import activity
from pilothouse.experiments import catalog
from pilothouse.experiments.provenance.git import UNKNOWN, CodeIdentity
from pilothouse.experiments.tables import ENDED, RUNNING, Experiment, Hold, Run
from pilothouse.kit import ids
from pilothouse.kit.errors import Conflict, Invalid, NotFound
from pilothouse.storage import Store

SELECT_FOR_UPDATE = (
    select(col(Run.name), col(Run.archived_at))
    .where(col(Run.id) == bindparam("run"))
    .with_for_update()
)


def start(
    session: Session,
    store: Store,
    experiment: str,
    name: str | None = None,
    *,
    trainer: str | None = None,
    parent: str | None = None,
    seed: int | None = None,
    source: str = "",
    code: CodeIdentity = UNKNOWN,
    job_id: str | None = None,
) -> str:
    """Start a run and return its id; a missing experiment is created.

    Raises NotFound when there is no such parent, Conflict when it is of another experiment.
    """
    in_experiment = catalog.require_or_create(session, store, experiment)
    if parent is not None:
        _check_parent(session, parent, in_experiment)

    now, run_id = store.now(), ids.run_id()
    run = Run(
        id=run_id,
        experiment_id=in_experiment.id or 0,
        name=name or ids.run_name(run_id),
        status=RUNNING,
        created_at=now,
        started_at=now,
        parent_id=parent,
        job_id=job_id,
        user=store.actor,
        source=source,
        commit=code.commit,
        dirty=code.dirty,
        seed=seed,
        trainer=trainer,
    )
    session.add(run)
    session.flush()
    _record_activity(session, store, "started", run)

    return run_id


def finish(
    session: Session, store: Store, run_id: str, status: str = "finished", error: str = ""
) -> None:
    """End a run; ending it the same way again changes nothing.

    Raises Invalid when the status is no end, Conflict when the run ended in another way.
    """
    if status not in ENDED:
        raise Invalid(
            f"{status!r} is not a final status of a run.", hint=f"Known: {', '.join(ENDED)}."
        )
    run = require(session, run_id)
    if run.status == status:
        return
    if run.status in ENDED:
        raise Conflict(f"run {run.name!r} has ended already: it is {run.status}.")
    run.status, run.error, run.ended_at = status, error, store.now()
    session.add(run)
    close_holds(session, run_id)
    _record_activity(session, store, status, run, reason=error)


def close_holds(session: Session, run_id: str) -> None:
    """Close the holds on a run that has ended: what versions depend on in it becomes immutable."""
    ended = update(Hold).where(col(Hold.owner) == run_id, col(Hold.closed).is_(False))
    session.execute(ended.values(closed=True))


def close_open_runs(
    session: Session, store: Store, job_id: str, status: str, error: str = ""
) -> int:
    """End every open run of a job that can no longer end them itself; how many."""
    query = select(col(Run.id)).where(col(Run.job_id) == job_id, col(Run.status).not_in(ENDED))
    left = list(session.scalars(query))
    for run_id in left:
        finish(session, store, run_id, status, error)
    return len(left)


def annotate(session: Session, store: Store, run_id: str, note: str) -> None:
    """Put a note on a run in place of the one it has."""
    run = require(session, run_id)
    before, run.note = run.note, note
    session.add(run)
    activity.record(
        session,
        store,
        "annotated",
        "run",
        run_id,
        name=run.name,
        before={"note": before},
        after={"note": note},
    )


def resume_candidate(session: Session, job_id: str) -> str | None:
    """The newest top-level run that a job started and did not end, for a job that runs again."""
    query = (
        select(col(Run.id))
        .where(
            col(Run.job_id) == job_id,
            col(Run.status).not_in(ENDED),
            col(Run.parent_id).is_(None),
        )
        .order_by(col(Run.created_at).desc())
        .limit(1)
    )
    return session.scalars(query).first()


def require(session: Session, run_id: str) -> Run:
    """The run's row, for writers. Raises NotFound."""
    run = session.get(Run, run_id)
    if run is None:
        raise run_not_found(run_id)
    return run


def require_open(session: Session, run_id: str) -> None:
    """Lock the run against other writers. Raises NotFound, or Conflict when it is archived."""
    check_open(
        run_id, session.connection().execute(SELECT_FOR_UPDATE, {"run": run_id}).mappings().first()
    )


def check_open(run_id: str, row: Mapping[Any, Any] | None) -> None:
    """Raise NotFound without a row, Conflict when the run in the row is archived."""
    if row is None:
        raise run_not_found(run_id)
    if row["archived_at"] is not None:
        raise Conflict(f"run {row['name']!r} is archived.", hint="Restore it to write to it.")


def run_not_found(run_id: str) -> NotFound:
    """The error for an unknown run id."""
    return NotFound(f"no run with the id {run_id!r}")


def _check_parent(session: Session, parent: str, experiment: Experiment) -> None:
    if require(session, parent).experiment_id != experiment.id:
        raise Conflict(f"run {parent} does not belong to the experiment {experiment.name!r}.")


def _record_activity(session: Session, store: Store, verb: str, run: Run, reason: str = "") -> None:
    # Child runs (trials, folds) belong to the command that started their parent, which is recorded.
    if run.parent_id is None:
        activity.record(session, store, verb, "run", run.id, name=run.name, reason=reason)
