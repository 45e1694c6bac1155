"""The only CSS of the app, in one place, since its test ids may change.

It fills the window, shows what has the focus, keeps messages off the buttons, and prints a page.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import streamlit as st

from pilothouse_app.charts.palette import palette
from pilothouse_app.components.charting import dark
from pilothouse_app.components.table import HEAD, ROW

RULE = (
    "[data-testid=stLayoutWrapper]:has(> .st-key-{key}){{height:{height}!important;"
    "flex:0 0 {height}!important}}"
    ".st-key-{key}{{height:100%!important}}"
)
BUTTON = (
    ".st-key-{key} a{{border:1px solid {line};border-radius:6px;padding:0.25rem 0.75rem;"
    "min-height:2.5rem}}"
)
HEADER_HEIGHT = ".st-key-page_header{min-height:2.75rem}"
# One colour cannot be a readable ground for white and readable text on dark: the chosen part of a
# control takes the colour of links.
CHOSEN = (
    "[data-testid=stButtonGroup] button[data-selected=true] p,[data-testid=stSliderThumbValue] p"
)
# Streamlit colours code in tones of its own, too pale to read on our grounds.
TOKENS = {
    "comment": "muted",
    "keyword": "accent",
    "function": "accent",
    "class-name": "accent",
    "builtin": "accent",
    "string": "good",
    "inserted": "good",
    "deleted": "bad",
    "coord": "accent",
}
# Messages came down over the primary action of the page, which is at the top right.
TOASTS = (
    ".stToastContainer{top:auto!important;bottom:1rem!important;right:1rem!important;"
    "left:auto!important;align-items:flex-end}"
)
# A list of one line each: what does not fit is cut with dots, as the link's page has it whole.
ONE_LINE_LISTS = (
    "[class*=st-key-lines_]{gap:0.25rem}"
    "[class*=st-key-lines_] [data-testid=stHorizontalBlock]{flex-wrap:nowrap!important}"
    "[class*=st-key-lines_] [data-testid=stElementContainer]:has([data-testid=stPageLink])"
    "{flex:0 1 auto!important;min-width:0}"
    "[class*=st-key-lines_] [data-testid=stPageLink] :is(span,p)"
    "{overflow:hidden;text-overflow:ellipsis;white-space:nowrap}"
    "[class*=st-key-lines_] button{min-height:1.75rem;padding:0 0.25rem}"
)
# What the keyboard is at must be seen on every ground; a table is a canvas that shows no ring.
FOCUS = (
    ":is(a,button,input,textarea,select,summary,[role=tab],[role=radio],[role=button],[tabindex]):"
    "focus-visible{{outline:2px solid {accent}!important;outline-offset:1px}}"
    "[data-testid=stDataFrame]:focus-within::after{{content:'';position:absolute;inset:0;"
    "border:2px solid {accent};border-radius:6px;pointer-events:none;z-index:9}}"
)
# On paper: the page alone, at full width and at its full length, without what can be pressed.
PRINT = (
    "@media print{{"
    "[data-testid=stSidebar],[data-testid=stHeader],[data-testid=stElementToolbar],"
    ".stToastContainer,[data-testid=stExpandSidebarButton],[data-testid=stButton],"
    "[data-testid=stDownloadButton],[data-testid=stStatusWidget],.modebar-container"
    "{{display:none!important}}"
    "html,body,#root,[data-testid=stApp],[data-testid=stAppViewContainer],[data-testid=stMain],"
    "[data-testid=stMainBlockContainer]{{position:static!important;height:auto!important;"
    "min-height:0!important;overflow:visible!important;width:100%!important;"
    "max-width:none!important}}"
    "html,body,#root{{background:#FFFFFF!important}}"
    "[data-testid=stApp]{{background:{ground}!important;filter:{ink}!important}}"
    "[data-testid=stMainBlockContainer]{{padding:0!important}}"
    "[data-testid=stDataFrame],[data-testid=stPlotlyChart],[data-testid=stMetric]"
    "{{break-inside:avoid}}"
    "*{{print-color-adjust:exact}}"
    "}}"
)
# A dark page is turned over for paper, pictures on canvases included; its hues stay.
INK = {False: ("#FFFFFF", "none"), True: ("#000000", "invert(1) hue-rotate(180deg)")}
CODE = "[data-testid=stCode] code .token"
NUMBERS = "[data-testid=stCode] code .linenumber"


def inject_css() -> None:
    """Keep the header row equally tall, code readable, the focus in sight, and paper clean.

    The shell calls it.
    """
    chosen = f"{CHOSEN}{{color:#7FB0FF}}" if dark() else ""
    colours = palette(dark())
    numbers = f"{NUMBERS}{{color:{colours.muted}!important}}"
    code = f"{numbers}{CODE}{{color:{colours.text}!important}}" + "".join(
        f"{CODE}.{token}{{color:{getattr(colours, role)}!important}}"
        for token, role in TOKENS.items()
    )
    ground, ink = INK[dark()]
    paper_rules = PRINT.format(ground=ground, ink=ink)
    rules = f"{TOASTS}{FOCUS.format(accent=colours.accent)}{paper_rules}"
    st.html(f"<style>{HEADER_HEIGHT}{ONE_LINE_LISTS}{chosen}{code}{rules}</style>")


@contextmanager
def large_type(key: str) -> Iterator[None]:
    """Titles, figures and text inside are large enough to be read across a room."""
    block = f".st-key-large_{key}"
    rules = (
        f"{block} h1{{font-size:clamp(2rem,3vw,3.25rem)!important;line-height:1.15}}"
        f"{block} h4{{font-size:clamp(1.15rem,1.5vw,1.6rem)!important}}"
        f"{block} [data-testid=stMetricValue]{{font-size:clamp(2rem,3vw,3.25rem)!important}}"
    )
    st.html(f"<style>{rules}</style>")
    with st.container(key=f"large_{key}"):
        yield


def white_background(key: str) -> None:
    """Lay a filled block's frame on white: a page from elsewhere does not know of a dark one."""
    st.html(f"<style>.st-key-fill_{key} iframe{{background:#FFFFFF}}</style>")


@contextmanager
def styled_as_button(key: str) -> Iterator[None]:
    """A link among buttons, drawn like one."""
    line = palette(dark()).border
    st.html(f"<style>{BUTTON.format(key=key, line=line)}</style>")
    with st.container(key=key, width="content"):
        yield


@contextmanager
def covered_by_link(key: str) -> Iterator[None]:
    """A block whose last element, a link, covers it: a press anywhere on the block follows it."""
    block, cover = (
        f".st-key-{key}",
        "[data-testid=stElementContainer]:has([data-testid=stPageLink])",
    )
    st.html(
        f"<style>{block}{{position:relative}}"
        f"{block} {cover}{{position:absolute!important;inset:0;height:100%!important;z-index:1}}"
        f"{block} {cover} :is(div,a){{width:100%;height:100%}}"
        f"{block} [data-testid=stPageLink] a>*{{opacity:0}}</style>"
    )
    with st.container(key=key, height="stretch"):
        yield


@contextmanager
def sticky(key: str) -> Iterator[None]:
    """A block that stays at the top of the window while a longer one beside it is scrolled."""
    st.html(
        f"<style>[data-testid=stColumn]:has(.st-key-sight_{key})"
        ">[data-testid=stVerticalBlock]{height:100%}"
        f"[data-testid=stLayoutWrapper]:has(> .st-key-sight_{key})"
        "{position:sticky;top:1rem;z-index:1}</style>"
    )
    with st.container(key=f"sight_{key}"):
        yield


@contextmanager
def fill_window(
    key: str, *, reserve: float = 12, least: int = HEAD + 8 * ROW, most: int | None = None
) -> Iterator[None]:
    """A block as tall as the window less `reserve` rem for what is above and below it.

    Inside, give the one element that grows `height="stretch"`. About 8 rem for a header alone,
    12 with filters, 15 with filters and a pager. It is never taller than `most` pixels, and ends
    with a whole row of a table: a row cut in half above empty space looks as if it were the last.
    """
    whole = f"round(down,100vh - {reserve}rem - {HEAD}px,{ROW}px)"
    height = f"max(calc({whole} + {HEAD}px),{least}px)"
    if most is not None:
        height = f"min({most}px,{height})"
    st.html(f"<style>{RULE.format(key=f'fill_{key}', height=height)}</style>")
    with st.container(key=f"fill_{key}", height=500, border=False):
        yield
