"""The Python API of personal data in datasets: look for it, mark it, mask it, reveal it."""

from __future__ import annotations

from pilothouse.activity import record
from pilothouse.data import versions
from pilothouse.data.personal_data import personal_columns
from pilothouse.data.personal_data.personal_columns import PersonalColumnInfo
from pilothouse.data.personal_data.version_erasure import ErasedVersion, erasures_of
from pilothouse.kit.errors import require_reason
from pilothouse.people import require_right
from pilothouse.people.rights import PERSONAL_DATA
from pilothouse.storage.service import Service


class PersonalDataCommands(Service):
    """Columns of personal data: proposed by the program, confirmed or rejected by people."""

    def personal_columns(self, name: str) -> list[PersonalColumnInfo]:
        """The marks of a dataset's columns, those that were rejected too. Raises NotFound."""
        with self._store.read() as session:
            versions.latest_row(session, name)
            return personal_columns.columns_of(session, name)

    def find_personal(self, ref: str) -> list[str]:
        """Look for personal data in a version and propose what has no mark yet; its columns.

        New versions are looked at when they are registered. Raises NotFound, Unavailable.
        """
        from pilothouse.data.canonical import canonical
        from pilothouse.data.personal_data.detection import find_probable

        with self._store.read() as session:
            ref = versions.require(session, ref).ref
            table = canonical(versions.read_table(self._store, session, ref))
        probable = find_probable(table)
        with self._store.write() as session:
            return personal_columns.propose(session, self._store, ref, probable)

    def mark_personal(
        self, name: str, column: str, kind: str = "", reason: str = ""
    ) -> PersonalColumnInfo:
        """Confirm that a column of a dataset holds personal data, of a `kind` when it is given.

        A column that was not proposed is marked as an identifier of a person unless a kind says
        otherwise. Raises NotFound for a column or kind that there is not.
        """
        with self._store.write() as session:
            return personal_columns.decide(
                session, self._store, name, column, is_personal=True, kind=kind, reason=reason
            )

    def reject_personal(self, name: str, column: str, reason: str = "") -> PersonalColumnInfo:
        """Say that a column holds no personal data: its values are not masked. Raises NotFound."""
        with self._store.write() as session:
            return personal_columns.decide(
                session, self._store, name, column, is_personal=False, reason=reason
            )

    def erasures(self, ref: str) -> list[ErasedVersion]:
        """The erasures that changed a version, the first one first. Raises NotFound."""
        with self._store.read() as session:
            return erasures_of(session, versions.require(session, ref).ref)

    def reveal(self, name: str, reason: str) -> list[str]:
        """Record that a person looks at the personal data of a dataset unmasked; its columns.

        Raises NotFound, Invalid without a reason, Refused without the right `personal_data`.
        """
        require_reason(reason, "to reveal personal data")
        with self._store.write(durable=True) as session:
            dataset = versions.latest_row(session, name).dataset
            require_right(session, self._store, PERSONAL_DATA, "personal data is revealed")
            columns = sorted(personal_columns.masking_of(session, dataset).kinds)
            after = {"columns": columns}
            record(session, self._store, "revealed", "dataset", name, after=after, reason=reason)
        return columns
