"""The Python API of datasheets: made from content, written by people, exported."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from importlib.metadata import version as release
from typing import Any

from sqlmodel import Session, col, func, select

from pilothouse.data import versions
from pilothouse.data.datasheets import datasheet_revisions
from pilothouse.data.datasheets.datasheet_sections import (
    DatasheetEvidence,
    datasheet,
    datasheet_fields,
)
from pilothouse.data.personal_data.personal_columns import masking_of
from pilothouse.data.tables import DatasetVersion
from pilothouse.kit.fact_sheets.fact_sheet import FactSheet, WrittenField
from pilothouse.kit.fact_sheets.html_page import sheet_page
from pilothouse.kit.fact_sheets.markdown_text import sheet_markdown
from pilothouse.kit.fact_sheets.written_texts import WrittenTexts
from pilothouse.storage import Store
from pilothouse.storage.service import Service


@dataclass(frozen=True, repr=False)
class Datasheet:
    """The datasheet of a dataset version: `sheet` has the seven sections."""

    ref: str
    sheet: FactSheet
    texts: WrittenTexts
    fields: tuple[WrittenField, ...]
    made_at: datetime

    def __repr__(self) -> str:
        return f"<datasheet of {self.ref}, {self.sheet.filled} of {self.sheet.total} parts>"

    @property
    def missing(self) -> tuple[str, ...]:
        """The titles of the parts that are missing."""
        return tuple(entry.title for entry in self.sheet.missing)

    @property
    def is_complete(self) -> bool:
        """Whether no required part is missing."""
        return self.sheet.is_complete

    def markdown(self) -> str:
        """The datasheet as Markdown."""
        return sheet_markdown(self.sheet)

    def html(self) -> bytes:
        """The datasheet as one HTML file in UTF-8 that needs nothing else, with its charts."""
        made = f"{self.made_at:%Y-%m-%d %H:%M} UTC by Pilothouse {release('pilothouse')}"
        return sheet_page(self.sheet, f"Datasheet of {self.ref}, made on {made}.")

    def to_json(self) -> dict[str, Any]:
        """The parts of the datasheet as plain values, for programs."""
        return {
            "ref": self.ref,
            "complete": self.is_complete,
            "filled": self.sheet.filled,
            "total": self.sheet.total,
            "missing": list(self.missing),
            "carried_from": self.texts.carried_from,
            "revision": self.texts.revision,
            "sections": {
                section.title: {entry.title: entry.text for entry in section.entries}
                for section in self.sheet.sections
            },
        }


class DatasheetCommands(Service):
    """The datasheets of dataset versions."""

    def datasheet(self, ref: str) -> Datasheet:
        """The datasheet of a version: from its content and from people.

        Its `markdown()` and `html()` export it. What is not known is said as not known. Raises
        NotFound.
        """
        with self._store.read() as session:
            return read_datasheet(session, self._store, ref)

    def edit_datasheet(self, ref: str, changes: Mapping[str, str], reason: str = "") -> Datasheet:
        """Write the parts of a datasheet that only people know, by the names of its `fields`.

        Each change is a new revision of the whole. A version begins with the texts of the version
        before it; saving, also without a change, confirms them for this one. Raises NotFound,
        Invalid that names each wrong field.
        """
        with self._store.write() as session:
            datasheet_revisions.edit(session, self._store, ref, changes, reason)
            return read_datasheet(session, self._store, ref)


def read_datasheet(session: Session, store: Store, ref: str) -> Datasheet:
    """The datasheet of a version, made from what is known now, and without values
    of personal data. Raises NotFound."""
    row = versions.row(session, ref)
    info = versions.info(row)
    newest = versions.newest(session, info.dataset)
    count = select(func.count(col(DatasetVersion.id))).where(DatasetVersion.dataset == info.dataset)
    masking = masking_of(session, info.dataset)
    evidence = DatasheetEvidence(
        info,
        tuple(map(masking.column_profile, versions.column_profiles(row))),
        session.exec(count).one(),
        f"{info.dataset}@{newest.version}" if newest else info.ref,
        bool(row.contract_json.get("columns")),
    )
    written = datasheet_revisions.datasheet_texts(session, info.dataset, info.version)
    sheet = datasheet(evidence, written.texts)
    return Datasheet(
        info.ref, sheet, written, datasheet_fields(evidence, written.texts), store.now()
    )
