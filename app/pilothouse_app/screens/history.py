"""History: what was in production on a date and why, and what changed in a span of days."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pandas as pd
import streamlit as st

from pilothouse_app.components.empty_state import empty
from pilothouse_app.components.filters import (
    choose_one,
    days,
    end_of_day,
    filter_bar,
    switch,
)
from pilothouse_app.components.formats import day, plural, when
from pilothouse_app.components.header import header
from pilothouse_app.components.links import address, link, screen
from pilothouse_app.components.markdown import literal
from pilothouse_app.components.screen import Screen
from pilothouse_app.components.table import name_column, table, text_column, when_column
from pilothouse_app.components.workspace import workspace
from pilothouse_app.features.archives.workspace_archive import archive_button
from pilothouse_app.features.experiments.formatting import message_text
from pilothouse_app.features.governance.events import event_list, kinds_filter
from pilothouse_app.features.governance.evidence_packs import pack_button

if TYPE_CHECKING:
    from collections.abc import Sequence

    from streamlit.delta_generator import DeltaGenerator

    from pilothouse.governance import ProductionVersion, ServedThen

SCREEN = Screen(
    title="History",
    path="history",
    icon=":material/event_note:",
    summary="What was in production on a date and why, and what changed",
    section="Govern",
    order=5,
)
VIEWS = {"production": "In production", "changes": "What changed"}
SPANS = {"7": "The last 7 days", "30": "The last 30 days", "365": "The last 365 days"}
DAYS = "days"
NO_PROMOTION = "Moved without a promotion, by a client of another registry or an import"
COLUMNS = {
    "version": name_column("Version", width=150),
    "since": when_column("Since", relative=False, width=136),
    "by": text_column("Decided by", width=88),
    "served": text_column("Served by", width=150),
    "why": text_column("Why"),
}


def render() -> None:
    """Production on the chosen date with the decisions behind it, or the changes of some days."""
    with header("History"):
        archive_button()
    with filter_bar():
        view = switch("history_view", tuple(VIEWS), "View", format_func=VIEWS.__getitem__)
        filters = st.container(horizontal=True, vertical_alignment="center", gap="small")
    if view == "changes":
        _changes(filters)
    else:
        _production(filters)


def _changes(filters: DeltaGenerator) -> None:
    """What changed in all models, without routine work."""
    with filters:
        options = (*SPANS, DAYS)
        span = choose_one(
            "history_span", options, "When", default=options[0], format_func=_span_title,
            resets="changes_page", width=170,
        )  # fmt: skip
        since, until = _days(span)
        pack_button(since=since, until=until)
    kinds = kinds_filter("changes")
    event_list("changes", kinds, since=since, until=until, nothing="Nothing changed in these days")


def _span_title(span: str) -> str:
    return SPANS.get(span, "Choose days")


def _days(span: str) -> tuple[datetime | None, datetime | None]:
    if span == DAYS:
        return days("history_days", "Days, in UTC", resets="changes_page")
    return datetime.now(UTC) - timedelta(days=int(span)), None


def _production(filters: DeltaGenerator) -> None:
    with filters:
        until = end_of_day("history_day", "On this day")
        st.markdown(f":gray[{_moment(until)}]")
    versions = workspace().governance.in_production(until)
    if not versions:
        _empty(until)
        return
    left, right = st.columns([64, 36], gap="medium")
    with left:
        st.markdown(f":gray[{plural(len(versions), 'version')} in production]")
        ticked = table(
            _frame(versions), COLUMNS, key="production", alt="In production", ids="ref",
            opens=("version", "ref"), select="one",
        )  # fmt: skip
    with right:
        _decision(next((v for v in versions if v.ref in ticked), versions[0]))


def _moment(until: datetime | None) -> str:
    if until is None:
        return "now; choose a day to look back"
    return f"at the end of {day(until - timedelta(days=1))}, UTC"


def _empty(until: datetime | None) -> None:
    if until is None:
        empty(
            "Nothing is in production",
            "A version is in production once a promotion to it is accepted.",
            to=("Open the registry", screen("registry")),
        )
        return
    empty("Nothing was in production", f"No version was in production {_moment(until)}.")


def _frame(versions: Sequence[ProductionVersion]) -> pd.DataFrame:
    frame = pd.DataFrame(
        {
            "ref": [version.ref for version in versions],
            "version": [f"{version.model} {version.version}" for version in versions],
            "since": [version.since for version in versions],
            "by": [version.by for version in versions],
            "why": [message_text(version.reason) for version in versions],
            "served": [
                ", ".join(served.deployment for served in version.served_by) for version in versions
            ],
        }
    )
    return frame.assign(since=pd.to_datetime(frame["since"], utc=True))


def _decision(version: ProductionVersion) -> None:
    """The version with what it was decided on, and what served it."""
    with st.container(border=True, key="production_decision"):
        st.markdown(f"**{literal(version.model)} {version.version}**")
        st.markdown(
            f":gray[In production since {when(version.since)}, decided by] {literal(version.by)}"
        )
        st.markdown(f"> {literal(message_text(version.reason)) or ':gray[No reason was given]'}")
        if version.requested_by:
            st.markdown(
                f":gray[Requested by] {literal(version.requested_by)}"
                f"  \n{literal(message_text(version.requested_reason))}"
            )
        if version.promotion:
            to = address("promotion", version.promotion)
            link(to, "Promotion with its evidence", icon=":material/how_to_vote:")
            st.markdown(f":gray[Evidence] `{version.evidence[:16]}…`")
        else:
            st.markdown(f":gray[{NO_PROMOTION}]")
        st.markdown(f":gray[Model file] `{version.digest[:16]}…`")
        _served(version.served_by)


def _served(served_by: Sequence[ServedThen]) -> None:
    if not served_by:
        st.markdown(":gray[No deployment served it then]")
        return
    for served in served_by:
        link(address("deployment", served.deployment), served.deployment,
             icon=":material/rocket_launch:")  # fmt: skip
        elsewhere = ", served elsewhere" if served.external else ""
        st.markdown(
            f":gray[Revision {served.revision}, {served.action} {when(served.since)} by "
            f"{literal(served.by)}{elsewhere}]"
        )
