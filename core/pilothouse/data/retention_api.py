"""The Python API of the retention of dataset versions."""

from __future__ import annotations

from dataclasses import asdict, fields
from typing import TYPE_CHECKING

from pilothouse.data import retention, versions
from pilothouse.data.lifecycle import Uses
from pilothouse.data.retention import CLEAN_UP_JOB, OldVersion
from pilothouse.jobs import submit
from pilothouse.storage.service import Service

if TYPE_CHECKING:
    import pandas as pd

KEEP_VERSIONS, KEEP_DAYS = 10, 90


class RetentionCommands(Service):
    """Old versions of datasets: which there are, and their deletion."""

    def _require_uses(self) -> Uses:
        raise NotImplementedError

    def old_versions(
        self, name: str, *, keep_versions: int = KEEP_VERSIONS, keep_days: int = KEEP_DAYS
    ) -> pd.DataFrame:
        """The versions of a dataset that a clean-up finds too old, the oldest first.

        Too old is what is neither among the newest `keep_versions` nor younger than `keep_days`.
        The version that the name means and those that are held back are never. Columns: ref,
        created_at, rows, bytes, used_by (why it stays all the same; "" where it goes). Raises
        NotFound, Invalid for limits that cannot be used.
        """
        import pandas as pd

        with self._store.read() as session:
            old = retention.old_versions(
                session, self._store, name, keep_versions, keep_days, self._require_uses()
            )
        names = [field.name for field in fields(OldVersion)]
        return pd.DataFrame([asdict(version) for version in old], columns=names)

    def delete_old_versions(
        self,
        name: str,
        *,
        keep_versions: int = KEEP_VERSIONS,
        keep_days: int = KEEP_DAYS,
        reason: str = "",
    ) -> str:
        """Delete the versions that are too old and used by nothing, as a job; its id.

        Their rows are removed from the disk where nothing else has the same. A schedule of the
        workflow `clean_dataset` does it regularly. Raises NotFound, Invalid.
        """
        retention.check_limits(keep_versions, keep_days)
        with self._store.write() as session:
            dataset = versions.require_name(session, name)
            args = {"name": dataset, "keep_versions": keep_versions, "keep_days": keep_days}
            return submit(
                session,
                self._store,
                CLEAN_UP_JOB,
                args | {"reason": reason},
                title=f"Clean up {dataset}",
                subject=("dataset", dataset),
            )
