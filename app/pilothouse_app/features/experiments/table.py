"""The rows of the run table: a page as a list or a tree, updated while something runs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import pandas as pd
import streamlit as st

from pilothouse.experiments.run_annotations import COLOUR, STARRED
from pilothouse.experiments.run_table.filters import RunFilter
from pilothouse_app.components.dialogs import run_from_callback
from pilothouse_app.components.formats import title
from pilothouse_app.components.layout import fill_window
from pilothouse_app.components.live import live
from pilothouse_app.components.query_cache import cached
from pilothouse_app.components.table import (
    badges_column,
    button_column,
    click_count,
    name_column,
    table,
)
from pilothouse_app.components.workspace import workspace
from pilothouse_app.features.experiments.bulk_actions import SWATCHES
from pilothouse_app.features.experiments.columns import ColumnCatalog, sort_by
from pilothouse_app.features.experiments.filter_text import cached_count
from pilothouse_app.features.experiments.formatting import display_frame
from pilothouse_app.features.experiments.pager import table_footer
from pilothouse_app.features.experiments.register_model import champion_runs
from pilothouse_app.features.experiments.state import State, current_state, update_state

KEY = "runs"
ACTIVE = ("running", "queued")
CHAMPION = "Champion"
STAR_ON, STAR_OFF = "★", "☆"
CLOSED, OPEN = ":material/chevron_right:", ":material/expand_more:"
NARROW, WIDE = 190, 260
INDENT = "\u2003"
MAX_CHILDREN = 100
MAX_OPEN = 20
BREADCRUMB = 3  # rem, of the way back to all groups
COMMIT = 8


def run_table(
    state: State, catalog: ColumnCatalog, run_filter: RunFilter, columns: Sequence[str], total: int
) -> None:
    """Draw a page of the matching runs, with its footer."""
    body, tree = st.container(), state.mode == "tree"
    page = table_footer(state, _roots(run_filter) if tree else total, "tree" if tree else "run")
    cache_key = f"page {state!r} {page} {columns!r}"
    frame = cached(cache_key, lambda: _page(state, run_filter, columns, page))
    draw = partial(_draw, state, catalog, columns)
    alive = list(frame.loc[frame["status"].isin(ACTIVE), "id"])

    with body:
        if not alive:
            draw(frame)
            return
        drawn_state = _refresh_state(run_filter)
        live(
            lambda: (
                _redraw(frame, _runs(replace(run_filter, ids=alive), state, columns), draw)
                and _refresh_state(run_filter) == drawn_state
            ),
            key="runs_live",
            busy=True,
        )


def _refresh_state(run_filter: RunFilter) -> tuple[int, int]:
    """The state that reruns the page when it changes: the number of active runs, and clicks."""
    return workspace().experiments.count(replace(run_filter, statuses=ACTIVE)), click_count(KEY)


def _roots(run_filter: RunFilter) -> int:
    return cached_count(replace(run_filter, roots=True))


def _page(state: State, run_filter: RunFilter, columns: Sequence[str], page: int) -> pd.DataFrame:
    if state.mode != "tree":
        return _runs(run_filter, state, columns, page, state.size)
    tops = _runs(replace(run_filter, roots=True), state, (), page, state.size)
    rows = list(_tree_rows(list(tops["id"]), 0, state, run_filter))
    ids = [row.run for row in rows]
    page_filter = RunFilter(ids=ids, archived=run_filter.archived)
    frame = _runs(page_filter, state, columns, size=max(1, len(ids))).set_index("id")
    existing = [row for row in rows if row.run in frame.index]

    return (
        frame.loc[[row.run for row in existing]]
        .reset_index()
        .assign(level=[row.level for row in existing], below=[row.below for row in existing])
    )


@dataclass(frozen=True)
class _TreeRow:
    """A run in the tree: its depth, and its number of child runs."""

    run: str
    level: int
    below: int


def _tree_rows(
    runs: list[str], level: int, state: State, run_filter: RunFilter
) -> Iterator[_TreeRow]:
    """The runs in order, the children of each open one after it, and theirs after them."""
    below = workspace().experiments.children(runs, run_filter)
    for run in runs:
        yield _TreeRow(run, level, below.get(run, 0))
        if run in below and run in state.open:
            under = _runs(replace(run_filter, parent=run), state, ())
            yield from _tree_rows(list(under["id"]), level + 1, state, run_filter)


def _runs(
    run_filter: RunFilter,
    state: State,
    columns: Sequence[str],
    page: int = 1,
    size: int = MAX_CHILDREN,
) -> pd.DataFrame:
    return workspace().experiments.runs(
        run_filter,
        state.run_order,
        descending=not state.ascending,
        page=page,
        size=size,
        columns=list(
            dict.fromkeys(
                ("name", "status", "trainer", *columns, f"tags.{STARRED}", f"tags.{COLOUR}")
            )
        ),
        as_logged=True,
    )


def _redraw(frame: pd.DataFrame, rows: pd.DataFrame, draw: Any) -> bool:
    """Draw the page with the rows that were read again; whether all of those go on."""
    whole, again = frame.set_index("id"), rows.set_index("id")
    for column in again.columns:
        whole.loc[again.index, column] = again[column]
    draw(whole.loc[frame["id"]].reset_index())
    return bool(again["status"].isin(ACTIVE).all())


def _draw(
    state: State, catalog: ColumnCatalog, columns: Sequence[str], frame: pd.DataFrame
) -> None:
    tree = state.mode == "tree"
    rows, looks = _with_marks(display_frame(frame))
    own = {column: catalog.column_config(column, state) for column in columns}
    fixed: dict[str, Any] = {
        "name": name_column(catalog.header("name", state), width=WIDE if tree else NARROW)
    }
    if tree:
        rows, fixed = _with_branches(rows, fixed)
    if "commit" in rows:
        rows["commit"] = [(commit or "")[:COMMIT] for commit in rows["commit"]]
    above = BREADCRUMB if state.in_group else 0

    with fill_window(KEY, reserve=17.2 + above, most=34 + 30 * max(1, len(frame))):
        table(
            rows,
            {**fixed, **looks, **own},
            key=KEY,
            alt="Runs",
            opens=("run", "id"),
            select="many",
            sorts=_on_sort,
            height="stretch",
        )


def _on_sort(column: str) -> None:
    if column not in ("star", "marks", "branch"):
        sort_by(column)


def _with_marks(frame: pd.DataFrame) -> tuple[pd.DataFrame, dict[str, Any]]:
    """The star to press, and badges for the champion and for colours when there are any."""
    starred, colours = frame[f"tags.{STARRED}"], frame[f"tags.{COLOUR}"]
    best = set(champion_runs())
    marks = [
        [*([CHAMPION] if run in best else []), *([title(colour)] if colour in SWATCHES else [])]
        for run, colour in zip(frame["id"], colours, strict=True)
    ]
    stars = [STAR_ON if value == "yes" else STAR_OFF for value in starred]
    rows = frame.assign(star=stars, marks=pd.Series(marks, index=frame.index, dtype="object"))
    on = set(frame.loc[starred == "yes", "id"])
    looks: dict[str, Any] = {
        "star": button_column(
            "★", partial(_toggle_star, on), width=40, help="Click to add or remove a star"
        )
    }

    if any(marks):
        badges = {CHAMPION: "violet", **{title(name): hue for name, hue in SWATCHES.items()}}
        looks["marks"] = badges_column("Marks", badges, width=96)
    return rows, looks


def _toggle_star(starred: set[str], run: str) -> None:
    run_from_callback(lambda: workspace().experiments.star([run], run not in starred))


def _with_branches(
    frame: pd.DataFrame, fixed: dict[str, Any]
) -> tuple[pd.DataFrame, dict[str, Any]]:
    """A column that opens and closes what lies under a run, and names set in by their level."""
    opened = set(current_state().open)
    cells = [
        f"{OPEN if run in opened else CLOSED} {below}" if below else None
        for run, below in zip(frame["id"], frame["below"], strict=True)
    ]
    branch = pd.Series(cells, index=frame.index, dtype="object")
    names = [
        f"{INDENT * 2 * level}{'└ ' if level else ''}{name}"
        for name, level in zip(frame["name"], frame["level"], strict=True)
    ]
    press = button_column(
        "Child runs",
        _toggle_branch,
        width=64,
        pinned=True,
        help=f"Click to show up to {MAX_CHILDREN} child runs",
    )

    return frame.assign(branch=branch, name=names), {"branch": press, **fixed}


def _toggle_branch(run: str) -> None:
    state = current_state()
    others = tuple(other for other in state.open if other != run)
    opened = (*others, run)[-MAX_OPEN:] if run not in state.open else others
    update_state(open=opened, page=state.page)
