"""Activity: who did what to which object, when and why, and whether the log is whole."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import streamlit as st

from pilothouse_app.components.diff import changes_table
from pilothouse_app.components.empty_state import empty, nothing_found
from pilothouse_app.components.filters import choose_or_all, days, filter_bar, pager, search
from pilothouse_app.components.formats import plural, title, when
from pilothouse_app.components.header import header
from pilothouse_app.components.layout import fill_window
from pilothouse_app.components.links import ICONS, address, link, screen
from pilothouse_app.components.markdown import literal
from pilothouse_app.components.records import records
from pilothouse_app.components.screen import Screen
from pilothouse_app.components.table import table, text_column, when_column
from pilothouse_app.components.workspace import workspace

if TYPE_CHECKING:
    import pandas as pd

    from pilothouse.activity.chain import ChainState

SCREEN = Screen(
    title="Activity",
    path="activity",
    icon=":material/history:",
    summary="Audit log: every command with who, what, when and why",
    section="Govern",
    order=10,
)
SIZE = 50
SPANS = {"1 h": timedelta(hours=1), "24 h": timedelta(days=1), "7 d": timedelta(days=7),
         "30 d": timedelta(days=30)}  # fmt: skip
DAYS = "days"
COLUMNS = {
    "at": when_column("When", width=104),
    "actor": text_column("Who", width=84),
    "verb": text_column("What", width=92),
    "kind": text_column("Kind", width=88),
    "name": text_column("Object", width=168),
    "reason": text_column("Reason"),
}


def render() -> None:
    """The log, filtered and paged, with the chosen entry beside it."""
    ws = workspace()
    total = ws.activity.count()
    with header("Activity", note=f"audit log, {plural(total, 'entry', 'entries')}"):
        routine = _routine_switch()
        _chain_badge(_chain(str(ws.folder), total))

    if not total:
        empty(
            "The audit log is empty",
            "Every command is recorded here: registering data, training, promoting, launching.",
            to=("Register a dataset", screen("data")),
        )
        return

    filters = {**_filters(ws.activity.facets()), "routine": routine}
    matching = ws.activity.count(**filters)
    if not matching:
        hidden = not routine and ws.activity.count(**{**filters, "routine": True})
        nothing_found("entries", more="Routine entries are hidden." if hidden else "")
        return

    body = st.container()
    page = pager(matching, key="activity_page", size=SIZE)
    with body:
        _log_and_entry(ws.activity.entries(**filters, page=page, size=SIZE), paged=matching > SIZE)


@st.cache_data(ttl=60, max_entries=4, show_spinner=False)
def _chain(folder: str, entries: int) -> tuple[bool, str]:
    """Walked again when the log has grown, and once a minute."""
    state: ChainState = workspace().activity.verify()
    return state.intact, state.message


def _routine_switch() -> bool:
    return st.toggle(
        "Routine entries",
        key="activity_routine",
        help="Automatic entries: windows evaluated, jobs that a schedule submits",
        on_change=_first_page,
        bind="query-params",
        persist_state="session",
        width="content",
    )


def _first_page() -> None:
    st.session_state["activity_page"] = 1


def _chain_badge(chain: tuple[bool, str]) -> None:
    intact, message = chain
    st.badge(
        "Chain verified" if intact else "Chain broken",
        icon=":material/verified:" if intact else ":material/gpp_bad:",
        color="green" if intact else "red",
        help=f"Each entry's hash covers the entry before it: {message}.",
    )


def _filters(facets: dict[str, list[str]]) -> dict[str, Any]:
    resets = "activity_page"
    with filter_bar():
        return {
            "search": search("activity_q", "Name, reason or person", resets=resets, width=220),
            "kind": _one_of("kind", facets, "All objects"),
            "verb": _one_of("verb", facets, "All actions"),
            "actor": _one_of("actor", facets, "Everyone"),
            **_span(),
        }


def _span() -> dict[str, datetime | None]:
    """The last hours or days, or a span of days from a calendar."""
    options = (*SPANS, DAYS)
    span = choose_or_all(
        "activity_span",
        options,
        "Any time",
        format_func=_span_title,
        resets="activity_page",
        width=140,
    )
    if span == DAYS:
        since, until = days("activity_days", "Days, in UTC", resets="activity_page")
        return {"since": since, "until": until}

    return {"since": datetime.now(UTC) - SPANS[span] if span else None}


def _span_title(span: str) -> str:
    return "Choose days" if span == DAYS else f"Last {span}"


def _one_of(facet: str, facets: dict[str, list[str]], everything: str) -> str:
    format_func = str if facet == "actor" else title
    key, resets = f"activity_{facet}", "activity_page"
    return choose_or_all(
        key, facets[facet], everything, format_func=format_func, resets=resets, width=140
    )


def _log_and_entry(entries: pd.DataFrame, *, paged: bool) -> None:
    rows = entries.assign(
        verb=[title(verb) for verb in entries["verb"]],
        kind=[title(kind) for kind in entries["kind"]],
    )
    log, entry = st.columns([70, 30], gap="medium")
    with log, fill_window("activity", reserve=15 if paged else 12):
        ticked = table(
            rows, COLUMNS, key="activity", alt="Activity", ids="seq", select="one",
            height="stretch",
        )  # fmt: skip
    with entry:
        _entry(_chosen(entries, ticked))


def _chosen(entries: pd.DataFrame, ticked: list[str]) -> dict[str, Any]:
    """The ticked entry when it is on this page, else the newest one of the page."""
    rows = {str(row["seq"]): row for row in records(entries)}
    return next((rows[seq] for seq in reversed(ticked) if seq in rows), next(iter(rows.values())))


def _entry(entry: dict[str, Any]) -> None:
    kind, ref = str(entry["kind"]), str(entry["ref"])
    with st.container(border=True, key="activity_entry"):
        st.markdown(f"**{title(entry['verb'])} {kind}** &nbsp;:gray[No. {entry['seq']}]")
        link(address(kind, ref), literal(str(entry["name"])), icon=ICONS.get(kind))
        st.markdown(f":gray[{when(entry['at'])} · {literal(entry['actor'])}]")
        if entry["reason"]:
            st.markdown(f"> {literal(entry['reason'])}")
        changes_table(entry["before"], entry["after"])
        st.markdown(f":gray[Hash] `{str(entry['hash'])[:16]}…`")
