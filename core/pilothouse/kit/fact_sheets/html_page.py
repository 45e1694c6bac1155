"""A fact sheet as one HTML file that stands alone, with its charts."""

from __future__ import annotations

from pilothouse.kit.fact_sheets.fact_sheet import (
    FactBars,
    FactChart,
    FactEntry,
    FactLines,
    FactSection,
    FactSheet,
    FactTable,
)
from pilothouse.kit.pages.markup import Html, clip, decimal, join, tag
from pilothouse.kit.pages.page_layout import (
    TableColumn,
    document,
    named_values,
    paragraph,
    section,
    table,
)
from pilothouse.kit.pages.svg_axes import Scale, chart, horizontal_grid, ticks

MAX_NAMED = 6  # missing entries that the page names at its top
ROW, NAMES, ENDS, WIDTH = 24.0, 150.0, 400.0, 480.0
LINES_WIDTH, LINES_HEIGHT = 340.0, 260.0
LEFT, RIGHT, TOP, BOTTOM = 40.0, 330.0, 8.0, 215.0
SPACE = "margin-top:14px"
STROKES = ("#1F5FD1", "#B85C00", "#11784A", "#8A4FBF", "#C5303B")


def sheet_page(sheet: FactSheet, foot: str) -> bytes:
    """The page as one file in UTF-8, without a script; `foot` says what made it and when."""
    head = join(tag("h1", sheet.title), _state(sheet))
    parts = [head, paragraph(sheet.lead, "lead"), _completeness(sheet)]
    parts += [_section(part) for part in sheet.sections]
    return document(sheet.title, *parts, foot=foot)


def _state(sheet: FactSheet) -> Html:
    if sheet.is_complete:
        return tag("span", "Complete", class_="badge ok")
    return tag("span", f"{sheet.filled} of {sheet.total}", class_="badge warn")


def _completeness(sheet: FactSheet) -> Html:
    if sheet.is_complete:
        return Html()
    named = [entry.title for entry in sheet.missing]
    more = len(named) - MAX_NAMED
    listed = ", ".join(named[:MAX_NAMED]) + (f" and {more} more" if more > 0 else "")
    return paragraph(f"Missing: {listed}.", "note")


def _section(part: FactSection) -> Html:
    evidence = [entry for entry in part.entries if entry.asked_of == "evidence"]
    pairs = {entry.title: entry.text or entry.absence for entry in evidence}
    blocks = [named_values(pairs)] if pairs else []
    blocks += [_entry(entry) for entry in part.entries if entry.asked_of == "people"]
    blocks += map(_table, part.tables)
    if part.charts:
        blocks.append(tag("div", *map(_chart, part.charts), class_="charts", style=SPACE))
    return section(part.title, *blocks)


def _entry(entry: FactEntry) -> Html:
    text = entry.text.strip()
    body = written_html(text) if text else paragraph(entry.absence, "muted")
    return tag("div", tag("h3", entry.title), body, style=SPACE)


def written_html(text: str) -> Html:
    """A text that people wrote: a paragraph a line, and the lines of a list as its items."""
    blocks: list[Html] = []
    items: list[Html] = []
    for line in [*text.splitlines(), ""]:
        item = line.strip()
        if item.startswith(("- ", "* ")):
            items.append(tag("li", f"• {item[2:]}"))
            continue
        if items:
            blocks.append(tag("ul", *items))
            items = []
        if item:
            blocks.append(paragraph(item))
    return join(*blocks)


def _table(part: FactTable) -> Html:
    first, *others = part.columns
    columns = [TableColumn(first), *(TableColumn(name, number=True) for name in others)]
    return tag("div", tag("h3", part.title), table(columns, part.rows), style=SPACE)


def _chart(part: FactChart) -> Html:
    drawn = _bars(part) if isinstance(part, FactBars) else _lines(part)
    return tag("figure", tag("h3", part.title), drawn)


def _bars(part: FactBars) -> Html:
    lengths = [abs(length) for _, length, _ in part.bars]
    x = Scale(0.0, max(lengths, default=0.0) or 1.0, NAMES, ENDS)
    marks: list[Html] = []
    for index, (label, length, text) in enumerate(part.bars):
        y = index * ROW
        marks += [
            tag("text", tag("title", label), clip(label, 24), x=NAMES - 6, y=y + 15,
                text_anchor="end"),
            tag("rect", x=NAMES, y=y + 4, width=x(abs(length)) - NAMES, height=15.0,
                class_="after" if length >= 0 else "before"),
            tag("text", text, x=x(abs(length)) + 6, y=y + 15, class_="muted"),
        ]  # fmt: skip
    return chart(WIDTH, max(len(part.bars), 1) * ROW, part.title, *marks)


def _lines(part: FactLines) -> Html:
    xs = [value for _, x, _ in part.lines for value in x]
    ys = [value for _, _, y in part.lines for value in y]
    x = Scale(min(xs, default=0.0), max(xs, default=1.0), LEFT, RIGHT)
    y = Scale(min([0.0, *ys]), max([*ys, 0.0]) or 1.0, BOTTOM, TOP)
    values = ticks(y.low, y.high)
    marks = horizontal_grid(y, values, [f"{value:.3g}" for value in values], LEFT, RIGHT)
    for value in ticks(x.low, x.high):
        text = f"{value:.3g}"
        marks.append(
            tag("text", text, x=x(value), y=BOTTOM + 15, text_anchor="middle", class_="muted")
        )
    if part.diagonal:
        low, high = max(x.low, y.low), min(x.high, y.high)
        ends = {"x1": x(low), "y1": y(low), "x2": x(high), "y2": y(high)}
        marks.append(tag("line", **ends, class_="expected"))
    for index, (name, across, up) in enumerate(part.lines):
        points = [f"{decimal(x(a))} {decimal(y(b))}" for a, b in zip(across, up, strict=True)]
        stroke = STROKES[index % len(STROKES)]
        path = f"M{'L'.join(points)}"
        marks.append(
            tag("path", tag("title", name), d=path, fill="none", stroke=stroke, stroke_width=2)
        )
    marks.append(
        tag("text", part.x_title, x=(LEFT + RIGHT) / 2, y=BOTTOM + 34, text_anchor="middle")
    )
    drawn = chart(LINES_WIDTH, LINES_HEIGHT, part.title, *marks)
    return join(tag("p", part.y_title, class_="note"), drawn)
