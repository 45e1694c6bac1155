"""The card of a version: its sheet, its front matter, and both as Markdown and as a page."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from importlib.metadata import version as release
from typing import Any

import yaml
from sqlmodel import Session

from pilothouse.kit.fact_sheets.fact_sheet import FactSheet, WrittenField
from pilothouse.kit.fact_sheets.html_page import sheet_page
from pilothouse.kit.fact_sheets.markdown_text import sheet_markdown
from pilothouse.kit.fact_sheets.written_texts import WrittenTexts
from pilothouse.registry.cards.card_evidence import read_documents, read_evidence
from pilothouse.registry.cards.card_revisions import card_texts
from pilothouse.registry.cards.card_sections import card_fields, card_sheet
from pilothouse.registry.cards.hub_metadata import hub_metadata
from pilothouse.registry.evidence import CardFact
from pilothouse.storage import Store


@dataclass(frozen=True, repr=False)
class ModelCard:
    """A model card: `sheet` has the nine sections, `texts` what people wrote.

    `metadata` is the front matter that the Hugging Face Hub reads, `fields` what people are asked
    for.
    """

    model: str
    version: int
    sheet: FactSheet
    texts: WrittenTexts
    fields: tuple[WrittenField, ...]
    metadata: Mapping[str, Any]
    made_at: datetime

    def __repr__(self) -> str:
        return f"<model card of {self.ref}, {self.sheet.filled} of {self.sheet.total} parts>"

    @property
    def ref(self) -> str:
        """The version: model@version."""
        return f"{self.model}@{self.version}"

    @property
    def missing(self) -> tuple[str, ...]:
        """The titles of the parts that are missing."""
        return tuple(entry.title for entry in self.sheet.missing)

    @property
    def is_complete(self) -> bool:
        """Whether no required part is missing."""
        return self.sheet.is_complete

    def markdown(self) -> str:
        """The card as Markdown with its front matter, as a README of the Hugging Face Hub."""
        front = yaml.safe_dump(dict(self.metadata), sort_keys=False, allow_unicode=True)
        return f"---\n{front}---\n\n{sheet_markdown(self.sheet)}"

    def html(self) -> bytes:
        """The card as one HTML file in UTF-8 that needs nothing else, with its charts."""
        made = f"{self.made_at:%Y-%m-%d %H:%M} UTC by Pilothouse {release('pilothouse')}"
        return sheet_page(self.sheet, f"Model card of {self.ref}, made on {made}.")

    def to_json(self) -> dict[str, Any]:
        """The parts of the card as plain values, for programs."""
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
            "metadata": dict(self.metadata),
        }


def model_card(session: Session, store: Store, model: str, version: int | str) -> ModelCard:
    """The card of a version by its number or an alias, made from what is known now."""
    evidence = read_evidence(session, model, version)
    info = evidence.version
    written = card_texts(session, info.model, info.version)
    sheet = card_sheet(evidence, written.texts, read_documents(session, store, evidence))
    return ModelCard(
        info.model,
        info.version,
        sheet,
        written,
        card_fields(evidence, written.texts),
        hub_metadata(evidence, written.texts),
        store.now(),
    )


def card_fact(session: Session, model: str, version: int) -> CardFact:
    """How complete the card of a version is, for a gate. Raises NotFound."""
    written = card_texts(session, model, version)
    sheet = card_sheet(read_evidence(session, model, version), written.texts)
    missing = tuple(entry.title for entry in sheet.missing)
    return CardFact(
        sheet.filled, sheet.total, missing, written.carried_from, written.revision, written.digest
    )
