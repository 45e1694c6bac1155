"""Erases an entity from the whole workspace, with one certificate; runs in a child process.

It is recorded before anything changes, each place is changed on its own, and the certificate is
completed after a second search. An erasure that is killed in between is finished by the next run.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from sqlmodel import Session, col, select

from pilothouse.activity import record
from pilothouse.data.personal_data import version_erasure
from pilothouse.data.uploads import remove_uploads
from pilothouse.deployments.log_rules import erasure as log_erasure
from pilothouse.deployments.tables import LogDeletion
from pilothouse.experiments.tables import RunInput
from pilothouse.interop.erasures.entity_search import (
    EntityPlaces,
    SearchedEntity,
    entity_of,
    find_entity,
    log_columns,
    search_log,
)
from pilothouse.interop.events import set_aside
from pilothouse.interop.tables import Erasure
from pilothouse.jobs import Progress
from pilothouse.registry.tables import ModelVersion
from pilothouse.storage import Store

NOT_REACHED = (
    "models that were trained on its rows: their weights, and values that their files remember",
    "files of runs, with the rows that a run was evaluated on",
    "rows that monitors keep as a reference",
    *log_erasure.NOT_COVERED,
    "files that were exported or downloaded, and the sources that datasets are refreshed from",
    "messages that a broker still has",
    "rows of it in which none of the searched columns has its value",
)


def erase_entity(
    store: Store,
    progress: Progress,
    *,
    columns: Sequence[str],
    hashes: Sequence[str],
    reason: str,
    job: str,
) -> dict[str, Any]:
    """Erase what the workspace has of an entity, and return the certificate. Idempotent."""
    entity = entity_of(store, columns, hashes)
    with store.write(durable=True) as session:
        done = _begin(session, store, job, reason)
    if done is not None:
        return done
    progress(0.05, "looking for its rows")
    places = find_entity(store, entity)
    _erase_datasets(store, places, entity, job, reason, progress)
    progress(0.5, "erasing from prediction logs")
    _erase_logs(store, entity, job, reason)
    progress(0.85, "erasing messages and uploads")
    _erase_messages(store, places, job, reason)
    progress(0.9, "looking again")
    left = find_entity(store, entity)
    with store.write(durable=True) as session:
        return _complete(session, store, job, entity, left)


def _begin(session: Session, store: Store, job: str, reason: str) -> dict[str, Any] | None:
    """Record that an erasure begins, once; the certificate of one that is complete."""
    row = session.get(Erasure, job)
    if row is not None:
        return None if row.certificate is None else dict(row.certificate)
    session.add(Erasure(id=job, reason=reason, by=store.actor, began_at=store.now(), progress={}))
    session.flush()
    record(session, store, "erasure_begun", "erasure", job, reason=reason)
    return None


def _erase_datasets(
    store: Store,
    places: EntityPlaces,
    entity: SearchedEntity,
    job: str,
    reason: str,
    progress: Progress,
) -> None:
    version_erasure.remove_replaced(store, job)  # of an earlier run that was killed
    for number, item in enumerate(places.datasets):
        progress(0.1 + 0.4 * number / len(places.datasets), f"rewriting {item.ref}")
        version_erasure.erase(store, item.ref, entity.columns, entity.holds, job, reason)


def _erase_logs(store: Store, entity: SearchedEntity, job: str, reason: str) -> None:
    """Each log by each column, as one erasure of the log with a certificate of its own."""
    for deployment, column in log_columns(store, entity):
        part = f"{job}.{deployment}.{column}"
        with store.read() as session:
            is_begun = session.get(LogDeletion, part) is not None
        log = search_log(store, deployment, column, entity)
        if is_begun or (log is not None and log.rows):
            log_erasure.erase_rows(
                store,
                lambda _share, _message: None,
                deployment=deployment,
                column=column,
                hashes=sorted(entity.hashes),
                reason=reason,
                job=part,
            )


def _erase_messages(store: Store, places: EntityPlaces, job: str, reason: str) -> None:
    """Messages and the count of them in one transaction; uploads once they are counted."""
    with store.write(durable=True) as session:
        row = session.get_one(Erasure, job)
        count = dict(row.progress)
        count["messages"] = count.get("messages", 0) + len(places.messages)
        count["uploads"] = sorted({*count.get("uploads", []), *places.uploads})
        row.progress = count
        session.add(row)
        set_aside.erase(session, store, places.messages, reason)
    remove_uploads(store, places.uploads)


def _complete(
    session: Session, store: Store, job: str, entity: SearchedEntity, left: EntityPlaces
) -> dict[str, Any]:
    row = session.get_one(Erasure, job)
    versions = version_erasure.erased_versions(session, job)
    row.completed_at = store.now()
    row.certificate = {
        "erasure": job,
        "by": row.by,
        "reason": row.reason,
        "began_at": row.began_at.isoformat(),
        "completed_at": row.completed_at.isoformat(),
        "columns": sorted(entity.columns) or "columns with personal data, and prediction ids",
        "keyed_hashes": sorted(entity.hashes),
        "datasets": [version.to_json() for version in versions],
        "logs": _log_certificates(session, job),
        "messages": row.progress.get("messages", 0),
        "uploads": row.progress.get("uploads", []),
        "second_search": {"left": left.rows, **left.to_json()},
        "not_searched": list(left.unsearched),
        "trained_on_erased_rows": _trained(session, [version.ref for version in versions]),
        "not_reached": list(NOT_REACHED),
    }
    session.add(row)
    session.flush()
    certificate = dict(row.certificate)
    record(session, store, "entity_erased", "erasure", job, after=certificate, reason=row.reason)
    return certificate


def _log_certificates(session: Session, job: str) -> list[dict[str, Any]]:
    query = select(LogDeletion).where(col(LogDeletion.id).startswith(f"{job}."))
    return [
        dict(row.certificate or {}) for row in session.exec(query.order_by(col(LogDeletion.id)))
    ]


def _trained(session: Session, refs: Sequence[str]) -> dict[str, list[str]]:
    """Model versions and runs that read the versions before: they are not changed."""
    of_models = select(ModelVersion.model, ModelVersion.version).where(
        col(ModelVersion.dataset).in_(refs)
    )
    of_runs = select(RunInput.run_id).where(col(RunInput.dataset).in_(refs)).distinct()
    return {
        "versions": sorted(f"{model}@{version}" for model, version in session.exec(of_models)),
        "runs": sorted(session.exec(of_runs)),
    }


def plan_of(places: EntityPlaces) -> dict[str, Any]:
    """A dry run as a plain value."""
    return {
        "rows": places.rows,
        "datasets": [asdict(item) for item in places.datasets],
        "logs": [asdict(item) for item in places.logs],
        "messages": len(places.messages),
        "uploads": list(places.uploads),
        "not_searched": list(places.unsearched),
    }
