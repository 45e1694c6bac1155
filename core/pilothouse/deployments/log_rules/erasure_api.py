"""The Python API of erasure: count an entity's rows, erase them, and read the certificate."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pilothouse.deployments import commands
from pilothouse.deployments.log_rules import erasure
from pilothouse.deployments.log_rules.erasure import ErasureCount
from pilothouse.deployments.prediction_log import column_hashes
from pilothouse.deployments.prediction_log.entity_rows import EntitySelection, find_rows
from pilothouse.jobs import submit
from pilothouse.kit.errors import Invalid, Unavailable, require_reason
from pilothouse.storage.service import Service

MAX_TRIES = 20  # while files are being merged
MAX_IDS = 1_000


class ErasureCommands(Service):
    """Erasure of the rows of one entity from a deployment's log."""

    def count_erasure(
        self, name: str, *, column: str = "", value: Any = None, ids: Sequence[str] = ()
    ) -> ErasureCount:
        """What `erase` would remove; nothing is changed. Raises NotFound, Invalid."""
        selection = self._selection(name, column, value, ids)
        for _ in range(MAX_TRIES):
            try:
                return erasure.counted(find_rows(self._store.folder, name, selection))
            except FileNotFoundError:  # merged meanwhile
                continue
        raise Unavailable(f"the log of {name!r} changes faster than it can be read.")

    def erase(
        self,
        name: str,
        reason: str,
        *,
        column: str = "",
        value: Any = None,
        ids: Sequence[str] = (),
    ) -> str:
        """Erase the predictions whose input `column` has a value, or those of some ids; the job.

        Their labels and rewards go too. The job's result is a certificate; neither has the value or
        the ids, only keyed hashes of them. Raises NotFound, Invalid, also without a reason.
        """
        require_reason(reason, "an erasure")
        selection = self._selection(name, column, value, ids)
        with self._store.write(durable=True) as session:
            return submit(
                session,
                self._store,
                erasure.ERASE_JOB,
                {
                    "deployment": name,
                    "column": selection.column,
                    "hashes": sorted(selection.hashes),
                    "reason": reason,
                },
                title=f"Erase rows of {name}",
                subject=("deployment", name),
            )

    def erasure_certificate(self, job: str) -> dict[str, Any]:
        """The certificate of an erasure by its job: who, when, why, counts, files and digests.

        Raises NotFound while there is none.
        """
        with self._store.read() as session:
            return erasure.certificate_of(session, job)

    def _selection(self, name: str, column: str, value: Any, ids: Sequence[str]) -> EntitySelection:
        """What is named, by hashes. Raises NotFound, Invalid when it is not clear what is meant."""
        with self._store.read() as session:
            commands.require(session, name)
        if bool(column) == bool(ids):
            raise Invalid("name a column with a value, or prediction ids.")
        if column and value in (None, ""):
            raise Invalid("which value?", fields={"value": "needed"})
        if len(ids) > MAX_IDS:
            raise Invalid(f"{len(ids):,} ids were given.", fields={"ids": f"at most {MAX_IDS:,}"})
        column_hashes.ensure_key(self._store.folder)
        key = column_hashes.read_key(self._store.folder / "journal")
        values = [value] if column else ids
        hashes = [column_hashes.value_hash(key, named) for named in values]
        return EntitySelection(column, frozenset(filter(None, hashes)), key)
