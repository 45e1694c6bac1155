"""The events of a model, or of all, as a chart and a table: filtered, and by page."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

import streamlit as st

from pilothouse.governance.event_sources import KINDS
from pilothouse_app.charts.event_lanes import event_lanes
from pilothouse_app.components.charting import dark, figure
from pilothouse_app.components.empty_state import empty, nothing_found
from pilothouse_app.components.filters import choose_many, filter_bar, pager
from pilothouse_app.components.formats import plural
from pilothouse_app.components.table import name_column, table, text_column, when_column
from pilothouse_app.components.workspace import workspace
from pilothouse_app.features.experiments.formatting import message_text

if TYPE_CHECKING:
    import pandas as pd

SIZE, MOST_MARKS = 50, 500
TITLES = {
    "promotion": "Promotions", "stage": "Stages", "version": "Versions",
    "deployment": "Deployments", "alert": "Alerts", "retraining": "Retrainings", "data": "Data",
    "settings": "Settings",
}  # fmt: skip
COLUMNS = {
    "title": name_column("What", width=400),
    "at": when_column("When", relative=False, width=136),
    "lane": text_column("Kind", width=92),
    "by": text_column("Who", width=80),
    "reason": text_column("Why"),
}


def kinds_filter(key: str) -> list[str]:
    """The kinds of event that are chosen; none means all."""
    return choose_many(f"{key}_kind", KINDS, "Kind", format_func=_title, resets=f"{key}_page")


def event_list(
    key: str,
    kinds: list[str],
    *,
    model: str | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
    nothing: str = "Nothing has happened yet",
) -> None:
    """The chart of the newest events, and a page of them as rows that open their objects."""
    governance = workspace().governance
    total = governance.timeline_count(model, kinds=kinds, since=since, until=until)
    if not total:
        if kinds:
            nothing_found("events")
        else:
            empty(nothing, "Promotions, deployments, alerts, retrainings and data come here.")
        return

    marks = governance.timeline(model, kinds=kinds, since=since, until=until, size=MOST_MARKS)
    newest = f"the newest {MOST_MARKS} of " if total > MOST_MARKS else ""
    st.markdown(f":gray[{newest}{plural(total, 'event')}]")
    lanes = _with_lanes(marks)
    lanes["order"] = [KINDS.index(kind) for kind in lanes["kind"]]
    figure(
        event_lanes(lanes.sort_values("order", kind="stable"), dark=dark()),
        key=f"{key}_lanes",
        height=90 + 26 * lanes["kind"].nunique(),
        alt="When each event happened, by kind",
    )

    body = st.container()
    page = pager(total, key=f"{key}_page", size=SIZE)
    rows = governance.timeline(model, kinds=kinds, since=since, until=until, page=page, size=SIZE)
    with body:
        table(
            _with_lanes(rows).assign(reason=[message_text(text) for text in rows["reason"]]),
            COLUMNS, key=key, alt="Events", ids="address", opens=("", "address"),
        )  # fmt: skip


def _with_lanes(rows: pd.DataFrame) -> pd.DataFrame:
    refs = zip(rows["object_kind"], rows["ref"], strict=True)
    return rows.assign(
        lane=[_title(kind) for kind in rows["kind"]],
        address=[f"{kind}:{ref}" for kind, ref in refs],
    )


def _title(kind: str) -> str:
    return TITLES[kind]


def model_history(model: str) -> None:
    """The history of one model."""
    with filter_bar():
        kinds = kinds_filter("history")
    event_list("history", kinds, model=model)
