"""The engine: durable jobs run on DBOS, and this is the only module that calls it.

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
from pilothouse.jobs.executor import Executor, Interrupted
from pilothouse.jobs.executor_choice import open_executor
from pilothouse.jobs.logs import log_to_file
from pilothouse.jobs.preload import import_for_jobs
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
from pilothouse.kit.io_errors import to_unavailable
from pilothouse.kit.parameters import read_params
from pilothouse.storage import Store
from pilothouse.storage.urls import WORKFLOWS_FILE, as_text, database_url

R = TypeVar("R")
MAX_RUNNING = 4
# Fixed: DBOS resumes only workflows of its own application version, so a new value would leave
# unfinished jobs of the version before it forever.
VERSION = "pilothouse-1"
ACTIVE_STATES = ("PENDING", "ENQUEUED", "DELAYED")  # states of a DBOS workflow that has not ended
log = logging.getLogger(__name__)
_engine: Engine | None = None


class Engine:
    """Starts queued jobs in DBOS and resumes those that an earlier worker left unfinished."""

    def __init__(self, store: Store, *, max_running: int = MAX_RUNNING) -> None:
        global _engine
        _engine = self
        self.store = store
        self.executor = open_executor(store.settings)
        self._max_running = max_running

        url = as_text(database_url(store.settings, store.folder / WORKFLOWS_FILE))
        config: DBOSConfig = {
            "name": "pilothouse",
            "system_database_url": url,
            "db_engine_kwargs": engine_options(url),
            "application_version": VERSION,
            "executor_id": "local",
            "log_level": "WARNING",
        }

        # DBOS starts threads for what an earlier worker began, and packages that are imported in
        # several threads at once may be seen half made, see preload.py.
        if _has_work(store):
            import_for_jobs()

        DBOS(config=config)
        DBOS.launch()

    def tick(self) -> None:
        """Submit the jobs of due schedules and start queued jobs, up to `max_running` at once."""
        with self.store.read() as session:
            idle = _is_idle(session, self.store.now())
        if idle:
            return
        with self.store.write() as session:
            submit_due(session, self.store)
            started = _claim(session, self.store, self._max_running)
        if started:
            import_for_jobs()
        for job_id, retry_of in started:
            _start(self.store, job_id, retry_of)

    def resume(self) -> None:
        """Start jobs that were claimed but never reached DBOS, because the worker died in between.

        DBOS resumes the others itself. A job whose workflow has ended without a result has failed.
        """
        with self.store.read() as session:
            running = session.exec(select(Job).where(Job.status == RUNNING)).all()
        for job in running:
            workflow = DBOS.get_workflow_status(job.id)
            if workflow is None:
                _start(self.store, job.id, job.retry_of)
            elif workflow.status not in ACTIVE_STATES:
                lost = f"its durable workflow ended as {workflow.status} without a result."
                _end(self.store, job.id, FAILED, error=lost, hint="Retry it.")

    def close(self) -> None:
        """Stop at once: running jobs are left as they are, for the next engine to resume."""
        self.executor.close()
        DBOS.destroy(workflow_completion_timeout_sec=0)


def _has_work(store: Store) -> bool:
    unfinished = select(Job.id).where(col(Job.status).in_((QUEUED, RUNNING))).limit(1)
    with store.read() as session:
        return session.exec(unfinished).first() is not None


def _is_idle(session: Session, now: datetime) -> bool:
    waiting = session.exec(select(Job.id).where(Job.status == QUEUED).limit(1)).first()
    due = select(JobSchedule.id).where(col(JobSchedule.enabled), col(JobSchedule.next_at) <= now)
    return waiting is None and session.exec(due.limit(1)).first() is None


def _claim(session: Session, store: Store, max_running: int) -> list[tuple[str, str | None]]:
    running = session.exec(select(func.count()).where(Job.status == RUNNING)).one()
    waiting = select(Job).where(Job.status == QUEUED).order_by(col(Job.created_at))
    claimed = []
    for job in session.exec(waiting.limit(max(0, max_running - running))):
        job.status, job.started_at = RUNNING, store.now()
        session.add(job)
        claimed.append((job.id, job.retry_of))
    return claimed


def _start(store: Store, job_id: str, retry_of: str | None) -> None:
    first = _first_unfinished(retry_of) if retry_of else None
    with SetWorkflowID(job_id):
        if retry_of and first is not None:
            _copy_finished_steps(store, retry_of, job_id, first)
            DBOS.fork_workflow(retry_of, first)
        else:
            DBOS.start_workflow(_run_job)


def _copy_finished_steps(store: Store, retry_of: str, job_id: str, first: int) -> None:
    """Copy the finished steps of the retried job, so that the new job shows them as its own."""
    done = select(JobStep).where(JobStep.job_id == retry_of, JobStep.seq < first)
    with store.write() as session:
        for old in session.exec(done):
            if _step(session, job_id, old.seq) is None:
                columns = old.model_dump(exclude={"id", "job_id", "message"})
                session.add(
                    JobStep(job_id=job_id, message="kept from the first attempt", **columns)
                )


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
    with log_to_file(store, job_id):
        _run_workflow(_engine.executor, store, job_id, kind, args)


def _run_workflow(
    executor: Executor, store: Store, job_id: str, kind: str, args: dict[str, Any]
) -> None:
    """Run a job's workflow; whatever error it raises becomes the job's status, error and hint."""
    log.info("%s begins", kind)
    try:
        step = _durable_step(executor, store, job_id)
        run = JobContext(store, job_id, step, executor.compute, executor.raise_if_closed)
        workflow = workflows.get(kind)
        result = workflow.run(
            run, **read_params(f"a job of kind {kind}", workflow.parameters, args)
        )
        # Logged first: whoever sees that a job has ended can read its whole log.
        log.info("%s ended well", kind)
        _end(store, job_id, SUCCEEDED, result=result, progress=1.0, message="")
    except Cancelled:
        _end(store, job_id, CANCELLED, message="cancelled")
    except PilothouseError as refused:
        log.error("%s", refused)
        _end(store, job_id, FAILED, error=refused.message, hint=refused.hint, remedy=refused.remedy)
    except Exception as broken:
        if executor.closed:
            raise Interrupted from broken
        log.exception("%s failed", kind)
        unavailable = to_unavailable(broken)
        error = unavailable.message if unavailable else f"{type(broken).__name__}: {broken}"
        hint = unavailable.hint if unavailable else "The job's log has the traceback."
        _end(store, job_id, FAILED, error=error, hint=hint)


def _durable_step(executor: Executor, store: Store, job_id: str) -> Any:
    def step(name: str, act: Callable[[], R]) -> R:
        def once() -> R:
            return _recorded_step(executor, store, job_id, DBOS.step_id or 0, name, act)

        executor.raise_if_closed()
        return DBOS.run_step({"name": name}, once)

    return step


def _recorded_step(
    executor: Executor, store: Store, job_id: str, seq: int, name: str, act: Callable[[], R]
) -> R:
    """Run a step and write its row, so that screens show which step a job is at."""
    _begin_step(store, job_id, seq, name)
    log.info("step %s", name)
    try:
        result = act()
    except Exception as broken:
        if executor.closed:
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
    """End the steps that are still marked running, for example by a worker that was killed."""
    left = select(JobStep).where(JobStep.job_id == job_id, JobStep.status == RUNNING)
    for row in session.exec(left):
        row.status, row.ended_at = status, store.now()
        session.add(row)
