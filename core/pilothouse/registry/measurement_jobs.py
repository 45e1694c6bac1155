"""Asking for what the gates of a version need: one job a version measures what is missing.

Every request for a promotion asks for it in its own transaction, whichever way it came in; what
measures is the workflow of that kind, in a layer above.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from sqlmodel import Session, col, select

from pilothouse.jobs import submit
from pilothouse.jobs.tables import ENDED, Job
from pilothouse.registry import evidence_gathering, measurements, versions
from pilothouse.registry.gates import Need
from pilothouse.registry.info import VersionInfo
from pilothouse.registry.stage_ladder import stage_names
from pilothouse.storage import Store

KIND = "measure_version"


def unmeasured(
    session: Session, version: VersionInfo, stage: str = "", *, untried: bool = False
) -> tuple[Need, ...]:
    """What the gates before a stage, or before every stage, need of a version and do not have.

    With `untried`, without what could not be measured before. A version whose answer is not
    described needs nothing yet.
    """
    if not version.signature.is_described:
        return ()
    result: dict[str, Need] = {}
    for name in (stage,) if stage else stage_names(session):
        needed = evidence_gathering.needed_measurements(
            session, version.model, version.version, name
        )
        lacking = measurements.missing(session, version, needed, untried=untried)
        result |= {repr(need): need for need in lacking}
    return tuple(result.values())


def start(session: Session, store: Store, version: VersionInfo, needs: Sequence[Need]) -> str:
    """Ask a worker for measurements; the job's id, "" without any.

    Those that a job which waits or runs makes are not asked for twice.
    """
    if not needs:
        return ""
    waiting = list(_waiting(session, version))
    about = [{"kind": need.kind, "params": dict(need.params)} for need in needs]
    submitted = [item for job in waiting for item in job.args["needs"]]
    lacking = [item for item in about if item not in submitted]
    if waiting and not lacking:
        return waiting[0].id
    return submit(
        session,
        store,
        KIND,
        {"model": version.model, "version": version.version, "needs": lacking},
        title=f"Measure {version.ref}",
        subject=("version", version.ref),
    )


def start_untried(session: Session, store: Store, model: str, version: int, stage: str) -> str:
    """Ask for what the gates before a stage need of a version and nobody has tried to measure.

    The id of the job that makes it, "" when nothing is missing. What could not be measured is left
    to a person, who may have mended why.
    """
    info = versions.find(session, model, version)
    return start(session, store, info, unmeasured(session, info, stage, untried=True))


def under_way(session: Session, version: VersionInfo) -> str:
    """The job that measures a version now, or is about to; "" without one."""
    return next((job.id for job in _waiting(session, version)), "")


def _waiting(session: Session, version: VersionInfo) -> Iterator[Job]:
    query = select(Job).where(
        Job.kind == KIND, Job.subject_ref == version.ref, col(Job.status).not_in(ENDED)
    )
    yield from session.exec(query.order_by(col(Job.created_at)))
