"""What changes of a workspace when it is imported: nothing goes on here by itself.

Its processes ran elsewhere, its secrets are not in the archive, and the workspace that it was
written from may still be in use: whatever would run, send or answer waits for a person.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sized

from sqlmodel import Session, col, select

from pilothouse.activity import record
from pilothouse.activity.seals import existing_keys, mark_rows, sealed_tables
from pilothouse.deployments import commands
from pilothouse.deployments.access import keys
from pilothouse.deployments.rollouts import rollout_commands
from pilothouse.deployments.tables import ApiKey, Deployment, LogRule
from pilothouse.environments.moved import forget_folders
from pilothouse.experiments.lifecycle import close_open_runs
from pilothouse.experiments.tables import FAILED
from pilothouse.interop.archives.archive_contents import BLANKED
from pilothouse.interop.importing import watches
from pilothouse.interop.mlflow.webhooks.events import ACTIVE, DISABLED
from pilothouse.interop.tables import EventConnection, WatchedFolder, Webhook
from pilothouse.jobs import schedules
from pilothouse.jobs.ending import end_unfinished
from pilothouse.jobs.tables import JobSchedule
from pilothouse.monitoring.notifications import channels
from pilothouse.storage import Store

REASON = "imported from an archive"
ENDED_ELSEWHERE = "It was running where the archive was written; nothing of it runs here."


def settle(session: Session, store: Store) -> tuple[str, ...]:
    """Stop, end and pause what would go on; what a person has to set again, a line each."""
    steps: tuple[Callable[[Session, Store], str], ...] = (
        # First: what the others do would be news to these.
        *(_disable_webhooks, _disable_channels, _disable_connections, _disable_watches),
        *(_end_jobs, _stop_deployments, _forget_environments, _revoke_keys, _pause_schedules),
        _say_hashing,
    )
    return tuple(line for step in steps if (line := step(session, store)))


def seal_blanked_rows(session: Session) -> None:
    """Seal the rows that have no secret any more as they are now."""
    blanked = {table for table, _column in BLANKED}
    for table in sealed_tables():
        if table.__tablename__ in blanked:
            keys = existing_keys(session, table)
            mark_rows(session, table, [tuple(json.loads(key)) for key in keys])


def _end_jobs(session: Session, store: Store) -> str:
    jobs = end_unfinished(session, store, ENDED_ELSEWHERE)
    for job in jobs:
        close_open_runs(session, store, job.id, FAILED, ENDED_ELSEWHERE)
    return _line(jobs, "job was ended", "jobs were ended", "retry those that are still wanted")


def _stop_deployments(session: Session, store: Store) -> str:
    query = select(Deployment).where(Deployment.desired_state != "stopped")
    names = [row.name for row in session.exec(query.order_by(Deployment.name)) if not row.external]
    for name in names:
        if rollout_commands.find_active(session, name) is not None:
            rollout_commands.cancel(session, store, name, REASON)
        commands.stop(session, store, name, REASON)
    how = f"resume with `pilothouse deployments resume NAME`: {', '.join(names)}"
    return _line(names, "deployment is stopped", "deployments are stopped", how)


def _forget_environments(session: Session, store: Store) -> str:
    names = forget_folders(session, store, REASON)
    how = "build them again, from the same locks, with `pilothouse environments rebuild ID`"
    return _line(names, "environment is not built", "environments are not built", how)


def _revoke_keys(session: Session, store: Store) -> str:
    valid = list(session.exec(select(ApiKey).where(col(ApiKey.revoked_at).is_(None))))
    for row in valid:
        keys.revoke(session, store, row.id, REASON)
    how = "make new ones with `pilothouse deployments keys create`"
    return _line(valid, "API key is revoked", "API keys are revoked", how)


def _disable_webhooks(session: Session, store: Store) -> str:
    rows = list(session.exec(select(Webhook)))
    active = [row for row in rows if row.status == ACTIVE]
    for row in active:
        row.status, row.updated_at = DISABLED, store.now()
        session.add(row)
        session.flush()
        record(session, store, "changed", "webhook", row.id, name=row.name, reason=REASON)
    how = "set their addresses and secrets again, and enable them"
    return _line(rows, "webhook is disabled", "webhooks are disabled", how)


def _disable_channels(session: Session, store: Store) -> str:
    rows = [row for row in channels.channels(session) if row.enabled]
    for row in rows:
        channels.change(session, store, row.id, {"enabled": False}, REASON)
    how = "set their addresses again and enable them with `pilothouse channels change`"
    return _line(rows, "channel is disabled", "channels are disabled", how)


def _disable_connections(session: Session, store: Store) -> str:
    """A topic that two workspaces read as one group would give each only a part of it."""
    query = select(EventConnection).where(
        col(EventConnection.removed_at).is_(None), col(EventConnection.enabled)
    )
    rows = list(session.exec(query))
    for row in rows:
        row.enabled, row.changed_at = False, store.now()
        session.add(row)
        session.flush()
        record(session, store, "changed", "event_connection", row.id, name=row.name, reason=REASON)
    how = "enable them once the workspace that they are of reads no more"
    return _line(rows, "connection of events is disabled", "connections are disabled", how)


def _disable_watches(session: Session, store: Store) -> str:
    query = select(WatchedFolder.folder).where(col(WatchedFolder.enabled))
    folders = list(session.exec(query.order_by(WatchedFolder.folder)))
    for folder in folders:
        watches.switch(session, store, folder, enabled=False, reason=REASON)
    how = "watch them again where they are on this machine"
    return _line(folders, "folder is not watched", "folders are not watched", how)


def _pause_schedules(session: Session, store: Store) -> str:
    query = select(JobSchedule.name).where(col(JobSchedule.enabled)).order_by(JobSchedule.name)
    names = list(session.exec(query))
    for name in names:
        schedules.switch(session, store, name, enabled=False, reason=REASON)
    how = f"resume with `pilothouse schedules resume NAME`: {', '.join(names)}"
    return _line(names, "schedule is paused", "schedules are paused", how)


def _say_hashing(session: Session, store: Store) -> str:
    hashing = [row.deployment for row in session.exec(select(LogRule)) if row.hashed]
    how = "the hashes of new rows differ from those of the rows that are here"
    return _line(hashing, "deployment hashes columns", "deployments hash columns", how)


def _line(things: Sized, one: str, many: str, how: str) -> str:
    """What became of things, and what a person does about it; empty without any."""
    return f"{len(things)} {one if len(things) == 1 else many}: {how}." if things else ""
