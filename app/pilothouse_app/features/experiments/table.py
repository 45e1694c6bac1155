"""The rows of the run table: a page as a list or as a tree, kept fresh while something runs."""

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
from pilothouse_app.components.layout import fill
from pilothouse_app.components.live import live
from pilothouse_app.components.query_cache import cached
from pilothouse_app.components.table import badges_column, name_column, press_column, table, touched
from pilothouse_app.components.workspace import workspace
from pilothouse_app.features.experiments.bulk_actions import SWATCHES
from pilothouse_app.features.experiments.columns import Catalog, sort_by
from pilothouse_app.features.experiments.filter_text import count_of
from pilothouse_app.features.experiments.formatting import as_words
from pilothouse_app.features.experiments.pager import table_footer
from pilothouse_app.features.experiments.register_model import champions
from pilothouse_app.features.experiments.state import State, change, current

KEY = "runs"
ALIVE = ("running", "queued")
CHAMPION = "Champion"
STAR_ON, STAR_OFF = "★", "☆"
CLOSED, OPEN = ":material/chevron_right:", ":material/expand_more:"
NARROW, WIDE = 190, 260
INDENT = "\u2003"
MAX_CHILDREN = 100
MAX_OPEN = 20
TRAIL = 3  # rem, of the way back to all groups
COMMIT = 8


def run_rows(
    state: State, known: Catalog, meant: RunFilter, columns: Sequence[str], found: int
) -> None:
    """Draw a page of the runs that are meant, with its foot."""
    body, tree = st.container(), state.mode == "tree"
    page = table_footer(state, _roots(meant) if tree else found, "tree" if tree else "run")
    asked = f"page {state!r} {page} {columns!r}"
    frame = cached(asked, lambda: _page(state, meant, columns, page))
    draw = partial(_draw, state, known, columns)
    alive = list(frame.loc[frame["status"].isin(ALIVE), "id"])
    with body:
        if not alive:
            draw(frame)
            return
        seen = _pulse(meant)
        live(
            lambda: (
                _fresh(frame, _runs(replace(meant, ids=alive), state, columns), draw)
                and _pulse(meant) == seen
            ),
            key="runs_live",
            busy=True,
        )


def _pulse(meant: RunFilter) -> tuple[int, int]:
    """What the page must run for: another run is alive or none is, or somebody clicked."""
    return workspace().experiments.count(replace(meant, statuses=ALIVE)), touched(KEY)


def _roots(meant: RunFilter) -> int:
    return count_of(replace(meant, roots=True))


def _page(state: State, meant: RunFilter, columns: Sequence[str], page: int) -> pd.DataFrame:
    if state.mode != "tree":
        return _runs(meant, state, columns, page, state.size)
    tops = _runs(replace(meant, roots=True), state, (), page, state.size)
    places = list(_grown(list(tops["id"]), 0, state, meant))
    ids = [place.run for place in places]
    found = RunFilter(ids=ids, archived=meant.archived)
    frame = _runs(found, state, columns, size=max(1, len(ids))).set_index("id")
    there = [place for place in places if place.run in frame.index]
    return (
        frame.loc[[place.run for place in there]]
        .reset_index()
        .assign(level=[place.level for place in there], below=[place.below for place in there])
    )


@dataclass(frozen=True)
class _Place:
    """A run in the tree: how deep it stands, and how many stand right under it."""

    run: str
    level: int
    below: int


def _grown(runs: list[str], level: int, state: State, meant: RunFilter) -> Iterator[_Place]:
    """The runs in order, the children of each open one after it, and theirs after them."""
    below = workspace().experiments.children(runs, meant)
    for run in runs:
        yield _Place(run, level, below.get(run, 0))
        if run in below and run in state.open:
            under = _runs(replace(meant, parent=run), state, ())
            yield from _grown(list(under["id"]), level + 1, state, meant)


def _runs(
    meant: RunFilter, state: State, columns: Sequence[str], page: int = 1, size: int = MAX_CHILDREN
) -> pd.DataFrame:
    return workspace().experiments.runs(
        meant,
        state.run_order,
        descending=not state.rising,
        page=page,
        size=size,
        columns=list(
            dict.fromkeys(
                ("name", "status", "trainer", *columns, f"tags.{STARRED}", f"tags.{COLOUR}")
            )
        ),
        as_logged=True,
    )


def _fresh(frame: pd.DataFrame, rows: pd.DataFrame, draw: Any) -> bool:
    """Draw the page with the rows that were read again; whether all of those go on."""
    whole, again = frame.set_index("id"), rows.set_index("id")
    for column in again.columns:
        whole.loc[again.index, column] = again[column]
    draw(whole.loc[frame["id"]].reset_index())
    return bool(again["status"].isin(ALIVE).all())


def _draw(state: State, known: Catalog, columns: Sequence[str], frame: pd.DataFrame) -> None:
    tree = state.mode == "tree"
    shown, looks = _with_marks(as_words(frame))
    own = {column: known.look(column, state) for column in columns}
    fixed: dict[str, Any] = {
        "name": name_column(known.head("name", state), width=WIDE if tree else NARROW)
    }
    if tree:
        shown, fixed = _with_branches(shown, fixed)
    if "commit" in shown:
        shown["commit"] = [(commit or "")[:COMMIT] for commit in shown["commit"]]
    above = TRAIL if state.inside else 0
    with fill(KEY, reserve=17.2 + above, most=34 + 30 * max(1, len(frame))):
        table(
            shown,
            {**fixed, **looks, **own},
            key=KEY,
            alt="Runs",
            opens=("run", "id"),
            select="many",
            sorts=_sorts,
            height="stretch",
        )


def _sorts(column: str) -> None:
    if column not in ("star", "marks", "branch"):
        sort_by(column)


def _with_marks(frame: pd.DataFrame) -> tuple[pd.DataFrame, dict[str, Any]]:
    """The star to press, and badges for the champion and for colours when there are any."""
    starred, colours = frame[f"tags.{STARRED}"], frame[f"tags.{COLOUR}"]
    best = set(champions())
    marks = [
        [*([CHAMPION] if run in best else []), *([title(colour)] if colour in SWATCHES else [])]
        for run, colour in zip(frame["id"], colours, strict=True)
    ]
    stars = [STAR_ON if value == "yes" else STAR_OFF for value in starred]
    shown = frame.assign(star=stars, marks=pd.Series(marks, index=frame.index, dtype="object"))
    on = set(frame.loc[starred == "yes", "id"])
    looks: dict[str, Any] = {
        "star": press_column(
            "★", partial(_turn_star, on), width=40, help="Press to put or take a star"
        )
    }
    if any(marks):
        words = {CHAMPION: "violet", **{title(name): hue for name, hue in SWATCHES.items()}}
        looks["marks"] = badges_column("Marks", words, width=96)
    return shown, looks


def _turn_star(starred: set[str], run: str) -> None:
    run_from_callback(lambda: workspace().experiments.star([run], run not in starred))


def _with_branches(
    frame: pd.DataFrame, fixed: dict[str, Any]
) -> tuple[pd.DataFrame, dict[str, Any]]:
    """A column that opens and closes what lies under a run, and names set in by their level."""
    opened = set(current().open)
    cells = [
        f"{OPEN if run in opened else CLOSED} {below}" if below else None
        for run, below in zip(frame["id"], frame["below"], strict=True)
    ]
    branch = pd.Series(cells, index=frame.index, dtype="object")
    names = [
        f"{INDENT * 2 * level}{'└ ' if level else ''}{name}"
        for name, level in zip(frame["name"], frame["level"], strict=True)
    ]
    press = press_column(
        "Under",
        _turn_branch,
        width=64,
        pinned=True,
        help=f"Press to see the runs under a run, {MAX_CHILDREN} of them at most",
    )
    return frame.assign(branch=branch, name=names), {"branch": press, **fixed}


def _turn_branch(run: str) -> None:
    state = current()
    others = tuple(each for each in state.open if each != run)
    opened = (*others, run)[-MAX_OPEN:] if run not in state.open else others
    change(open=opened, page=state.page)
