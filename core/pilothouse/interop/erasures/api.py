"""Erasures of entities as screens, commands and notebooks use them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from sqlmodel import col, select

from pilothouse.deployments.prediction_log import column_hashes
from pilothouse.interop.erasures.certificate import to_html
from pilothouse.interop.erasures.entity_search import (
    EntityPlaces,
    SearchedEntity,
    entity_of,
    find_entity,
)
from pilothouse.interop.tables import Erasure
from pilothouse.jobs import submit
from pilothouse.kit.errors import Invalid, NotFound, require_reason
from pilothouse.people import require_right
from pilothouse.people.rights import PERSONAL_DATA
from pilothouse.storage.service import Service

if TYPE_CHECKING:
    import pandas as pd

JOB = "erase_entity"
COLUMNS = ("job", "reason", "by", "began_at", "completed_at", "rows")


class Erasures(Service):
    """Erasure of an entity from all datasets, prediction logs, messages and uploads."""

    def count(self, value: Any, columns: Sequence[str] = ()) -> EntityPlaces:
        """What an erasure would remove, and where; nothing is changed.

        The value is looked for in the columns of that name in every dataset and log; without
        `columns` in those that hold personal data. Logs are searched by prediction id too, and
        messages that are set aside whole. Raises Invalid without a value.
        """
        return find_entity(self._store, self._entity(value, columns))

    def start(self, value: Any, reason: str, columns: Sequence[str] = ()) -> str:
        """Erase an entity from the whole workspace as a job; the job's id.

        Rows that have its value go from every dataset version, which keeps its number, and from
        every log; messages and uploads that have it go whole. The job makes a certificate. Neither
        has the value, only a keyed hash. Raises Invalid without a value or reason, Refused without
        the right `personal_data`.
        """
        require_reason(reason, "an erasure")
        entity = self._entity(value, columns)
        args = {
            "columns": list(entity.columns), "hashes": sorted(entity.hashes), "reason": reason,
        }  # fmt: skip
        with self._store.write(durable=True) as session:
            require_right(session, self._store, PERSONAL_DATA, "personal data is erased")
            return submit(session, self._store, JOB, args, title="Erase an entity")

    def frame(self) -> pd.DataFrame:
        """The erasures, the newest first.

        Columns: job, reason, by, began_at, completed_at (missing while it is not complete), rows
        (of datasets).
        """
        import pandas as pd

        with self._store.read() as session:
            rows = session.exec(select(Erasure).order_by(col(Erasure.began_at).desc())).all()
        records = [
            (row.id, row.reason, row.by, row.began_at, row.completed_at, _rows(row)) for row in rows
        ]
        return pd.DataFrame(records, columns=list(COLUMNS))

    def certificate(self, job: str) -> dict[str, Any]:
        """The certificate of an erasure by its job: counts, digests, what was not reached.

        Raises NotFound while there is none.
        """
        with self._store.read() as session:
            row = session.get(Erasure, job)
        if row is None or row.certificate is None:
            raise NotFound(
                f"there is no certificate of an erasure {job!r}.",
                hint="It is made at the end of its job: `pilothouse jobs wait JOB`.",
            )
        return dict(row.certificate)

    def certificate_html(self, job: str) -> str:
        """The same as one HTML page to hand over. Raises NotFound while there is none."""
        return to_html(self.certificate(job))

    def _entity(self, value: Any, columns: Sequence[str]) -> SearchedEntity:
        if value in (None, ""):
            raise Invalid("which value?", fields={"value": "needed"})
        column_hashes.ensure_key(self._store.folder)
        key = column_hashes.read_key(self._store.folder / "journal")
        hashed = column_hashes.value_hash(key, value)
        return entity_of(self._store, sorted(set(columns)), [hashed] if hashed else [])


def _rows(row: Erasure) -> int:
    return sum(item["rows"] for item in (row.certificate or {}).get("datasets", []))
