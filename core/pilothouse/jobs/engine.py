"""The engine: durable work is DBOS, and this is the only module that speaks to it.

It runs in the worker. One generic DBOS workflow runs every job: the job's row says which of the
registered workflows and with which arguments, and the DBOS workflow id is the job's id.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import datetime
from typing import Any, TypeVar

from dbos import DBOS, DBOSConfig, SetWorkflowID
from sqlmodel import Session, col, func, select

from pilothouse.jobs.context import JobContext, workflows
from pilothouse.jobs.logs import to_log
from pilothouse.jobs.preload import import_for_jobs
from pilothouse.jobs.process_pool import Children, Interrupted
from pilothouse.jobs.schedules import submit_due
from pilothouse.jobs.sqlite_compat import engine_options
from pilothouse.jobs.tables import (
    CANCELLED,
    ENDED,
    FAILED,
    QUEUED,
    RUNNING,
    SUCCEEDED,
    Job,
    JobSchedule,
    JobStep,
)
from pilothouse.kit.errors import Cancelled, PilothouseError
from pilothouse.kit.io_errors import in_words
from pilothouse.storage import Store
from pilothouse.storage.urls import WORKFLOWS_FILE, as_text, database_url

R = TypeVar("R")
AT_ONCE = 4
VERSION = "pilothouse-1"  # fixed: another one would leave the work of the version before it lying
ALIVE = ("PENDING", "ENQUEUED", "DELAYED")  # in the words of DBOS
log = logging.getLogger(__name__)
_engine: Engine | None = None


class Engine:
    """Hands queued jobs to DBOS and lets it finish what an earlier worker began."""

    def __init__(self, store: Store, *, at_once: int = AT_ONCE) -> None:
        global _engine
        _engine = self
        self.store = store
        self.children = Children(store.settings.compute_processes)
        self._at_once = at_once
        url = as_text(database_url(store.settings, store.folder / WORKFLOWS_FILE))
        config: DBOSConfig = {
            "name": "pilothouse",
            "system_database_url": url,
            "db_engine_kwargs": engine_options(url),
            "application_version": VERSION,
            "executor_id": "local",
            "log_level": "WARNING",
        }
        if _has_work(store):  # DBOS starts threads for what an earlier worker began
            import_for_jobs()
        DBOS(config=config)
        DBOS.launch()

    def tick(self) -> None:
        """Submit what is due and start what waits, as far as there is room."""
        with self.store.read() as session:
            idle = _is_idle(session, self.store.now())
        if idle:
            return
        with self.store.write() as session:
            submit_due(session, self.store)
            started = _claim(session, self.store, self._at_once)
        if started:
            import_for_jobs()
        for job_id, retry_of in started:
            _start(self.store, job_id, retry_of)

    def resume(self) -> None:
        """Start again what was claimed but never reached DBOS, when the worker died in between.

        DBOS itself goes on with the rest; what it has given up without a word has failed.
        """
        with self.store.read() as session:
            running = session.exec(select(Job).where(Job.status == RUNNING)).all()
        for job in running:
            workflow = DBOS.get_workflow_status(job.id)
            if workflow is None:
                _start(self.store, job.id, job.retry_of)
            elif workflow.status not in ALIVE:
                lost = f"its durable workflow ended as {workflow.status} without a result."
                _end(self.store, job.id, FAILED, error=lost, hint="Retry it.")

    def close(self) -> None:
        """Stop working, at once: what runs is left as it is, for the next engine to go on with."""
        self.children.close()
        DBOS.destroy(workflow_completion_timeout_sec=0)


def _has_work(store: Store) -> bool:
    unfinished = select(Job.id).where(col(Job.status).in_((QUEUED, RUNNING))).limit(1)
    with store.read() as session:
        return session.exec(unfinished).first() is not None


def _is_idle(session: Session, now: datetime) -> bool:
    waiting = session.exec(select(Job.id).where(Job.status == QUEUED).limit(1)).first()
    due = select(JobSchedule.id).where(col(JobSchedule.enabled), col(JobSchedule.next_at) <= now)
    return waiting is None and session.exec(due.limit(1)).first() is None


def _claim(session: Session, store: Store, at_once: int) -> list[tuple[str, str | None]]:
    running = session.exec(select(func.count()).where(Job.status == RUNNING)).one()
    waiting = select(Job).where(Job.status == QUEUED).order_by(col(Job.created_at))
    claimed = []
    for job in session.exec(waiting.limit(max(0, at_once - running))):
        job.status, job.started_at = RUNNING, store.now()
        session.add(job)
        claimed.append((job.id, job.retry_of))
    return claimed


def _start(store: Store, job_id: str, retry_of: str | None) -> None:
    first = _first_unfinished(retry_of) if retry_of else None
    with SetWorkflowID(job_id):
        if retry_of and first is not None:
            _carry_over(store, retry_of, job_id, first)
            DBOS.fork_workflow(retry_of, first)
        else:
            DBOS.start_workflow(_run_job)


def _carry_over(store: Store, retry_of: str, job_id: str, first: int) -> None:
    """Show the steps that need not be done again as steps of the new job too."""
    done = select(JobStep).where(JobStep.job_id == retry_of, JobStep.seq < first)
    with store.write() as session:
        for old in session.exec(done):
            if _step(session, job_id, old.seq) is None:
                columns = old.model_dump(exclude={"id", "job_id", "message"})
                session.add(JobStep(job_id=job_id, message="kept from the first try", **columns))


def _first_unfinished(job_id: str) -> int | None:
    """The step to continue from; None when DBOS does not know the job or it had no step."""
    if DBOS.get_workflow_status(job_id) is None:
        return None
    steps = DBOS.list_workflow_steps(job_id)
    failed = [step["function_id"] for step in steps if step["error"] is not None]
    return min(failed) if failed else max((s["function_id"] for s in steps), default=0) + 1


@DBOS.workflow(name="pilothouse.job")
def _run_job() -> None:
    job_id = DBOS.workflow_id
    if _engine is None or job_id is None:
        raise RuntimeError("a job runs only inside an engine")
    with _engine.store.read() as session:
        job = session.get(Job, job_id)
        if job is None or job.status in ENDED:
            return
        kind, args, actor = job.kind, dict(job.args), job.requested_by
    store = _engine.store.acting_as(actor)
    with to_log(store, job_id):
        _carry_out(_engine.children, store, job_id, kind, args)


def _carry_out(
    children: Children, store: Store, job_id: str, kind: str, args: dict[str, Any]
) -> None:
    """The job edge: whatever goes wrong in a job becomes its status and its words."""
    log.info("%s begins", kind)
    try:
        step = _durable_step(children, store, job_id)
        run = JobContext(store, job_id, step, children.compute, children.may_go_on)
        result = workflows.get(kind)(run, **args)
        _end(store, job_id, SUCCEEDED, result=result, progress=1.0, message="")
        log.info("%s ended well", kind)
    except Cancelled:
        _end(store, job_id, CANCELLED, message="cancelled")
    except PilothouseError as refused:
        log.error("%s", refused)
        _end(store, job_id, FAILED, error=refused.message, hint=refused.hint, remedy=refused.remedy)
    except Exception as broken:
        if children.closed:
            raise Interrupted from broken
        log.exception("%s failed", kind)
        unavailable = in_words(broken)
        error = unavailable.message if unavailable else f"{type(broken).__name__}: {broken}"
        hint = unavailable.hint if unavailable else "The log has the whole story."
        _end(store, job_id, FAILED, error=error, hint=hint)


def _durable_step(children: Children, store: Store, job_id: str) -> Any:
    def step(name: str, act: Callable[[], R]) -> R:
        def once() -> R:
            return _noted(children, store, job_id, DBOS.step_id or 0, name, act)

        children.may_go_on()
        return DBOS.run_step({"name": name}, once)

    return step


def _noted(
    children: Children, store: Store, job_id: str, seq: int, name: str, act: Callable[[], R]
) -> R:
    """Do a step and keep a row of it, so that people see where a job is."""
    _begin_step(store, job_id, seq, name)
    log.info("step %s", name)
    try:
        result = act()
    except Exception as broken:
        if children.closed:
            raise Interrupted from broken
        status = CANCELLED if isinstance(broken, Cancelled) else FAILED
        _end_step(store, job_id, seq, status, str(broken))
        raise
    _end_step(store, job_id, seq, SUCCEEDED, "")
    return result


def _begin_step(store: Store, job_id: str, seq: int, name: str) -> None:
    with store.write() as session:
        row = _step(session, job_id, seq)
        if row is None:
            row = JobStep(job_id=job_id, seq=seq, name=name, status=RUNNING, started_at=store.now())
        else:
            row.attempts += 1
            row.status, row.started_at, row.ended_at = RUNNING, store.now(), None
        session.add(row)


def _end_step(store: Store, job_id: str, seq: int, status: str, message: str) -> None:
    with store.write() as session:
        row = _step(session, job_id, seq)
        if row is not None:
            row.status, row.message, row.ended_at = status, message, store.now()
            session.add(row)


def _step(session: Session, job_id: str, seq: int) -> JobStep | None:
    return session.exec(select(JobStep).where(JobStep.job_id == job_id, JobStep.seq == seq)).first()


def _end(store: Store, job_id: str, status: str, **values: Any) -> None:
    with store.write() as session:
        job = session.get(Job, job_id)
        if job is None or job.status != RUNNING:
            return
        job.status, job.ended_at = status, store.now()
        for name, value in values.items():
            setattr(job, name, value)
        session.add(job)
        _end_open_steps(session, store, job_id, status)


def _end_open_steps(session: Session, store: Store, job_id: str, status: str) -> None:
    """A step that was begun by a worker that is gone, of a job that ends, ends with it."""
    left = select(JobStep).where(JobStep.job_id == job_id, JobStep.status == RUNNING)
    for row in session.exec(left):
        row.status, row.ended_at = status, store.now()
        session.add(row)
