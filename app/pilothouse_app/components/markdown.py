"""User text in Markdown: names escaped, notes and files without harmful content.

Streamlit reads labels, titles, buttons, toasts and help texts as Markdown, with shortcodes for
emoji and icons, colours, formulas, and arrows made of signs. A name is none of that: `literal`
shows it with the letters that it has. A note or a file may use Markdown: `formatted` takes out
pictures and formulas, and gives back nothing when the text could hold up the tab.
"""

from __future__ import annotations

import re

MAX_NAME = 2_000  # characters of one name, message or label
MAX_TEXT = 40_000  # characters of a note or a file
MAX_LINES = 1_500
MAX_WORD = 1_000  # letters without a space: links are looked for in each
MAX_MARKS = 300  # signs of Markdown in one paragraph: readers pair them with each other
MAX_ALL_MARKS = 6_000
MAX_NESTING = 12  # quotes and lists inside each other
MAX_BLOCKS = 3_000  # quotes and list items of all lines; a heading or a fence counts as several
HEAVY = 4
JOINER = "\u2060"  # has no width and lets no line break: it keeps signs from being read together

_SIGNS = re.compile(r"([\\`*_{}\[\]()#+!|~:$<>&])")
_SPACE = re.compile(r"[\s\x00-\x1f\x7f-\x9f]+")
_TURNS = re.compile("[\u202a-\u202e\u2066-\u2069]")  # these turn the direction of what follows
# What Streamlit replaces in the text of a page, however it is escaped.
_ICONS = re.compile(r":(?=material/|streamlit:)")
_ARROWS = re.compile(r"(?<=[-<>~])(?=[-=>])")
_LIST = re.compile(r"(-|\d{1,9}[.)])(?=\s|$)|(-\s*){3,}$")
_FENCE = re.compile(r"\s{0,3}(`{3,}|~{3,})")
_CONTAINERS = re.compile(r"[ \t]*((?:[>*+-]|\d{1,9}[.)])[ \t]*)+")
_HEAVY = re.compile(r"[>\s*+-]*(#{1,6}(\s|$)|=+\s*$|-+\s*$|`{3}|~{3})")
_CONTAINER = re.compile(r"[>*+-]|\d{1,9}[.)]")
_MARKS = re.compile(r"[\\`*_\[\]()!|~:$<>&@]")


class Literal(str):
    """Text that is escaped already."""

    __slots__ = ()


def literal(text: str) -> str:
    """Text that people wrote, so that Markdown shows it as it is, on one line."""
    if isinstance(text, Literal):
        return text
    whole = _TURNS.sub("", _SPACE.sub(" ", text)).strip()
    cut = whole if len(whole) <= MAX_NAME else f"{whole[: MAX_NAME - 1]}…"
    begins_a_list = JOINER if _LIST.match(cut) else ""
    apart = _ARROWS.sub(JOINER, _ICONS.sub(f":{JOINER}", cut))
    return Literal(begins_a_list + _SIGNS.sub(r"\\\1", apart))


def safe_markdown(text: str) -> str | None:
    """Markdown without pictures, formulas and shortcodes; None when a browser might choke on it.

    Raw HTML is text for Streamlit. Whatever is None is still shown, as plain text.
    """
    if len(text) > MAX_TEXT or text.count("\n") > MAX_LINES or not _is_simple(text):
        return None
    lines, fence = [], ""

    for line in text.split("\n"):
        mark = _FENCE.match(line)
        if fence:
            fence = "" if mark and mark[1].startswith(fence) else fence
            lines.append(line)
        elif mark:
            fence = mark[1]
            lines.append(line)
        else:
            lines.append(_plain_line(line))

    return "\n".join(lines)


def _plain_line(line: str) -> str:
    """A line whose pictures, formulas, colours and icons are only their letters."""
    line = line.replace("![", "!\\[").replace("$", "\\$")
    return re.sub(r":(?=[A-Za-z+\d-])", lambda _: f"\\:{JOINER}", line)


def _is_simple(text: str) -> bool:
    """Whether no paragraph, word or nesting is of a size that readers need long for."""
    if len(_MARKS.findall(text)) > MAX_ALL_MARKS:
        return False
    marks = blocks = 0

    for line in text.split("\n"):
        if not line.strip():
            marks = 0
            continue
        marks += len(_MARKS.findall(line))
        if marks > MAX_MARKS or any(len(word) > MAX_WORD for word in line.split()):
            return False
        containers = _CONTAINERS.match(line)
        depth = len(_CONTAINER.findall(containers[0])) if containers else 0
        blocks += depth + (HEAVY if _HEAVY.match(line) else 0)
        if depth > MAX_NESTING or blocks > MAX_BLOCKS:
            return False
        if len(line) - len(line.lstrip()) > 8 * MAX_NESTING:
            return False

    return True
