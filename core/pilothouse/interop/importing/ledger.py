"""What was imported already: nothing is imported twice, and partial imports continue."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import select
from sqlmodel import Session, col

from pilothouse.interop.tables import Imported
from pilothouse.storage import Store

EXPERIMENT, RUN, LOGGED_MODEL, MODEL, VERSION = (
    *("experiment", "run", "logged model", "model", "version"),
)
# As they are stored. Partial: some of it could not be read, and is tried again next time.
STARTED, PARTIAL, COMPLETE = "begun", "partly", "whole"
CHUNK = 400


@dataclass(frozen=True)
class LedgerEntry:
    """Something that was imported, from which source, how completely, and its fingerprint then."""

    source: str
    local_id: str
    state: str
    digest: str

    def is_unchanged(self, digest: str) -> bool:
        """Whether it was imported completely and has not changed since."""
        return self.state == COMPLETE and self.digest == digest


class ImportLedger:
    """What was imported from a source and from others: a moved folder is another source."""

    def __init__(self, session: Session, source: str) -> None:
        self.source = source
        others = session.scalars(select(col(Imported.source)).distinct()).all()
        self._sources = list({source, *others})

    def entries(
        self, session: Session, kind: str, external_ids: Sequence[str]
    ) -> Mapping[str, LedgerEntry]:
        """The entries of a kind by external id; an entry of this source wins over another's."""
        entries: dict[str, LedgerEntry] = {}
        for start in range(0, len(external_ids), CHUNK):
            query = select(Imported).where(
                col(Imported.source).in_(self._sources),
                col(Imported.kind) == kind,
                col(Imported.external_id).in_(list(external_ids[start : start + CHUNK])),
            )
            for row in session.scalars(query):
                if row.source == self.source or row.external_id not in entries:
                    entries[row.external_id] = LedgerEntry(
                        row.source, row.local_id, row.state, row.digest
                    )
        return entries

    def entry(self, session: Session, kind: str, external_id: str) -> LedgerEntry | None:
        """The entry of one external id, if there is one."""
        return self.entries(session, kind, [external_id]).get(external_id)

    def record(
        self,
        session: Session,
        store: Store,
        kind: str,
        external_id: str,
        local_id: str,
        *,
        state: str = COMPLETE,
        digest: str = "",
    ) -> None:
        """Record that something was imported, how completely, and its fingerprint."""
        session.merge(
            Imported(
                source=self.source,
                kind=kind,
                external_id=external_id,
                local_id=local_id,
                state=state,
                digest=digest,
                imported_at=store.now(),
            )
        )
        session.flush()
