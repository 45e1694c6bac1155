"""Needs a person: decisions, alerts, failed jobs and crash loops, until somebody dismisses them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd
import streamlit as st

from pilothouse_app.components.empty_state import empty, nothing_found
from pilothouse_app.components.filters import choose_many, filter_bar, switch
from pilothouse_app.components.formats import plural, title
from pilothouse_app.components.header import header
from pilothouse_app.components.links import screen
from pilothouse_app.components.live import refresh_when_changed
from pilothouse_app.components.screen import Screen
from pilothouse_app.components.table import (
    name_column,
    status_column,
    table,
    text_column,
    ticked,
    untick,
    when_column,
)
from pilothouse_app.components.table_height import table_height
from pilothouse_app.components.workspace import chosen_name, workspace
from pilothouse_app.features.attention.items import TABLE, dismiss_dialog, item_title, restore_items
from pilothouse_app.features.experiments.formatting import message_text

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pilothouse.attention import Item

SCREEN = Screen(
    title="Needs a person",
    path="attention",
    icon=":material/person_alert:",
    summary="Decisions, alerts, failed jobs and crash loops, until they are dismissed",
    section="",
    order=10,
)
KINDS = (
    *("promotion", "retraining", "alert", "deployment", "dataset", "job", "run", "version"),
    "window",
)
VIEWS = ("waiting", "for me", "dismissed")
COLUMNS = {
    "title": name_column("What", width=290),
    "state": status_column("State", width=112),
    "kind": text_column("Kind", width=96),
    "at": when_column("Since", width=110),
    "for": text_column("For", width=110),
    "message": text_column("Why"),
}
DISMISSED = {
    **{name: look for name, look in COLUMNS.items() if name != "message"},
    "by": text_column("Dismissed by", width=110),
    "dismissed_at": when_column("Dismissed", width=110),
    "reason": text_column("Reason"),
}


def render() -> None:
    """The list, and what was dismissed beside it."""
    attention = workspace().attention
    waiting = attention.items()
    with header("Needs a person", note=plural(len(waiting), "item")):
        commands = st.container(width="content")
    with filter_bar():
        view = switch("attention_view", VIEWS, "Show", format_func=title)
        kinds = choose_many("attention_kind", KINDS, "Kind", format_func=title)
    dismissed = view == "dismissed"
    with commands:
        _command(dismissed)
    items = attention.items(dismissed=True) if dismissed else waiting
    if view == "for me":
        items = _mine(items)

    refresh_when_changed(_ids, key="attention_live")
    if not items:
        _empty(view)
        return

    chosen = [item for item in items if not kinds or item.kind in kinds]
    if not chosen:
        nothing_found("items")
        return

    with table_height("attention", len(chosen), reserve=12) as height:
        table(
            _frame(chosen), DISMISSED if dismissed else COLUMNS, key=TABLE, alt="Needs a person",
            opens=("", "address"), select="many", height=height,
        )  # fmt: skip


def _mine(items: Sequence[Item]) -> list[Item]:
    """What waits for the person of this browser."""
    name = chosen_name()
    return [item for item in items if name and name in item.people]


def _ids() -> list[str]:
    return [item.id for item in workspace().attention.items()]


def _command(dismissed: bool) -> None:
    """What may be done with the ticked rows of this view; ticks of the other one do not count."""
    items = workspace().attention.items(dismissed=dismissed)
    ids = [item.id for item in items if item.id in set(ticked(TABLE))]
    count = f" ({len(ids)})" if ids else ""
    help = None if ids else "Tick rows of the table first"

    if dismissed:
        st.button(
            f"Restore{count}", type="primary", icon=":material/undo:", key="put_back",
            disabled=not ids, help=help, on_click=restore_items, args=(ids,),
        )  # fmt: skip
    elif st.button(
        f"Dismiss{count}", type="primary", icon=":material/close:", key="dismiss",
        disabled=not ids, help=help,
    ):  # fmt: skip
        dismiss_dialog(ids)


def _empty(view: str) -> None:
    untick(TABLE)
    if view == "for me":
        reason = "No vote, no mention and no assigned item is open for you."
        if not chosen_name():
            reason = "Choose your name in the menu to see what waits for you."
        empty("Nothing waits for you", reason, icon=":material/task_alt:")
        return
    if view == "dismissed":
        empty("Nothing has been dismissed", "Dismissed items are listed here and can be restored.")
        return
    empty(
        "All clear",
        "No alert is open, no job has failed, no deployment crashes and no decision waits.",
        icon=":material/task_alt:",
        to=("Open activity", screen("activity")),
    )


def _frame(items: Sequence[Item]) -> pd.DataFrame:
    rows = [
        {
            "id": item.id,
            "address": f"{item.kind}:{item.ref}",
            "title": item_title(item),
            "state": item.state,
            "kind": title(item.kind),
            "at": item.at,
            "for": ", ".join(item.people),
            "message": message_text(item.message),
            "by": item.dismissal.by if item.dismissal else "",
            "dismissed_at": item.dismissal.at if item.dismissal else None,
            "reason": item.dismissal.reason if item.dismissal else "",
        }
        for item in items
    ]

    frame = pd.DataFrame(rows)
    instants = ("at", "dismissed_at")
    return frame.assign(**{name: pd.to_datetime(frame[name], utc=True) for name in instants})
