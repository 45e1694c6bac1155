"""The columns of the run table: what there is, what is shown, and the popover that chooses.

A column is named as the core names it: `metrics.<key>` (its last value), `metrics.<key>@best`,
`params.<key>`, `tags.<key>`, or one of the run's own.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pandas as pd
import streamlit as st

from pilothouse.experiments.run_table.default_columns import DefaultColumns
from pilothouse.experiments.run_table.filters import RESERVED
from pilothouse.experiments.run_table.tree import ExperimentNode
from pilothouse.kit.errors import Invalid
from pilothouse_app.components.query_cache import cached
from pilothouse_app.components.table import (
    DOWN,
    UP,
    bar_column,
    number_column,
    press_column,
    status_column,
    table,
    text_column,
    when_column,
)
from pilothouse_app.components.workspace import workspace
from pilothouse_app.features.experiments.formatting import BARS
from pilothouse_app.features.experiments.state import (
    NEWEST,
    State,
    change,
    chosen,
    current,
    sync_widget,
)

if TYPE_CHECKING:
    from pilothouse.experiments.metrics.definitions import MetricKinds

LAST = "last"
PARTS = (LAST, "best", "min", "max", "first")
PART_WORDS = {"last": "Last", "best": "Best", "min": "Lowest", "max": "Highest", "first": "First"}
OWN: Mapping[str, tuple[str, Callable[[str], Any]]] = {
    "status": ("Status", lambda words: status_column(words, width=92)),
    "experiment": ("Experiment", lambda words: text_column(words, width=150)),
    "trainer": ("Trainer", lambda words: text_column(words, width=172)),
    "duration_s": ("Took, s", lambda words: number_column(words, 1, width=84)),
    NEWEST: ("Created", lambda words: when_column(words, width=104)),
    "started_at": ("Started", lambda words: when_column(words, relative=False, width=144)),
    "ended_at": ("Ended", lambda words: when_column(words, relative=False, width=144)),
    "user": ("By", lambda words: text_column(words, width=90)),
    "source": ("Source", lambda words: text_column(words, width=170)),
    "commit": ("Commit", lambda words: text_column(words, width=90)),
    "dirty": ("Modified code", lambda words: text_column(words, width=110)),
    "seed": ("Seed", lambda words: number_column(words, 0, width=80)),
    "note": ("Note", lambda words: text_column(words, width=200)),
    "error": ("Error", lambda words: text_column(words, width=200)),
    "id": ("Id", lambda words: text_column(words, width=260)),
}
KINDS = {"metrics": "Metric", "params": "Parameter", "tags": "Tag"}
WORDS_FIRST = ("name", "experiment", "trainer", "status", "user", "source")  # from A to Z
MAX_DIFFERING = 24
USUAL_METRICS, USUAL_PARAMS = 3, 2
MAX_LIST_ROWS = 9


@dataclass(frozen=True)
class Catalog:
    """The columns there are to choose from, and how people want metrics read."""

    metrics: tuple[str, ...]
    params: tuple[str, ...]
    tags: tuple[str, ...]
    kinds: MetricKinds
    nodes: tuple[ExperimentNode, ...]

    def columns(self) -> list[str]:
        """Every column, the run's own last."""
        found = [f"metrics.{key}" for key in self.metrics]
        found += [f"params.{key}" for key in self.params]
        return [*found, *(f"tags.{key}" for key in self.tags), *OWN]

    def words(self, column: str) -> str:
        """A column's name as a reader's words: `ROC AUC, best`."""
        if column in OWN:
            return OWN[column][0]
        kind, _, key = column.partition(".")
        if kind != "metrics":
            return "Run" if column == "name" else key or column
        key, part = metric_part(key)
        words = self.kinds.of(key).title
        return words if part == LAST else f"{words}, {PART_WORDS[part].lower()}"

    def head(self, column: str, state: State) -> str:
        """The words in a column's head; the one that sorts says so."""
        words = self.words(column)
        return f"{words} {UP if state.rising else DOWN}" if column == state.sort else words

    def look(self, column: str, state: State) -> Any:
        """How a column is drawn."""
        words = self.head(column, state)
        if column in OWN:
            return OWN[column][1](words)
        kind, _, key = column.partition(".")
        if kind != "metrics":
            return text_column(words, width=max(84, min(170, 24 + 8 * len(words))))
        key, part = metric_part(key)
        width = max(90, min(170, 24 + 6 * len(words)))
        if key in BARS and part == LAST:
            return bar_column(words, BARS[key], 1.0, width=max(124, width))
        return number_column(words, digits_of(self.kinds.of(key).format), width=width)

    def alone(self, experiment: str) -> bool:
        """Whether all that is shown is of one experiment, so that no column need say of which."""
        below = [node for node in self.nodes if f"{node.path}/".startswith(f"{experiment}/")]
        known = below if experiment else list(self.nodes)
        return sum(node.is_experiment for node in known) < 2


def catalog() -> Catalog:
    """What the workspace's runs have."""
    metrics, params, tags, nodes = cached("catalog", _catalog)
    kinds = workspace().experiments.metric_kinds()
    return Catalog(metrics, params, tags, kinds, tuple(ExperimentNode(*each) for each in nodes))


def _catalog() -> tuple[Any, ...]:
    room = workspace().experiments
    tags = tuple(key for key in room.tag_keys() if not key.startswith(RESERVED))
    nodes = [(node.path, node.level, node.runs, node.is_experiment) for node in room.tree()]
    return tuple(room.metric_keys()), tuple(room.param_keys()), tags, nodes


def shown_columns(state: State, known: Catalog) -> list[str]:
    """The columns to draw, in order: the chosen ones, the usual ones, or the ones that differ."""
    if state.differ:
        meant = state.meant
        differing = cached(
            f"differing {meant!r}", lambda: list(workspace().experiments.varying_columns(meant))
        )
        return list(dict.fromkeys([*differing[:MAX_DIFFERING], "duration_s", NEWEST]))
    return list(state.columns) or usual_columns(state, known)


def usual_columns(state: State, known: Catalog) -> list[str]:
    """What is shown when nobody chose: keys that these runs have, and how and when they ran."""
    whose = [] if known.alone(state.experiment) else ["experiment"]
    usual = usual_keys(state)
    metrics = [f"metrics.{key}" for key in usual.metrics[:USUAL_METRICS]]
    # A trainer says how a run came about; for runs of other programs their parameters do.
    params = [f"params.{key}" for key in usual.params[:USUAL_PARAMS]]
    how = ["trainer"] if usual.has_trainer else params
    return ["status", *metrics, *how, *whose, NEWEST, "duration_s"]


def usual_keys(state: State) -> DefaultColumns:
    """The keys of the newest runs that are meant; of none when the filter cannot be read."""
    meant = state.meant
    try:
        keys = cached(
            f"usual {meant!r}", lambda: _plain_keys(workspace().experiments.default_columns(meant))
        )
    except Invalid:
        return DefaultColumns((), (), has_trainer=True)
    return DefaultColumns(*keys)


def _plain_keys(usual: DefaultColumns) -> tuple[tuple[str, ...], tuple[str, ...], bool]:
    """Plain values, for a class is made anew when its module is."""
    return usual.metrics, usual.params, usual.has_trainer


def metric_part(key: str) -> tuple[str, str]:
    """A metric column's key, and which of its values is meant."""
    head, _, part = key.rpartition("@")
    return (head, part) if head and part in PARTS else (key, LAST)


def digits_of(spec: str) -> int:
    """The decimals of a format such as `.4f`."""
    _, _, decimals = spec.partition(".")
    return int("".join(filter(str.isdigit, decimals)) or 4)


def sort_by(column: str) -> None:
    """What a click on a head does: sort by it, its better end first; a second click turns it."""
    state = current()
    if column == state.sort:
        change(rising=not state.rising)
        return
    kind, _, key = column.partition(".")
    lower = kind == "metrics" and _lower_is_better(metric_part(key)[0])
    change(sort=column, rising=lower or column in WORDS_FIRST)


def _lower_is_better(key: str) -> bool:
    return workspace().experiments.metric_kinds().of(key).direction == "lower"


def columns_popover(state: State, known: Catalog) -> None:
    """Choose and order what is shown, and what it is sorted by."""
    popover = st.popover(
        "Columns", icon=":material/view_column:", key="runs_columns_open", on_change="rerun"
    )
    if not popover.open:
        return
    with popover, st.container(width=430):
        _sort(state, known)
        st.toggle(
            "Only what differs",
            key=sync_widget("runs_differ", state.differ),
            on_change=chosen,
            args=("runs_differ", "differ"),
            help="Parameters, metrics and tags in which the newest 500 of these runs differ",
        )
        if not state.differ:
            _choice(state, known)


def _sort(state: State, known: Catalog) -> None:
    options = list(dict.fromkeys(["name", *known.columns(), state.sort]))
    with st.container(horizontal=True, vertical_alignment="bottom"):
        st.selectbox(
            "Sort",
            options,
            format_func=known.words,
            key=sync_widget("runs_sort", state.sort),
            on_change=_sorted,
            args=(options,),
            width=230,
        )
        st.segmented_control(
            "Order",
            [True, False],
            format_func=lambda rising: f"{UP} Rising" if rising else f"{DOWN} Falling",
            key=sync_widget("runs_rising", state.rising),
            required=True,
            on_change=chosen,
            args=("runs_rising", "rising"),
            label_visibility="collapsed",
        )


def _sorted(options: list[str]) -> None:
    if st.session_state["runs_sort"] in options:
        sort_by(st.session_state["runs_sort"])


def _choice(state: State, known: Catalog) -> None:
    shown = shown_columns(state, known)
    others = [column for column in known.columns() if column not in shown]
    with st.container(horizontal=True, vertical_alignment="bottom"):
        st.selectbox(
            "Add a column",
            others,
            index=None,
            format_func=lambda column: f"{_kind(column)}: {known.words(column)}",
            placeholder="Metric, parameter, tag, …",
            key=sync_widget("runs_add", None),
            on_change=_add,
            args=(shown, others),
            width=290,
        )
        st.button(
            "Usual ones",
            on_click=change,
            kwargs={"columns": ()},
            key="runs_usual",
            disabled=not state.columns,
        )
    rows = {
        "id": shown,
        "column": [known.words(column) for column in shown],
        "kind": [_kind(column) for column in shown],
        "value": [_value_words(column) for column in shown],
        "up": [":material/arrow_upward:"] * len(shown),
        "down": [":material/arrow_downward:"] * len(shown),
        "off": [":material/close:"] * len(shown),
    }
    looks = {
        "column": text_column("Shown", width=148),
        "kind": text_column("Kind", width=84),
        "value": press_column(
            "Value",
            lambda column: _turn(shown, column),
            width=74,
            help="Press to show another value of a metric: last, best, lowest, highest, first",
        ),
        "up": press_column("", lambda column: _move(shown, column, -1), width=38),
        "down": press_column(" ", lambda column: _move(shown, column, 1), width=38),
        "off": press_column("  ", lambda column: _drop(shown, column), width=38),
    }
    tall = 34 + 30 * min(MAX_LIST_ROWS, len(shown))
    table(pd.DataFrame(rows), looks, key="runs_chosen", alt="Columns that are shown", height=tall)


def _kind(column: str) -> str:
    return KINDS.get(column.partition(".")[0], "Run")


def _value_words(column: str) -> str | None:
    kind, _, key = column.partition(".")
    return PART_WORDS[metric_part(key)[1]] if kind == "metrics" else None


def _add(shown: list[str], others: list[str]) -> None:
    added = st.session_state["runs_add"]
    if added in others:
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
