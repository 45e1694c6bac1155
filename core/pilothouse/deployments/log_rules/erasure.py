"""Erasure of an entity's rows from a deployment's log, with a certificate; runs in a child process.

What is to be erased is recorded before the first file changes, and the certificate is completed at
the end: an erasure that is killed in between is finished by the next run of its job.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlmodel import Session

from pilothouse.activity import record
from pilothouse.deployments.prediction_log import (
    column_hashes,
    compaction,
    entity_rows,
    id_index,
    row_removal,
)
from pilothouse.deployments.prediction_log.entity_rows import EntityRows, EntitySelection
from pilothouse.deployments.tables import LogDeletion
from pilothouse.kit.errors import NotFound, Unavailable
from pilothouse.storage import Store

ERASURE = "erasure"
ERASE_JOB = "erase_rows"
POLL_SECONDS = 1.0
MAX_WAIT_SECONDS = 300.0  # for a server to seal what it writes to, which it does every minute
NOT_COVERED = (
    "figures, profiles and example values of windows that were judged",
    "results of replays, reports and exports that were made before",
    "copies and backups of the workspace",
    "counts of requests",
)


@dataclass(frozen=True)
class ErasureCount:
    """What an erasure would remove. `waiting` predictions are in the journal yet.

    `unsearched` are damaged files that cannot be read: look at them, and delete them by hand.
    """

    predictions: int
    labels: int
    rewards: int
    files: int
    waiting: int
    unsearched: tuple[str, ...]


def counted(rows: EntityRows) -> ErasureCount:
    """The rows of an entity as numbers."""
    totals = row_removal.totals(rows.removals)
    return ErasureCount(
        totals.predictions, totals.labels, len(rows.rewards), totals.files, rows.waiting,
        rows.unsearched,
    )  # fmt: skip


def erase_rows(
    store: Store,
    progress: Callable[[float, str], None],
    *,
    deployment: str,
    column: str,
    hashes: Sequence[str],
    reason: str,
    job: str,
) -> dict[str, Any]:
    """Erase what was received until now, and return the certificate. Idempotent."""
    progress(0.05, "waiting until the server has sealed what it writes to")
    _wait_until_sealed(store, deployment)
    key = column_hashes.read_key(store.folder / "journal")
    selection = EntitySelection(column, frozenset(hashes), key)
    with row_removal.exclusive(store.folder):
        progress(0.3, "looking for rows")
        compaction.compact_locked(store.folder)
        rows = entity_rows.find_rows(store.folder, deployment, selection)
        with store.write(durable=True) as session:
            _begin(session, store, deployment, job, _planned(store, selection, rows), reason)
        progress(0.6, f"rewriting {len(rows.removals):,} files")
        id_index.remove(store.folder, deployment, rows.ids)  # first: later they are not known
        entity_rows.blank_rewards(rows.rewards)
        row_removal.remove(rows.removals)
        with store.write(durable=True) as session:
            return _complete(session, store, deployment, job)


def _wait_until_sealed(store: Store, deployment: str) -> None:
    """Wait until no server writes any more to the segments that there are now."""
    before = entity_rows.open_segments(store.folder, deployment)
    end = time.monotonic() + MAX_WAIT_SECONDS
    while before & entity_rows.open_segments(store.folder, deployment):
        if time.monotonic() > end:
            raise Unavailable(
                f"the server still writes to a journal of {deployment!r}.",
                hint="Retry the job, or stop the server first.",
            )
        time.sleep(POLL_SECONDS)


def _planned(store: Store, selection: EntitySelection, rows: EntityRows) -> dict[str, Any]:
    """The certificate as far as it is known before the first file changes."""
    count = counted(rows)
    return {
        "column": selection.column or "prediction_id",
        "keyed_hashes": sorted(selection.hashes),
        "predictions": count.predictions,
        "labels": count.labels,
        "rewards": count.rewards,
        "files": [
            {
                "file": str(removal.path.relative_to(store.folder)),
                "removed": removal.removed,
                "sha256_before": entity_rows.digest_of(removal.path),
            }
            for removal in rows.removals
        ],
        "not_searched": list(rows.unsearched),
        "not_covered": list(NOT_COVERED),
    }


def _begin(
    session: Session,
    store: Store,
    deployment: str,
    job: str,
    planned: Mapping[str, Any],
    reason: str,
) -> None:
    """Record what is about to be erased; what a killed run has recorded stays."""
    if session.get(LogDeletion, job) is not None:
        return
    now = store.now()
    about = {"deployment": deployment, "by": store.actor, "reason": reason}
    session.add(
        LogDeletion(
            id=job,
            deployment=deployment,
            kind=ERASURE,
            predictions=planned["predictions"],
            labels=planned["labels"],
            requests=0,
            files=len(planned["files"]),
            at=now,
            by=store.actor,
            reason=reason,
            certificate={**about, "began_at": now.isoformat(), **planned},
        )
    )
    counts = {name: planned[name] for name in ("column", "predictions", "labels", "rewards")}
    record(session, store, "erasure_begun", "deployment", deployment, after=counts, reason=reason)


def _complete(session: Session, store: Store, deployment: str, job: str) -> dict[str, Any]:
    """Complete the certificate with what the files are now, and record it whole."""
    row = session.get_one(LogDeletion, job)
    certificate: dict[str, Any] = dict(row.certificate or {})
    if "completed_at" in certificate:
        return certificate
    certificate["files"] = [
        {**file, "sha256_after": entity_rows.digest_of(store.folder / file["file"])}
        for file in certificate["files"]
    ]
    certificate["completed_at"] = store.now().isoformat()
    row.certificate = certificate
    session.add(row)
    session.flush()
    record(
        session, store, "rows_erased", "deployment", deployment,
        after=certificate, reason=row.reason,
    )  # fmt: skip
    return certificate


def certificate_of(session: Session, erased: str) -> dict[str, Any]:
    """The certificate of an erasure. Raises NotFound, also for one that is not complete."""
    row = session.get(LogDeletion, erased)
    certificate = None if row is None else row.certificate
    if certificate is None or "completed_at" not in certificate:
        raise NotFound(
            f"there is no certificate of an erasure {erased!r}.",
            hint="It is made at the end of its job: `pilothouse jobs wait JOB`.",
        )
    return dict(certificate)
