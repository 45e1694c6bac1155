"""A fact sheet as Markdown. What people wrote is Markdown already; evidence is plain text."""

from __future__ import annotations

import re

from pilothouse.kit.fact_sheets.fact_sheet import FactEntry, FactSection, FactSheet, FactTable
from pilothouse.kit.markdown import markdown_table

SPECIAL = re.compile(r"([\\`*_\[\]<>])")
LINE_START = re.compile(r"^(\s*)(#|[-+]\s|\d+[.)]\s)", re.MULTILINE)
# A heading, rule or fence of a text would end the entry that it belongs to.
BREAKS_OUT = re.compile(r"^( {0,3})(#{1,6}\s|---|===|```|~~~)", re.MULTILINE)


def sheet_markdown(sheet: FactSheet) -> str:
    """The sheet with a heading for each section."""
    blocks = [f"# {escape_markdown(sheet.title)}", escape_markdown(sheet.lead)]
    for section in sheet.sections:
        blocks += _section(section)
    return "\n\n".join(block for block in blocks if block) + "\n"


def escape_markdown(text: str) -> str:
    """A plain text that reads the same in Markdown."""
    return LINE_START.sub(r"\1\\\2", SPECIAL.sub(r"\\\1", text))


def _section(section: FactSection) -> list[str]:
    blocks = [f"## {section.title}"]
    short = [entry for entry in section.entries if entry.asked_of == "evidence"]
    if short:
        blocks.append("\n".join(map(_line, short)))
    for entry in section.entries:
        if entry.asked_of == "people":
            blocks += [f"### {entry.title}", _written(entry)]
    for table in section.tables:
        blocks += _table(table)
    return blocks


def _line(entry: FactEntry) -> str:
    text = " ".join(entry.text.split())
    return f"- **{entry.title}:** {escape_markdown(text) if text else f'_{entry.absence}_'}"


def _written(entry: FactEntry) -> str:
    text = entry.text.strip()
    return BREAKS_OUT.sub(r"\1\\\2", text) if text else f"_{entry.absence}_"


def _table(table: FactTable) -> list[str]:
    lines = markdown_table(table.columns, table.rows)
    return [f"### {table.title}", "\n".join(lines)]
