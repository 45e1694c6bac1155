"""Environments: what models run in, with its state, its size and who uses it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pilothouse.environments.tables import CHECKING, IN_PROGRESS, STATES
from pilothouse_app.components.empty_state import empty, nothing_found
from pilothouse_app.components.filters import choose_or_all, filter_bar, search
from pilothouse_app.components.formats import plural, size
from pilothouse_app.components.header import header
from pilothouse_app.components.live import live
from pilothouse_app.components.query_cache import cached
from pilothouse_app.components.screen import Screen
from pilothouse_app.components.status import status_title
from pilothouse_app.components.table import (
    bytes_column,
    name_column,
    number_column,
    status_column,
    table,
    text_column,
    when_column,
)
from pilothouse_app.components.table_height import table_height
from pilothouse_app.components.workspace import workspace
from pilothouse_app.features.environments.commands import collect_button

if TYPE_CHECKING:
    import pandas as pd

SCREEN = Screen(
    title="Environments",
    path="environments",
    icon=":material/inventory_2:",
    summary="What models run in: packages, size, and which versions use it",
    section="Operate",
    order=40,
)
BUSY = (*IN_PROGRESS, CHECKING)


def render() -> None:
    """The list, redrawn while something is built."""
    rows = _rows()
    taken = size(_disk_bytes()) if len(rows) else ""
    note = plural(len(rows), "environment") + (f", {taken}" if taken else "")
    with header("Environments", note=note):
        if (rows["state"].isin(("built", "ready"))).any():
            collect_button()
    if rows.empty:
        empty(
            "No environments yet",
            "A model that another program wrote gets one with the packages that it needs.",
            icon=":material/inventory_2:",
        )
        return

    with filter_bar():
        text = search("environments_q", "Version, id or message")
        state = choose_or_all(
            "environments_state", STATES, "All states", format_func=status_title, width=150
        )
    if _matching(rows, text, state).empty:
        nothing_found("environments")
        return
    live(lambda: _table(text, state), key="environments_live", busy=_is_busy(rows))


def _rows() -> pd.DataFrame:
    return cached("environments", lambda: workspace().environments.environments())


def _disk_bytes() -> int:
    """What all take on the disk; every file is looked at, so it is not counted at each draw."""
    return cached("environments on disk", lambda: workspace().environments.disk_bytes())


def _table(text: str, state: str | None) -> bool:
    """The rows that match; whether any is under way."""
    rows = _rows()
    matching = _matching(rows, text, state)
    matching = matching.assign(name=matching["subjects"].where(matching["subjects"] != "", "–"))  # noqa: RUF001
    sizes = ["packages", "bytes", "own_bytes"]  # of one that is not built there is none
    matching[sizes] = matching[sizes].where(matching[sizes] > 0)
    with table_height("environments", len(matching)) as height:
        table(
            matching,
            {
                "id": name_column("Environment", width=130),
                "state": status_column(),
                "python": text_column("Python", width=70),
                "packages": number_column("Packages", 0, width=84),
                "bytes": bytes_column(),
                "own_bytes": bytes_column("Not shared"),
                "name": text_column("Model versions", width=160),
                "message": text_column("Message", width=230),
                "used_at": when_column("Last used", width=120),
            },
            key="environments",
            alt="Environments",
            opens=("environment", "id"),
            height=height,
        )
    return _is_busy(rows)


def _matching(rows: pd.DataFrame, text: str, state: str | None) -> pd.DataFrame:
    if state:
        rows = rows[rows["state"] == state]
    if text:
        joined = rows["id"] + " " + rows["subjects"] + " " + rows["message"]
        rows = rows[joined.str.lower().str.contains(text.lower(), regex=False)]
    return rows


def _is_busy(rows: pd.DataFrame) -> bool:
    return bool(rows["state"].isin(BUSY).any())
