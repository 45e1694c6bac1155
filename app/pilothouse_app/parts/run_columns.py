"""The columns of the run table: what there is, what is shown, and the popover that chooses.

A column is named as the core names it: `metrics.<key>` (its last value), `metrics.<key>@best`,
`params.<key>`, `tags.<key>`, or one of the run's own.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd
import streamlit as st

from pilothouse.experiments.metrics import metric_kind
from pilothouse_app.parts.formats import title
from pilothouse_app.parts.run_state import NEWEST, State, change, chosen, current, held
from pilothouse_app.parts.runs import BARS, favourites, metric_digits
from pilothouse_app.parts.table import (
    DOWN,
    UP,
    bar_column,
    name_column,
    number_column,
    press_column,
    status_column,
    table,
    text_column,
    when_column,
)
from pilothouse_app.parts.workspace import workspace

LAST = "last"
PARTS = (LAST, "best", "min", "max", "first")
PART_WORDS = {"last": "Last", "best": "Best", "min": "Lowest", "max": "Highest", "first": "First"}
OWN: Mapping[str, tuple[str, Callable[[str], Any]]] = {
    "status": ("Status", lambda words: status_column(words, width=92)),
    "experiment": ("Experiment", lambda words: text_column(words, width=140)),
    "trainer": ("Trainer", lambda words: text_column(words, width=170)),
    "duration_s": ("Took, s", lambda words: number_column(words, 1, width=82)),
    NEWEST: ("Created", lambda words: when_column(words, width=116)),
    "started_at": ("Started", lambda words: when_column(words, relative=False, width=140)),
    "ended_at": ("Ended", lambda words: when_column(words, relative=False, width=140)),
    "user": ("By", lambda words: text_column(words, width=90)),
    "source": ("Source", lambda words: text_column(words, width=170)),
    "commit": ("Commit", lambda words: text_column(words, width=90)),
    "dirty": ("Modified code", lambda words: text_column(words, width=90)),
    "seed": ("Seed", lambda words: number_column(words, 0, width=80)),
    "note": ("Note", lambda words: text_column(words, width=200)),
    "error": ("Error", lambda words: text_column(words, width=200)),
    "id": ("Id", lambda words: text_column(words, width=250)),
}
KINDS = {"metrics": "Metric", "params": "Parameter", "tags": "Tag"}
MOST_DIFFERING = 24


@dataclass(frozen=True)
class Catalog:
    """The keys there are to choose from."""

    metrics: tuple[str, ...]
    params: tuple[str, ...]
    tags: tuple[str, ...]

    def columns(self) -> list[str]:
        """Every column, the run's own last."""
        found = [f"metrics.{key}" for key in self.metrics]
        found += [f"params.{key}" for key in self.params]
        return [*found, *(f"tags.{key}" for key in self.tags), *OWN]


def catalog() -> Catalog:
    """What the workspace's runs have."""
    room = workspace().experiments
    return Catalog(tuple(room.metric_keys()), tuple(room.param_keys()), tuple(room.tag_keys()))


def shown_columns(state: State, known: Catalog) -> list[str]:
    """The columns to draw, in order: the chosen ones, the usual ones, or the ones that differ."""
    if state.differ:
        differing = list(workspace().experiments.differing(state.meant))
        return [*differing[:MOST_DIFFERING], "duration_s", NEWEST]
    return list(state.columns) or usual_columns(state, known)


def usual_columns(state: State, known: Catalog) -> list[str]:
    """What is shown when nobody chose: the metrics everybody knows, and how and when it ran."""
    alone = state.experiment and not _is_node(state.experiment)
    about = ["status", *([] if alone else ["experiment"]), "trainer"]
    return [*about, *(f"metrics.{key}" for key in favourites(known.metrics)), "duration_s", NEWEST]


def _is_node(path: str) -> bool:
    return any(node.path.startswith(f"{path}/") for node in workspace().experiments.tree())


def words_of(column: str) -> str:
    """A column's name as a reader's words: `Best ROC AUC`."""
    if column in OWN:
        return OWN[column][0]
    if column == "name":
        return "Run"
    kind, _, key = column.partition(".")
    if kind != "metrics":
        return title(key)
    key, part = metric_part(key)
    words = metric_kind(key).title
    return (
        words
        if part == LAST
        else f"{PART_WORDS[part]} {words[:1].lower() + words[1:]}"
        if (words[1:2].islower())
        else f"{PART_WORDS[part]} {words}"
    )


def metric_part(key: str) -> tuple[str, str]:
    """A metric column's key and which of its values is meant."""
    head, _, part = key.rpartition("@")
    return (head, part) if head and part in PARTS else (key, LAST)


def look_of(column: str, state: State) -> Any:
    """How a column is drawn; the one that sorts says so in its head."""
    words = words_of(column)
    if column == state.sort:
        words = f"{words} {UP if state.rising else DOWN}"
    if column in OWN:
        return OWN[column][1](words)
    kind, _, key = column.partition(".")
    if kind != "metrics":
        return text_column(words, width=110)
    key, part = metric_part(key)
    if key in BARS and part == LAST:
        return bar_column(words, BARS[key], 1.0, width=124)
    return number_column(words, metric_digits(key), width=118)


def sort_by(column: str) -> None:
    """What a click on a head does: sort by it, its better end first; a second click turns it."""
    state = current()
    if column == state.sort:
        change(rising=not state.rising)
        return
    kind, _, key = column.partition(".")
    lower = kind == "metrics" and metric_kind(metric_part(key)[0]).direction == "lower"
    change(sort=column, rising=lower or column in ("name", "experiment", "trainer", "status"))


def columns_popover(state: State, known: Catalog) -> None:
    """Choose and order what is shown, and what it is sorted by."""
    popover = st.popover(
        "Columns", icon=":material/view_column:", key="runs_columns_open", on_change="rerun"
    )
    if not popover.open:
        return
    with popover:
        st.toggle(
            "Only what differs",
            key=held("runs_differ", state.differ),
            on_change=chosen,
            args=("runs_differ", "differ"),
            help="Parameters, metrics and tags in which the newest 500 of these runs differ",
        )
        _sort(state, known)
        if not state.differ:
            _choice(state, known)


def _sort(state: State, known: Catalog) -> None:
    options = ["name", *known.columns()]
    if state.sort not in options:
        options.append(state.sort)
    with st.container(horizontal=True, vertical_alignment="bottom"):
        st.selectbox(
            "Sort by",
            options,
            format_func=words_of,
            key=held("runs_sort", state.sort),
            on_change=chosen,
            args=("runs_sort", "sort"),
            width=250,
        )
        st.segmented_control(
            "Order",
            [False, True],
            format_func=lambda rising: UP if rising else DOWN,
            key=held("runs_rising", state.rising),
            required=True,
            on_change=chosen,
            args=("runs_rising", "rising"),
            label_visibility="collapsed",
        )


def _choice(state: State, known: Catalog) -> None:
    shown = shown_columns(state, known)
    with st.container(horizontal=True, vertical_alignment="bottom"):
        st.selectbox(
            "Add a column",
            [column for column in known.columns() if column not in shown],
            index=None,
            format_func=_kind_and_words,
            placeholder="Metric, parameter, tag, …",
            key=held("runs_add", None),
            on_change=_add,
            args=(shown,),
            width=250,
        )
        st.button("Usual", on_click=change, kwargs={"columns": ()}, key="runs_usual",
                  disabled=not state.columns, help="Show the usual columns")  # fmt: skip
    frame = pd.DataFrame(
        {
            "id": shown,
            "column": [words_of(column) for column in shown],
            "kind": [KINDS.get(column.partition(".")[0], "Run") for column in shown],
            "first": [":material/arrow_upward:"] * len(shown),
            "later": [":material/arrow_downward:"] * len(shown),
            "value": [_next_part(column) for column in shown],
            "off": [":material/close:"] * len(shown),
        }
    )
    looks = {
        "column": name_column("Shown", width=170),
        "value": press_column("Value", lambda column: _turn(shown, column), width=72,
                              help="Which value of a metric: last, best, lowest, highest, first"),
        "first": press_column("", lambda column: _move(shown, column, -1)),
        "later": press_column(" ", lambda column: _move(shown, column, 1)),
        "off": press_column("  ", lambda column: _drop(shown, column)),
    }  # fmt: skip
    table(frame, looks, key="runs_chosen", alt="Columns that are shown", height=320)


def _kind_and_words(column: str) -> str:
    return f"{KINDS.get(column.partition('.')[0], 'Run')}: {words_of(column)}"


def _next_part(column: str) -> str | None:
    kind, _, key = column.partition(".")
    return PART_WORDS[metric_part(key)[1]] if kind == "metrics" else None


def _add(shown: list[str]) -> None:
    added = st.session_state["runs_add"]
    if added:
        change(columns=(*shown, added))


def _move(shown: list[str], column: str, by: int) -> None:
    place = shown.index(column)
    left = [each for each in shown if each != column]
    left.insert(max(0, place + by), column)
    change(columns=tuple(left))


def _drop(shown: list[str], column: str) -> None:
    change(columns=tuple(each for each in shown if each != column) or (NEWEST,))


def _turn(shown: list[str], column: str) -> None:
    """The next of a metric's values in place of this one."""
    kind, _, key = column.partition(".")
    if kind != "metrics":
        return
    key, part = metric_part(key)
    following = PARTS[(PARTS.index(part) + 1) % len(PARTS)]
    turned = f"metrics.{key}" if following == LAST else f"metrics.{key}@{following}"
    change(columns=tuple(dict.fromkeys(turned if each == column else each for each in shown)))
