"""The second row: filters whose values live in the address and survive a change of page.

A key is the parameter's name in the address, so begin it with the screen's name (`runs_status`).
`resets` names the pager that goes back to its first page when the filter changes.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING

import streamlit as st

if TYPE_CHECKING:
    from streamlit.delta_generator import DeltaGenerator


def filter_bar() -> DeltaGenerator:
    """The row that filters are drawn in: `with filter_bar(): ...`."""
    return st.container(horizontal=True, vertical_alignment="center", gap="small")


def search(key: str, placeholder: str, *, resets: str = "", width: int = 260) -> str:
    """A search box; what is typed, without spaces around it."""
    text = st.text_input(
        placeholder,
        key=key,
        placeholder=placeholder,
        type="search",
        label_visibility="collapsed",
        width=width,
        on_change=_first_page,
        args=(resets,),
        bind="query-params",
        persist_state="session",
    )
    return (text or "").strip()


def choose_or_all(
    key: str,
    options: Sequence[str],
    everything: str,
    *,
    format_func: Callable[[str], str] = str,
    resets: str = "",
    width: int = 200,
) -> str:
    """One of the options, or empty for all of them (shown as `everything`)."""
    chosen = st.selectbox(
        everything,
        options,
        index=None,
        key=key,
        placeholder=everything,
        format_func=format_func,
        label_visibility="collapsed",
        width=width,
        on_change=_first_page,
        args=(resets,),
        bind="query-params",
        persist_state="session",
    )
    return chosen or ""


def choose_one(
    key: str,
    options: Sequence[str],
    label: str,
    *,
    default: str,
    format_func: Callable[[str], str] = str,
    resets: str = "",
    width: int = 200,
) -> str:
    """Exactly one of the options, such as a sort order."""
    return st.selectbox(
        label,
        options,
        index=list(options).index(default),
        key=key,
        format_func=format_func,
        label_visibility="collapsed",
        width=width,
        on_change=_first_page,
        args=(resets,),
        bind="query-params",
        persist_state="session",
    )


def choose_many(
    key: str,
    options: Sequence[str],
    label: str,
    *,
    format_func: Callable[[str], str] = str,
    resets: str = "",
) -> list[str]:
    """Any of a few options as pills; none picked means all."""
    picked = st.pills(
        label,
        options,
        selection_mode="multi",
        key=key,
        format_func=format_func,
        label_visibility="collapsed",
        on_change=_first_page,
        args=(resets,),
        bind="query-params",
        persist_state="session",
    )
    return list(picked)


def switch(
    key: str,
    options: Sequence[str],
    label: str,
    *,
    default: str = "",
    format_func: Callable[[str], str] = str,
) -> str:
    """One view of a few, as a segmented control."""
    chosen = st.segmented_control(
        label,
        options,
        default=default or options[0],
        required=True,
        key=key,
        format_func=format_func,
        label_visibility="collapsed",
        bind="query-params",
        persist_state="session",
    )
    return str(chosen)


def days(key: str, label: str, *, resets: str = "") -> tuple[datetime | None, datetime | None]:
    """A span of days in UTC: its first instant, and the first after it; open where none is set."""
    picked = st.date_input(
        label,
        value=[],
        key=key,
        label_visibility="collapsed",
        width=230,
        on_change=_first_page,
        args=(resets,),
        bind="query-params",
        persist_state="session",
    )

    chosen = [datetime(day.year, day.month, day.day, tzinfo=UTC) for day in _as_days(picked)]
    if not chosen:
        return None, None

    return chosen[0], chosen[1] + timedelta(days=1) if len(chosen) > 1 else None


def end_of_day(key: str, label: str) -> datetime | None:
    """The end of a day in UTC that is chosen in the address; None for now."""
    picked = st.date_input(
        label,
        value=None,
        key=key,
        label_visibility="collapsed",
        width=150,
        bind="query-params",
        persist_state="session",
    )
    if not isinstance(picked, date):
        return None
    return datetime(picked.year, picked.month, picked.day, tzinfo=UTC) + timedelta(days=1)


def _as_days(picked: object) -> list[date]:
    """While the second day is not chosen yet, there is one; a single day is not a sequence."""
    if isinstance(picked, date):
        return [picked]
    return [day for day in picked if isinstance(day, date)] if isinstance(picked, tuple) else []


def pager(total: int, *, key: str, size: int = 50) -> int:
    """The page to show, from 1; nothing is drawn when all fits on one."""
    pages = max(1, -(-total // size))
    if pages == 1:
        return 1
    if st.session_state.get(key, 1) > pages:
        st.session_state[key] = 1
    return int(st.pagination(pages, key=key, bind="query-params"))


def _first_page(key: str) -> None:
    if key:
        st.session_state[key] = 1
