"""A fact sheet as values: sections of entries, tables and charts, and what is missing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from pilothouse.kit.errors import Invalid

AskedOf = Literal["evidence", "people"]
MAX_TEXT = 20_000  # characters that people write in one field


@dataclass(frozen=True)
class WrittenField:
    """A part that only people know: its name, its section, and what it asks for."""

    key: str
    title: str
    section: str
    help: str
    required: bool = True
    lines: int = 3


@dataclass(frozen=True)
class FactEntry:
    """One statement; its text is empty where evidence does not say it, or nobody wrote it yet."""

    key: str
    title: str
    text: str = ""
    asked_of: AskedOf = "evidence"
    required: bool = True
    help: str = ""

    @property
    def is_missing(self) -> bool:
        """Whether the sheet is incomplete without it."""
        return self.required and not self.text.strip()

    @property
    def absence(self) -> str:
        """What is said in place of a text that is not there."""
        return "Not known." if self.asked_of == "evidence" else "Not written yet."


@dataclass(frozen=True)
class FactTable:
    """A table of texts; its first column names the rows, the others are numbers."""

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


@dataclass(frozen=True)
class FactBars:
    """A level bar for each row: its label, its length, and its value in words."""

    title: str
    bars: tuple[tuple[str, float, str], ...]


@dataclass(frozen=True)
class FactLines:
    """Lines of x and y, each with a name; `diagonal` draws what a perfect answer would be."""

    title: str
    x_title: str
    y_title: str
    lines: tuple[tuple[str, tuple[float, ...], tuple[float, ...]], ...]
    diagonal: bool = False


FactChart = FactBars | FactLines


@dataclass(frozen=True)
class FactSection:
    """A part of a sheet: entries, then tables, then charts."""

    key: str
    title: str
    entries: tuple[FactEntry, ...] = ()
    tables: tuple[FactTable, ...] = ()
    charts: tuple[FactChart, ...] = ()


@dataclass(frozen=True)
class FactSheet:
    """The whole: a title, a sentence below it, and its sections in order."""

    title: str
    lead: str
    sections: tuple[FactSection, ...]

    @property
    def entries(self) -> tuple[FactEntry, ...]:
        """The entries of all sections in order."""
        return tuple(entry for section in self.sections for entry in section.entries)

    @property
    def missing(self) -> tuple[FactEntry, ...]:
        """The required entries that have no text."""
        return tuple(entry for entry in self.entries if entry.is_missing)

    @property
    def total(self) -> int:
        """How many entries are required."""
        return sum(entry.required for entry in self.entries)

    @property
    def filled(self) -> int:
        """How many of the required entries have a text."""
        return self.total - len(self.missing)

    @property
    def is_complete(self) -> bool:
        """Whether nothing that is required is missing."""
        return not self.missing


def written_entries(
    fields: Sequence[WrittenField], section: str, texts: Mapping[str, str]
) -> tuple[FactEntry, ...]:
    """The entries of a section that people write; optional ones only where they have a text."""
    return tuple(
        FactEntry(
            field.key, field.title, texts.get(field.key, ""), "people", field.required, field.help
        )
        for field in fields
        if field.section == section and (field.required or texts.get(field.key))
    )


def check_texts(fields: Sequence[WrittenField], texts: Mapping[str, str]) -> dict[str, str]:
    """What people wrote, without blanks at its ends. Raises Invalid that names each wrong field."""
    names = [field.key for field in fields]
    wrong = dict.fromkeys(sorted(set(texts) - set(names)), "unknown")
    wrong |= {
        name: f"longer than {MAX_TEXT:,} characters"
        for name, text in texts.items()
        if name in names and len(text) > MAX_TEXT
    }
    if wrong:
        message = "; ".join(f"{name} is {problem}" for name, problem in wrong.items())
        raise Invalid(f"{message}.", hint=f"Known: {', '.join(names)}.", fields=wrong)
    return {name: text.strip() for name, text in texts.items()}


def merge_texts(before: Mapping[str, str], changes: Mapping[str, str]) -> dict[str, str]:
    """The texts after a change; a field that is changed to nothing has no text."""
    return {name: text for name, text in {**before, **changes}.items() if text}
