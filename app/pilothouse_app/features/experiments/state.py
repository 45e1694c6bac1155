"""The state of the run table is its address, and nothing else is: one dataclass, one place.

Whoever changes it calls `put`; every widget of the table is told its value by `held` and reports a
change through a callback. A link, a saved view and a change of page all go the same way. What the
table was left at is remembered for the session, so that the menu leads back to it.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, fields, replace
from typing import Any
from urllib.parse import quote, unquote

import streamlit as st

from pilothouse.experiments.run_annotations import STARRED
from pilothouse.experiments.run_table.filters import RunFilter
from pilothouse.experiments.tables import STATUSES
from pilothouse_app.components.workspace import workspace

MODES = ("list", "tree", "groups")
SIZES = (50, 100)
STAR, ARCHIVE = "starred", "archived"
SHOW_OPTIONS = (STAR, *STATUSES, ARCHIVE)
NEWEST = "created_at"
COUNT = "n"

_LAST_PARAMS = "_runs_kept"


@dataclass(frozen=True)
class State:
    """The state of the run table; each field is a parameter of the address."""

    text: str = ""
    filter: str = ""
    experiment: str = ""
    show: str = ""
    mode: str = "list"
    sort: str = NEWEST
    ascending: bool = False
    columns: tuple[str, ...] = ()
    differ: bool = False
    by: tuple[str, ...] = ()
    within: tuple[str, ...] = ()
    open: tuple[str, ...] = ()
    size: int = SIZES[0]
    page: int = 1

    @property
    def archived(self) -> bool:
        """Whether archived runs are shown."""
        return self.show == ARCHIVE

    @property
    def in_group(self) -> bool:
        """Whether the members of one group are shown."""
        return self.mode == "groups" and 0 < len(self.by) == len(self.within)

    @property
    def run_order(self) -> str:
        """What runs are sorted by; groups are sorted by how many they are, too."""
        return NEWEST if self.sort == COUNT else self.sort

    @property
    def run_filter(self) -> RunFilter:
        """The filter of the runs, before they are grouped or arranged as a tree."""
        return RunFilter(
            text=self.text,
            query=self.filter,
            under=self.experiment or None,
            statuses=[self.show] if self.show in STATUSES else [],
            tags={STARRED: "yes"} if self.show == STAR else {},
            archived=self.archived,
        )


# Links and saved views hold these names. `experiment` is also how other pages name one.
PARAMS: Mapping[str, str] = {
    "text": "runs_q",
    "experiment": "experiment",
    "mode": "runs_view",
    "ascending": "runs_rising",
    **{
        field.name: f"runs_{field.name}"
        for field in fields(State)
        if field.name not in ("text", "experiment", "mode", "ascending")
    },
}
_CHOICES: Mapping[str, tuple[Any, ...]] = {
    "mode": MODES,
    "size": SIZES,
    "show": ("", *SHOW_OPTIONS),
}


def to_params(state: State) -> dict[str, str]:
    """The state as parameters of an address; what is as usual is left out."""
    default = State()
    return {
        param: _text(getattr(state, name))
        for name, param in PARAMS.items()
        if getattr(state, name) != getattr(default, name)
    }


def from_params(params: Mapping[str, str]) -> State:
    """The state from address parameters; invalid values become defaults."""
    default = State()
    values = {
        name: _value(name, params[param], getattr(default, name))
        for name, param in PARAMS.items()
        if param in params
    }
    return replace(default, **values)


def _text(value: Any) -> str:
    if isinstance(value, tuple):
        return ",".join(quote(item, safe="/@.:_- ()") for item in value)
    return "yes" if value is True else str(value)


def _value(name: str, text: str, default: Any) -> Any:
    if isinstance(default, tuple):
        items = tuple(unquote(item) for item in text.split(",") if item)
        return items if name != "within" or all(map(_is_value, items)) else default
    if isinstance(default, bool):
        return text == "yes"
    value = max(1, int(text)) if isinstance(default, int) and text.isdecimal() else text
    if type(value) is not type(default):
        return default
    return value if name not in _CHOICES or value in _CHOICES[name] else default


def _is_value(text: str) -> bool:
    """Whether this is JSON of one value that a group can have."""
    try:
        return isinstance(json.loads(text), str | int | float | None)
    except ValueError:
        return False


def current_state() -> State:
    """The state the address asks for; else the one the table was left at; else the default view."""
    requested = {
        param: st.query_params[param] for param in PARAMS.values() if param in st.query_params
    }
    previous = st.session_state.get(_LAST_PARAMS)
    if requested and requested != previous:
        st.session_state[_LAST_PARAMS] = requested
    elif previous is None:
        view = workspace().experiments.default_view()
        set_state(from_params(view.state) if view else State())
    elif not requested and previous:
        set_state(from_params(previous))
    return from_params(st.session_state[_LAST_PARAMS])


def set_state(state: State) -> None:
    """Set the state and the address; call it from a callback, or right before a rerun."""
    params = to_params(state)
    st.session_state[_LAST_PARAMS] = params
    st.query_params.from_dict(params)


def update_state(**changes: Any) -> None:
    """Change some of the state; unless the page is chosen, the first page is next."""
    set_state(replace(from_params(st.session_state[_LAST_PARAMS]), **{"page": 1, **changes}))


def sync_widget(key: str, value: Any) -> str:
    """The key of a widget that shows this value now, whatever it showed before."""
    if key not in st.session_state or st.session_state[key] != value:
        st.session_state[key] = value
    return key


def on_widget_change(
    key: str,
    field: str,
    convert: Callable[[Any], Any] = lambda value: value,
    options: Collection[Any] | None = None,
) -> None:
    """The callback of such a widget: its value becomes a field of the state.

    A list tells values apart by their words. When words have changed since the browser saw them,
    such as a count, it reports the old words: what is not `among` the options is no choice.
    """
    value = st.session_state[key]
    if value is None or options is None or value in options:
        update_state(**{field: convert(value)})
