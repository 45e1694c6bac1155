"""Minutes as Markdown, and as one HTML file that needs nothing else and prints as PDF."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from datetime import datetime

from pilothouse.kit.pages import page_layout
from pilothouse.kit.pages.markup import Html, join, tag
from pilothouse.kit.pages.page_layout import TableColumn, Tile
from pilothouse.registry.gates import Verdict, gates
from pilothouse.reviews.minutes import OPEN, ItemMinutes, Minutes, Remark

_SPECIAL = re.compile(r"([\\`*_{}\[\]()#+|<>~!-])")
VERDICTS = (TableColumn("Gate"), TableColumn("Result"), TableColumn("Figures"))


def to_markdown(minutes: Minutes) -> str:
    """The minutes as Markdown; whatever people wrote is literal text."""
    lines = [f"# {_plain(minutes.review.title)}", "", *_head(minutes), ""]
    if minutes.changes:
        lines += ["## Since the last review", ""]
        lines += [f"- {_plain(what)}: {count}" for what, count in minutes.changes] + [""]
    for number, point in enumerate(minutes.points, 1):
        lines += [f"## {number}. {_plain(point.item.title)}", "", *_point(point), ""]
    if not minutes.points:
        lines += ["Nothing waited for a decision.", ""]
    return "\n".join(lines)


def _head(minutes: Minutes) -> Iterator[str]:
    review = minutes.review
    yield f"- Held: {_when(review.started_at)} to {_end(review.ended_at)}"
    yield f"- People: {_plain(', '.join(review.people))}"
    yield f"- Decided: {minutes.decided} of {len(minutes.points)}"


def _point(point: ItemMinutes) -> Iterator[str]:
    yield f"**{_outcome(point)}**"
    yield ""
    yield f"Why it waited: {_plain(point.item.message)}"
    yield ""
    for remark in (*point.decisions, *point.notes):
        yield f"- {_plain(_sentence(remark))}"
    for verdict in point.verdicts:
        yield f"- {_plain(_gate(verdict))}: {verdict.outcome}. {_plain(verdict.message)}"
    if point.evidence:
        yield f"- Evidence: `{point.evidence}`"


def to_html(minutes: Minutes, made: datetime) -> bytes:
    """The same as one page in UTF-8."""
    review = minutes.review
    opened = len(minutes.points) - minutes.decided
    figures = page_layout.tiles(
        [
            Tile("Decided", f"{minutes.decided} of {len(minutes.points)}"),
            Tile("Left open", str(opened)),
            Tile("People", str(len(review.people)), (", ".join(review.people),)),
            Tile("Held", _when(review.started_at), (f"until {_end(review.ended_at)}",)),
        ]
    )
    changes = [tag("span", f"{what}: {count}") for what, count in minutes.changes]
    parts = [tag("h1", review.title), figures]
    if changes:
        parts.append(page_layout.section("Since the last review", page_layout.bullets(changes)))
    parts += [_html_point(number, point) for number, point in enumerate(minutes.points, 1)]
    if not minutes.points:
        parts.append(page_layout.paragraph("Nothing waited for a decision."))
    foot = f"Minutes of a review. What was decided is read from the audit log. {_when(made)}"
    return page_layout.document(review.title, *parts, foot=foot)


def _html_point(number: int, point: ItemMinutes) -> Html:
    content = [
        page_layout.paragraph(_outcome(point), "lead"),
        page_layout.paragraph(f"Why it waited: {point.item.message}"),
    ]
    remarks = [tag("span", _sentence(item)) for item in (*point.decisions, *point.notes)]
    if remarks:
        content.append(page_layout.bullets(remarks))
    if point.verdicts:
        content.append(page_layout.table(VERDICTS, _verdict_rows(point.verdicts)))
    if point.evidence:
        content.append(page_layout.paragraph(f"Evidence {point.evidence}", "note"))
    return page_layout.section(f"{number}. {point.item.title}", join(*content))


def _verdict_rows(verdicts: Sequence[Verdict]) -> list[tuple[str, str, str]]:
    """Those that did not pass come first."""
    ordered = sorted(verdicts, key=lambda verdict: verdict.passed)
    return [(_gate(verdict), verdict.outcome, verdict.message) for verdict in ordered]


def _gate(verdict: Verdict) -> str:
    is_installed = verdict.gate in gates.names()
    return gates.get(verdict.gate).title if is_installed else verdict.gate


def _outcome(point: ItemMinutes) -> str:
    if point.outcome == OPEN:
        return "Left open"
    last = point.decisions[-1]
    return f"{last.verb.capitalize()} by {last.by}"


def _sentence(remark: Remark) -> str:
    text = f": {remark.text}" if remark.text else ""
    return f"{remark.at:%H:%M} {remark.by} {remark.verb}{text}"


def _when(at: datetime) -> str:
    return f"{at:%d %b %Y %H:%M} UTC"


def _end(at: datetime | None) -> str:
    return "now" if at is None else _when(at)


def _plain(text: str) -> str:
    """Text that Markdown shows as it is, on one line."""
    return _SPECIAL.sub(r"\\\1", re.sub(r"\s+", " ", text))
