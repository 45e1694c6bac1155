"""A fact sheet on a page: its sections, how complete it is, and the form of what people write."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import groupby
from typing import Any

import pandas as pd
import streamlit as st

from pilothouse.kit.fact_sheets.fact_sheet import (
    FactBars,
    FactChart,
    FactEntry,
    FactSection,
    FactSheet,
    FactTable,
    WrittenField,
)
from pilothouse_app.charts.documents import figure_of
from pilothouse_app.components.charting import dark, figure
from pilothouse_app.components.header import section
from pilothouse_app.components.markdown import literal, safe_markdown

CHART_HEIGHT = 270
MAX_WORD = 40  # characters of a value without a space


def fact_sheet(sheet: FactSheet, *, key: str) -> None:
    """Draw the sections at the left, and at the right how complete the sheet is."""
    left, right = st.columns([68, 32], gap="medium")
    with left:
        st.markdown(literal(sheet.lead))
        for part in sheet.sections:
            _section(part, key)
    with right, st.container(border=True):
        _completeness(sheet)


def _completeness(sheet: FactSheet) -> None:
    section("Completeness", f"{sheet.filled} of {sheet.total} parts")
    st.progress(sheet.filled / sheet.total if sheet.total else 1.0)
    if sheet.is_complete:
        st.markdown(":green[:material/check_circle: No required part is missing.]")
    for asked_of, heading in (("people", "Only people know"), ("evidence", "Not in evidence")):
        missing = [entry for entry in sheet.missing if entry.asked_of == asked_of]
        if missing:
            lines = "\n".join(f"- {literal(entry.title)}" for entry in missing)
            st.markdown(f":gray[{heading}]\n\n{lines}")


def _section(part: FactSection, key: str) -> None:
    with st.container(border=True):
        section(literal(part.title))
        evidence = [entry for entry in part.entries if entry.asked_of == "evidence"]
        if evidence:
            _facts(evidence, part.title)
        for entry in part.entries:
            if entry.asked_of == "people":
                _written(entry)
        for index, table in enumerate(part.tables):
            _table(table, f"{key}_{part.key}_{index}")
        if part.charts:
            columns = st.columns(2, gap="small")
            for index, chart in enumerate(part.charts):
                with columns[index % 2]:
                    _chart(chart, f"{key}_{part.key}_chart_{index}")


def _facts(entries: Sequence[FactEntry], title: str) -> None:
    rows = [
        (entry.title, _value(entry.text) if entry.text else f":gray[{entry.absence}]")
        for entry in entries
    ]
    frame = pd.DataFrame(rows, columns=["Field", "Value"])
    st.table(frame, border="horizontal", hide_index=True, hide_header=True, alt=title)


def _value(text: str) -> str:
    """A text in a cell: one without a space, such as a digest, is cut where the cell ends."""
    cut = len(text) > MAX_WORD and " " not in text
    return str(literal(f"{text[:MAX_WORD]}…" if cut else text))


def _written(entry: FactEntry) -> None:
    st.markdown(f":small[:gray[{literal(entry.title)}]]")
    if not entry.text.strip():
        colour = "orange" if entry.is_missing else "gray"
        st.markdown(f":{colour}[{entry.absence}]")
        return
    safe = safe_markdown(entry.text)
    if safe is None:
        st.text(entry.text)
    else:
        st.markdown(safe)


def _table(table: FactTable, key: str) -> None:
    st.markdown(f":small[:gray[{literal(table.title)}]]")
    frame = pd.DataFrame([map(literal, row) for row in table.rows], columns=list(table.columns))
    st.table(frame, border="horizontal", hide_index=True, alt=table.title)


def _chart(chart: FactChart, key: str) -> None:
    st.markdown(f":small[:gray[{literal(chart.title)}]]")
    drawn = figure_of(_document(chart), dark=dark())
    figure(drawn, key=key, height=CHART_HEIGHT, alt=chart.title)


def _document(chart: FactChart) -> Mapping[str, Any]:
    """The chart as an evaluation document, which is drawn as on the page of a run."""
    if isinstance(chart, FactBars):
        bars = {
            "x": [label for label, _, _ in chart.bars],
            "y": [length for _, length, _ in chart.bars],
        }
        return {"type": "bars", "title": chart.title, "x_title": "", "y_title": "", **bars}
    several = len(chart.lines) > 1
    lines = [{"name": name if several else "", "x": x, "y": y} for name, x, y in chart.lines]
    values = {"lines": lines, "diagonal": chart.diagonal}
    named = {"x_title": chart.x_title, "y_title": chart.y_title}
    return {"type": "line", "title": chart.title, **named, **values}


def written_form(
    fields: Sequence[WrittenField], texts: Mapping[str, str], sections: Mapping[str, str], key: str
) -> dict[str, str]:
    """The inputs of what people write, by section; the texts that differ from those before."""
    typed: dict[str, str] = {}
    for name, own in groupby(fields, key=lambda field: field.section):
        section(sections.get(name, name))
        for field in own:
            typed[field.key] = _input(field, texts.get(field.key, ""), key)
    return {name: text for name, text in typed.items() if text != texts.get(name, "")}


def _input(field: WrittenField, text: str, key: str) -> str:
    label = field.title if field.required else f"{field.title} (optional)"
    if field.lines == 1:
        typed = st.text_input(label, text, placeholder=field.help, key=f"{key}_{field.key}")
    else:
        height = 40 + 24 * field.lines
        typed = st.text_area(
            label, text, placeholder=field.help, height=height, key=f"{key}_{field.key}"
        )
    return (typed or "").strip()


def sheet_downloads(
    markdown: Callable[[], str], page: Callable[[], bytes], name: str, *, key: str
) -> None:
    """The buttons for the sheet as Markdown and as one HTML file, made when they are pressed."""
    st.download_button(
        "Markdown",
        markdown,
        f"{name}.md",
        "text/markdown",
        icon=":material/download:",
        key=f"{key}_markdown",
        on_click="ignore",
    )
    st.download_button(
        "HTML",
        page,
        f"{name}.html",
        "text/html",
        icon=":material/download:",
        key=f"{key}_html",
        on_click="ignore",
        help="One HTML file that needs nothing else; a browser prints it as PDF",
    )
