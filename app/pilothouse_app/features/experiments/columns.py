"""The columns of the run table: the catalog, the visible ones, and the popover to choose them.

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
from pilothouse.experiments.run_table.filters import RESERVED_TAGS
from pilothouse.experiments.run_table.tree import ExperimentNode
from pilothouse.kit.errors import Invalid
from pilothouse_app.components.query_cache import cached
from pilothouse_app.components.table import (
    DOWN,
    UP,
    bar_column,
    button_column,
    number_column,
    status_column,
    table,
    text_column,
    when_column,
)
from pilothouse_app.components.workspace import workspace
from pilothouse_app.features.experiments.formatting import BAR_METRICS
from pilothouse_app.features.experiments.state import (
    NEWEST,
    State,
    current_state,
    on_widget_change,
    sync_widget,
    update_state,
)

if TYPE_CHECKING:
    from pilothouse.experiments.metrics.definitions import MetricKinds

LAST = "last"
AGGREGATES = (LAST, "best", "min", "max", "first")
AGGREGATE_TITLES = {
    "last": "Last",
    "best": "Best",
    "min": "Lowest",
    "max": "Highest",
    "first": "First",
}
RUN_COLUMNS: Mapping[str, tuple[str, Callable[[str], Any]]] = {
    "status": ("Status", lambda title: status_column(title, width=92)),
    "experiment": ("Experiment", lambda title: text_column(title, width=150)),
    "trainer": ("Trainer", lambda title: text_column(title, width=172)),
    "duration_s": ("Duration (s)", lambda title: number_column(title, 1, width=84)),
    NEWEST: ("Created", lambda title: when_column(title, width=104)),
    "started_at": ("Started", lambda title: when_column(title, relative=False, width=144)),
    "ended_at": ("Ended", lambda title: when_column(title, relative=False, width=144)),
    "user": ("User", lambda title: text_column(title, width=90)),
    "source": ("Source", lambda title: text_column(title, width=170)),
    "commit": ("Commit", lambda title: text_column(title, width=90)),
    "dirty": ("Modified code", lambda title: text_column(title, width=110)),
    "seed": ("Seed", lambda title: number_column(title, 0, width=80)),
    "note": ("Note", lambda title: text_column(title, width=200)),
    "error": ("Error", lambda title: text_column(title, width=200)),
    "id": ("Id", lambda title: text_column(title, width=260)),
}
KINDS = {"metrics": "Metric", "params": "Parameter", "tags": "Tag"}
ASCENDING_FIRST = ("name", "experiment", "trainer", "status", "user", "source")  # from A to Z
MAX_VARYING = 24
DEFAULT_METRICS, DEFAULT_PARAMS = 3, 2
MAX_LIST_ROWS = 9


@dataclass(frozen=True)
class ColumnCatalog:
    """The columns there are to choose from, and how people want metrics read."""

    metrics: tuple[str, ...]
    params: tuple[str, ...]
    tags: tuple[str, ...]
    kinds: MetricKinds
    nodes: tuple[ExperimentNode, ...]

    def columns(self) -> list[str]:
        """Every column, the run's own last."""
        logged = [f"metrics.{key}" for key in self.metrics]
        logged += [f"params.{key}" for key in self.params]
        return [*logged, *(f"tags.{key}" for key in self.tags), *RUN_COLUMNS]

    def title(self, column: str) -> str:
        """A column's title: `ROC AUC, best`."""
        if column in RUN_COLUMNS:
            return RUN_COLUMNS[column][0]
        kind, _, key = column.partition(".")
        if kind != "metrics":
            return "Run" if column == "name" else key or column
        key, part = split_aggregate(key)
        title = self.kinds.of(key).title
        return title if part == LAST else f"{title}, {AGGREGATE_TITLES[part].lower()}"

    def header(self, column: str, state: State) -> str:
        """The header of a column, with an arrow when the table is sorted by it."""
        title = self.title(column)
        return f"{title} {UP if state.ascending else DOWN}" if column == state.sort else title

    def column_config(self, column: str, state: State) -> Any:
        """How a column is drawn."""
        header = self.header(column, state)
        if column in RUN_COLUMNS:
            return RUN_COLUMNS[column][1](header)
        kind, _, key = column.partition(".")
        if kind != "metrics":
            return text_column(header, width=max(84, min(170, 24 + 8 * len(header))))
        key, part = split_aggregate(key)
        width = max(90, min(170, 24 + 6 * len(header)))
        if key in BAR_METRICS and part == LAST:
            return bar_column(header, 0.0, 1.0, width=max(124, width))
        return number_column(header, decimals_of(self.kinds.of(key).format), width=width)

    def has_one_experiment(self, experiment: str) -> bool:
        """Whether all rows are of one experiment, so that the experiment column can be left out."""
        below = [node for node in self.nodes if f"{node.path}/".startswith(f"{experiment}/")]
        nodes = below if experiment else list(self.nodes)
        return sum(node.is_experiment for node in nodes) < 2


def column_catalog() -> ColumnCatalog:
    """What the workspace's runs have."""
    metrics, params, tags, nodes = cached("catalog", _read_catalog)
    kinds = workspace().experiments.metric_kinds()
    return ColumnCatalog(
        metrics, params, tags, kinds, tuple(ExperimentNode(*node) for node in nodes)
    )


def _read_catalog() -> tuple[Any, ...]:
    experiments = workspace().experiments
    tags = tuple(key for key in experiments.tag_keys() if not key.startswith(RESERVED_TAGS))
    nodes = [(node.path, node.level, node.runs, node.is_experiment) for node in experiments.tree()]
    return tuple(experiments.metric_keys()), tuple(experiments.param_keys()), tags, nodes


def visible_columns(state: State, catalog: ColumnCatalog) -> list[str]:
    """The columns to draw, in order: the chosen ones, the usual ones, or the ones that differ."""
    if state.differ:
        run_filter = state.run_filter
        differing = cached(
            f"differing {run_filter!r}",
            lambda: list(workspace().experiments.varying_columns(run_filter)),
        )
        return list(dict.fromkeys([*differing[:MAX_VARYING], "duration_s", NEWEST]))
    return list(state.columns) or default_columns(state, catalog)


def default_columns(state: State, catalog: ColumnCatalog) -> list[str]:
    """The columns without a choice: keys that these runs have, how and when they ran."""
    whose = [] if catalog.has_one_experiment(state.experiment) else ["experiment"]
    keys = default_keys(state)
    metrics = [f"metrics.{key}" for key in keys.metrics[:DEFAULT_METRICS]]
    # A trainer says how a run came about; for runs of other programs their parameters do.
    params = [f"params.{key}" for key in keys.params[:DEFAULT_PARAMS]]
    how = ["trainer"] if keys.has_trainer else params
    return ["status", *metrics, *how, *whose, NEWEST, "duration_s"]


def default_keys(state: State) -> DefaultColumns:
    """The default keys of the newest matching runs; none when the filter is invalid."""
    run_filter = state.run_filter
    try:
        keys = cached(
            f"usual {run_filter!r}",
            lambda: _plain_keys(workspace().experiments.default_columns(run_filter)),
        )
    except Invalid:
        return DefaultColumns((), (), has_trainer=True)
    return DefaultColumns(*keys)


def _plain_keys(defaults: DefaultColumns) -> tuple[tuple[str, ...], tuple[str, ...], bool]:
    """Plain values, for a class is made anew when its module is."""
    return defaults.metrics, defaults.params, defaults.has_trainer


def split_aggregate(key: str) -> tuple[str, str]:
    """Split a metric column into its key and its aggregate (`last` when none is named)."""
    head, _, part = key.rpartition("@")
    return (head, part) if head and part in AGGREGATES else (key, LAST)


def decimals_of(spec: str) -> int:
    """The decimals of a format such as `.4f`."""
    _, _, decimals = spec.partition(".")
    return int("".join(filter(str.isdigit, decimals)) or 4)


def sort_by(column: str) -> None:
    """What a click on a head does: sort by it, its better end first; a second click turns it."""
    state = current_state()
    if column == state.sort:
        update_state(ascending=not state.ascending)
        return
    kind, _, key = column.partition(".")
    lower = kind == "metrics" and _lower_is_better(split_aggregate(key)[0])
    update_state(sort=column, ascending=lower or column in ASCENDING_FIRST)


def _lower_is_better(key: str) -> bool:
    return workspace().experiments.metric_kinds().of(key).direction == "lower"


def columns_popover(state: State, catalog: ColumnCatalog) -> None:
    """The popover that chooses and orders columns, and the sort order."""
    popover = st.popover(
        "Columns", icon=":material/view_column:", key="runs_columns_open", on_change="rerun"
    )
    if not popover.open:
        return
    with popover, st.container(width=430):
        _sort(state, catalog)
        st.toggle(
            "Only what differs",
            key=sync_widget("runs_differ", state.differ),
            on_change=on_widget_change,
            args=("runs_differ", "differ"),
            help="Parameters, metrics and tags in which the newest 500 of these runs differ",
        )
        if not state.differ:
            _column_list(state, catalog)


def _sort(state: State, catalog: ColumnCatalog) -> None:
    options = list(dict.fromkeys(["name", *catalog.columns(), state.sort]))
    with st.container(horizontal=True, vertical_alignment="bottom"):
        st.selectbox(
            "Sort",
            options,
            format_func=catalog.title,
            key=sync_widget("runs_sort", state.sort),
            on_change=_on_sort,
            args=(options,),
            width=230,
        )
        st.segmented_control(
            "Order",
            [True, False],
            format_func=lambda up: f"{UP} Ascending" if up else f"{DOWN} Descending",
            key=sync_widget("runs_rising", state.ascending),
            required=True,
            on_change=on_widget_change,
            args=("runs_rising", "ascending"),
            label_visibility="collapsed",
        )


def _on_sort(options: list[str]) -> None:
    if st.session_state["runs_sort"] in options:
        sort_by(st.session_state["runs_sort"])


def _column_list(state: State, catalog: ColumnCatalog) -> None:
    visible = visible_columns(state, catalog)
    others = [column for column in catalog.columns() if column not in visible]

    with st.container(horizontal=True, vertical_alignment="bottom"):
        st.selectbox(
            "Add a column",
            others,
            index=None,
            format_func=lambda column: f"{_kind_title(column)}: {catalog.title(column)}",
            placeholder="Metric, parameter, tag, …",
            key=sync_widget("runs_add", None),
            on_change=_on_add,
            args=(visible, others),
            width=290,
        )
        st.button(
            "Reset to default",
            on_click=update_state,
            kwargs={"columns": ()},
            key="runs_usual",
            disabled=not state.columns,
        )

    rows = {
        "id": visible,
        "column": [catalog.title(column) for column in visible],
        "kind": [_kind_title(column) for column in visible],
        "value": [_aggregate_title(column) for column in visible],
        "up": [":material/arrow_upward:"] * len(visible),
        "down": [":material/arrow_downward:"] * len(visible),
        "off": [":material/close:"] * len(visible),
    }

    looks = {
        "column": text_column("Shown", width=148),
        "kind": text_column("Kind", width=84),
        "value": button_column(
            "Value",
            lambda column: _next_aggregate(visible, column),
            width=74,
            help="Click to show another value of a metric: last, best, lowest, highest, first",
        ),
        "up": button_column("", lambda column: _move(visible, column, -1), width=38),
        "down": button_column(" ", lambda column: _move(visible, column, 1), width=38),
        "off": button_column("  ", lambda column: _remove(visible, column), width=38),
    }

    tall = 34 + 30 * min(MAX_LIST_ROWS, len(visible))
    table(pd.DataFrame(rows), looks, key="runs_chosen", alt="Columns that are shown", height=tall)


def _kind_title(column: str) -> str:
    return KINDS.get(column.partition(".")[0], "Run")


def _aggregate_title(column: str) -> str | None:
    kind, _, key = column.partition(".")
    return AGGREGATE_TITLES[split_aggregate(key)[1]] if kind == "metrics" else None


def _on_add(visible: list[str], others: list[str]) -> None:
    added = st.session_state["runs_add"]
    if added in others:
        update_state(columns=(*visible, added))


def _move(visible: list[str], column: str, by: int) -> None:
    index = visible.index(column)
    left = [other for other in visible if other != column]
    left.insert(max(0, index + by), column)
    update_state(columns=tuple(left))


def _remove(visible: list[str], column: str) -> None:
    update_state(columns=tuple(other for other in visible if other != column) or (NEWEST,))


def _next_aggregate(visible: list[str], column: str) -> None:
    """The next of a metric's values in place of this one."""
    kind, _, key = column.partition(".")
    if kind != "metrics":
        return
    key, part = split_aggregate(key)
    following = AGGREGATES[(AGGREGATES.index(part) + 1) % len(AGGREGATES)]
    turned = f"metrics.{key}" if following == LAST else f"metrics.{key}@{following}"
    update_state(
        columns=tuple(dict.fromkeys(turned if other == column else other for other in visible))
    )
