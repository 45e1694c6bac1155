"""The Python API of a deployment's log: how long it is kept, and what was deleted of it."""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields
from datetime import datetime
from typing import TYPE_CHECKING

from pilothouse.deployments import commands
from pilothouse.deployments.log_rules import deletions, rules
from pilothouse.deployments.log_rules.deletions import LogDeletionInfo
from pilothouse.deployments.log_rules.rules import LogRules
from pilothouse.jobs import submit
from pilothouse.kit.errors import Conflict
from pilothouse.storage.service import Service

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class LogRetention:
    """How a log is kept. `deleted_before` is the event time before which rows were deleted by age.

    `held_by` says why the last clean-up, at `cleaned_at`, left rows that the rule would let go.
    """

    rules: LogRules
    deleted_before: datetime | None
    cleaned_at: datetime | None
    held_by: str


class LogCommands(Service):
    """How the predictions of a deployment are logged and kept."""

    def log_rules(self, name: str) -> LogRules:
        """How a deployment's predictions are logged. Raises NotFound."""
        with self._store.read() as session:
            return rules.rules_of(session, name)

    def set_log_rules(self, name: str, log_rules: LogRules, reason: str = "") -> LogRules:
        """Replace the rules of a deployment's log.

        With `keep_days` a job deletes older rows every day at 03:23 UTC. With `share` the
        predictions of the other requests are not logged: they are counted, with their latency, but
        have no rows for windows, labels, replays and retraining. During a rollout all are.

        Raises NotFound, Invalid.
        """
        with self._store.write(durable=True) as session:
            rules.set_rules(session, self._store, name, log_rules, reason)
        return self.log_rules(name)

    def log_state(self, name: str) -> LogRetention:
        """The rules of a log and what has become of it so far. Raises NotFound."""
        with self._store.read() as session:
            held = rules.rules_of(session, name)
            deleted = deletions.deleted_before(session, name)
            return LogRetention(held, deleted, **rules.last_clean_up(session, name))

    def clean_log(self, name: str) -> str:
        """Delete the rows that are too old now, as a job; its id.

        Raises NotFound, Conflict for a log that is kept for ever.
        """
        with self._store.write() as session:
            if rules.rules_of(session, name).keep_days is None:
                raise Conflict(
                    f"the log of {name!r} is kept for ever.", hint="Set its retention first."
                )
            return submit(
                session,
                self._store,
                rules.CLEAN_UP_JOB,
                {"deployment": name},
                title=rules.schedule_name(name),
                subject=("deployment", name),
            )

    def log_deletions(self, name: str) -> pd.DataFrame:
        """What was deleted of a log, the newest first: kind, counts of rows, when, by whom, why."""
        import pandas as pd

        with self._store.read() as session:
            commands.require(session, name)
            rows = [asdict(info) for info in deletions.deletions(session, name)]
        return pd.DataFrame(rows, columns=[field.name for field in fields(LogDeletionInfo)])
