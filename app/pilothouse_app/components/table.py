"""Tables: the name opens the object, and ticked rows are stored by id, not by position.

    chosen = table(frame, {"name": name_column("Run"), "status": status_column(), ...},
                   key="runs", alt="Runs", opens=("run", "id"), select="many")

Streamlit keeps a selection by position when rows change (its issue 17026), so the widget's key
carries a digest of the ids shown, and what was ticked is kept apart as ids.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, Literal

import streamlit as st

from pilothouse_app.components.links import address, go_next
from pilothouse_app.components.status import COLOURS, colour, status_title

if TYPE_CHECKING:
    import pandas as pd

ROW, HEAD = 30, 33  # the height of a row, and of the head with the border of the table
UP, DOWN = "↑", "↓"
MODES = {"none": (), "one": ("single-row",), "many": ("multi-row",)}
Config = Mapping[str, Any]


def name_column(title: str, *, width: int | None = 170) -> dict[str, Any]:
    """The pinned first column; with `opens` its cells are links to the object."""
    return {"kind": "name", "title": title, "width": width}


def text_column(title: str, *, width: int | None = None, help: str | None = None) -> Any:
    """Words."""
    return st.column_config.TextColumn(title, width=width, help=help)


def number_column(
    title: str, digits: int = 3, *, width: int | None = None, help: str | None = None
) -> Any:
    """A number with fixed decimals; with 0 decimals, thousands are separated."""
    mask = f"%.{digits}f" if digits else "localized"
    return st.column_config.NumberColumn(title, format=mask, width=width, help=help)


def percent_column(title: str, *, width: int | None = None) -> Any:
    """A share between 0 and 1 as a percentage."""
    return st.column_config.NumberColumn(title, format="percent", width=width)


def bytes_column(title: str = "Size") -> Any:
    """A size in bytes, written with its unit."""
    return st.column_config.NumberColumn(title, format="bytes")


def when_column(title: str, *, relative: bool = True, width: int | None = 120) -> Any:
    """An instant: how long ago, or its day and minute in UTC."""
    mask = "distance" if relative else "D MMM YYYY, HH:mm"
    return st.column_config.DatetimeColumn(title, format=mask, width=width, timezone="UTC")


def status_column(title: str = "Status", *, width: int | None = 104) -> dict[str, Any]:
    """A status as a coloured badge."""
    return {"kind": "status", "title": title, "width": width}


def button_column(
    title: str,
    press: Callable[[str], None],
    *,
    width: int = 44,
    pinned: bool = False,
    help: str | None = None,
    alignment: Literal["left", "center"] = "center",
) -> dict[str, Any]:
    """A column of small buttons: `press` is called with the id of the row, before the page runs."""
    return {
        "kind": "press",
        "title": title,
        "press": press,
        "width": width,
        "pinned": pinned,
        "help": help,
        "alignment": alignment,
    }


def badges_column(title: str, colours: Mapping[str, str], *, width: int = 104) -> Any:
    """Lists of a few known labels, each a badge in its colour."""
    return st.column_config.MultiselectColumn(
        title, width=width, options=list(colours), color=list(colours.values())
    )


def bar_column(
    title: str, low: float, high: float, *, digits: int = 3, width: int | None = 140
) -> Any:
    """A number as a bar between `low` and `high`, for the main metric."""
    return st.column_config.ProgressColumn(
        title, format=f"%.{digits}f", min_value=low, max_value=high, width=width
    )


def histogram_column(title: str, *, width: int | None = 120) -> Any:
    """A list of counts as small bars from zero: else equal counts would look empty but for one."""
    return st.column_config.BarChartColumn(title, width=width, y_min=0)


def table_key(key: str, ids: Sequence[str]) -> str:
    """The widget key of a table that shows these ids."""
    return f"{key}_{hashlib.blake2s('|'.join(ids).encode(), digest_size=6).hexdigest()}"


def table(
    frame: pd.DataFrame,
    columns: Config,
    *,
    key: str,
    alt: str,
    ids: str = "id",
    opens: tuple[str, str] | None = None,
    select: Literal["none", "one", "many"] = "none",
    sorts: Callable[[str], None] | None = None,
    height: Literal["stretch", "content"] | int = "content",
) -> list[str]:
    """Draw the rows and return the ids that are ticked, on this page and on others.

    `columns` maps column to its look, in order; the rest is not shown. `opens` is the kind of
    object and the column with its ref: a click on the name column goes there. Without a kind, the
    column says kind and ref, as in `run:1f0c`. `sorts` is called
    with the column whose head was clicked.
    """
    refs = [str(ref) for ref in frame[ids]] if ids in frame else [str(i) for i in frame.index]
    keyed = table_key(key, [*refs, str(_epoch(key))] if _epoch(key) else refs)
    configs = {
        name: _column_config(key, look, name, frame, keyed, refs, opens)
        for name, look in columns.items()
    }
    rows = _visible_cells(frame, columns)
    modes = [*(MODES[select]), *(["single-column"] if sorts else [])]
    options: dict[str, Any] = {}

    if modes:
        options = {
            "on_select": partial(_on_select, key, keyed, refs, select == "many", sorts),
            "selection_mode": modes,
            "selection_default": _default_selection(key, refs),
        }

    st.dataframe(
        rows,
        key=keyed,
        column_config=configs,
        hide_index=True,
        row_height=ROW,
        height=height,
        alt=alt,
        placeholder="–",  # noqa: RUF001
        **options,
    )

    if select == "none":
        return []
    _store_ticked(key, keyed, refs, select == "many")
    return ticked(key)


def ticked(key: str) -> list[str]:
    """The ids ticked so far in a table, before it is drawn."""
    return list(st.session_state.get(f"{key}_ticked", []))


def click_count(key: str) -> int:
    """How often a table was clicked: a live part of the page must then let the whole page run."""
    return int(st.session_state.get(f"{key}_touched", 0))


def untick(key: str) -> None:
    """Forget what is ticked; call it from a callback."""
    st.session_state.pop(f"{key}_ticked", None)
    _new_widget(key)


def _visible_cells(frame: pd.DataFrame, columns: Config) -> pd.DataFrame:
    rows = frame.reindex(columns=list(columns)).reset_index(drop=True)
    for name, look in columns.items():
        if isinstance(look, dict) and look.get("kind") == "status":
            rows[name] = [[status_title(value)] if value else [] for value in frame[name]]
    return rows


def _column_config(
    key: str,
    look: Any,
    name: str,
    frame: pd.DataFrame,
    keyed: str,
    ids: Sequence[str],
    opens: tuple[str, str] | None,
) -> Any:
    kind = look.get("kind") if isinstance(look, dict) else None
    if kind == "status":
        return _badge_config(look, sorted({str(value) for value in frame[name] if value}))
    if kind == "press":
        return _button_config(key, look, f"{keyed}_{name}", ids)
    if kind != "name":
        return look
    if opens is None:
        return st.column_config.TextColumn(look["title"], width=look["width"], pinned=True)

    click = f"{keyed}_open"
    return st.column_config.ButtonColumn(
        look["title"],
        width=look["width"],
        pinned=True,
        alignment="left",
        type="tertiary",
        key=click,
        on_click=_on_open,
        args=(click, opens[0], [str(ref) for ref in frame[opens[1]]]),
    )


def _badge_config(look: dict[str, Any], statuses: Sequence[str]) -> Any:
    options = statuses or list(COLOURS)[:1]
    return st.column_config.MultiselectColumn(
        look["title"],
        width=look["width"],
        options=[status_title(status) for status in options],
        color=[colour(status) for status in options],
    )


def _button_config(key: str, look: dict[str, Any], click: str, ids: Sequence[str]) -> Any:
    return st.column_config.ButtonColumn(
        look["title"],
        width=look["width"],
        pinned=look["pinned"],
        alignment=look["alignment"],
        help=look["help"],
        type="tertiary",
        key=click,
        on_click=_on_button,
        args=(key, click, look["press"], list(ids)),
    )


def _on_button(key: str, click: str, press: Callable[[str], None], refs: Sequence[str]) -> None:
    _count_click(key)
    press(refs[st.session_state[click]["row"]])


def _on_open(click: str, kind: str, refs: Sequence[str]) -> None:
    ref = refs[st.session_state[click]["row"]]
    go_next(address(kind, ref) if kind else address(*ref.split(":", 1)))


def _default_selection(key: str, refs: Sequence[str]) -> Any:
    ids = set(ticked(key))
    return {"selection": {"rows": [index for index, ref in enumerate(refs) if ref in ids]}}


def _new_widget(key: str) -> None:
    """Give the table a new key: the browser keeps the selection of a table it knows."""
    st.session_state[f"{key}_epoch"] = _epoch(key) + 1


def _count_click(key: str) -> None:
    st.session_state[f"{key}_touched"] = click_count(key) + 1


def _epoch(key: str) -> int:
    return int(st.session_state.get(f"{key}_epoch", 0))


def _on_select(
    key: str,
    keyed: str,
    refs: Sequence[str],
    many: bool,
    sorts: Callable[[str], None] | None,
) -> None:
    _count_click(key)
    _store_ticked(key, keyed, refs, many)
    heads = st.session_state[keyed]["selection"].get("columns", [])
    if sorts and heads:
        _new_widget(key)
        sorts(str(heads[0]))


def _store_ticked(key: str, keyed: str, refs: Sequence[str], many: bool) -> None:
    """Keep what is ticked as ids; as a callback it runs before the page counts them."""
    rows = st.session_state[keyed]["selection"]["rows"]
    here = [refs[row] for row in rows if row < len(refs)]
    elsewhere = [ref for ref in ticked(key) if ref not in refs] if many else []
    st.session_state[f"{key}_ticked"] = [*elsewhere, *here]
