"""The folders of other trackers that are watched: what each does, paused and removed here."""

from __future__ import annotations

from typing import TYPE_CHECKING

import streamlit as st

from pilothouse_app.components.dialogs import run_from_callback
from pilothouse_app.components.formats import ago
from pilothouse_app.components.header import section
from pilothouse_app.components.markdown import literal
from pilothouse_app.components.workspace import workspace

if TYPE_CHECKING:
    from pilothouse.interop.importing.watches import WatchInfo


def watched_folders() -> None:
    """A line for each watched folder; nothing without one."""
    watches = workspace().imports.watches()
    if not watches:
        return
    section("Watched folders")
    for number, watch in enumerate(watches):
        _line(watch, number)


def _line(watch: WatchInfo, number: int) -> None:
    with st.container(horizontal=True, vertical_alignment="center"):
        st.markdown(f"{literal(watch.folder)} &nbsp;:gray[{literal(_state(watch))}]")
        st.button(
            "Resume" if watch.paused else "Pause",
            key=f"watch_switch_{number}",
            on_click=_switch,
            args=(watch,),
        )
        st.button(
            "Remove",
            key=f"watch_remove_{number}",
            help="What was imported stays",
            on_click=_remove,
            args=(watch.folder,),
        )


def _switch(watch: WatchInfo) -> None:
    imports = workspace().imports
    command = imports.resume_watch if watch.paused else imports.pause_watch
    run_from_callback(lambda: command(watch.folder))


def _remove(folder: str) -> None:
    run_from_callback(lambda: workspace().imports.remove_watch(folder))


def _state(watch: WatchInfo) -> str:
    if watch.paused:
        return "paused"
    if watch.problem:
        return watch.problem
    if watch.imported_at is None:
        return "not looked at yet"
    return f"imported {ago(watch.imported_at)}"
