"""Which rows of a deployment's log its monitor still needs."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from pilothouse.kit.errors import NotFound
from pilothouse.monitoring import due_windows, monitors, window_store
from pilothouse.monitoring.chosen_inputs import MARGIN, YEAR
from pilothouse.monitoring.counted_windows import EARLIEST
from pilothouse.monitoring.monitor_config import PREVIOUS_WINDOWS, YEAR_BEFORE, MonitorConfig
from pilothouse.monitoring.window_cuts import cut
from pilothouse.monitoring.windows import Span
from pilothouse.storage import Store


@dataclass(frozen=True)
class NeededRows:
    """The rows of events from `since` on are needed, and why; all can go without `since`."""

    since: datetime | None = None
    why: str = ""


def needed_rows(store: Store, deployment: str, oldest: datetime) -> NeededRows:
    """What a monitor needs of a log from which events before `oldest` are to be deleted.

    Rows of windows that are not judged, or have news, and what such windows are compared with.
    Windows stay whole. A deployment that nobody monitors, or whose monitor is off, needs none.
    """
    try:
        with store.read() as session:
            config = monitors.monitor_info(session, deployment).config
    except NotFound:
        return NeededRows()
    if not config.enabled:
        return NeededRows()
    first, why = _first_unjudged(store, deployment, config)
    since = _compared_since(store, deployment, config, first)
    if since < first.start:
        why = "later windows are compared with them"
    whole = _window_start(store, deployment, config, min(since, oldest))
    if whole >= oldest:
        return NeededRows()
    return NeededRows(whole, why if since < oldest else "a window is deleted as a whole")


def _first_unjudged(store: Store, deployment: str, config: MonitorConfig) -> tuple[Span, str]:
    """The oldest window that is not judged, or not by all of its rows; else the present one."""
    now = store.now()
    due = due_windows.due(store, deployment, now)
    ended = now - timedelta(hours=config.evaluate_after)
    if config.scheme.is_counted:
        span = cut(store, deployment, config.scheme.length, ended).waiting[-1]
        present = span, "they wait for a window"
    else:
        first = min(config.scheme.windows_with(ended), key=lambda window: window.start)
        present = first, "their window has not ended"
    if not due or due[0].start >= present[0].start:
        return present
    return due[0], "their window is not judged yet"


def _compared_since(store: Store, deployment: str, config: MonitorConfig, first: Span) -> datetime:
    """The start of the oldest rows that a window and those after it are compared with."""
    if first.start <= EARLIEST:
        return first.start
    if config.reference == YEAR_BEFORE:
        return first.start - YEAR - MARGIN
    if config.reference != PREVIOUS_WINDOWS:
        return first.start
    size = config.scheme.length if config.scheme.is_counted else 0
    with store.read() as session:
        spans = window_store.spans_before(
            session, deployment, config.scheme, replace(first, size=size), config.reference_windows
        )
    return min([first.start, *(span.start for span in spans)])


def _window_start(store: Store, deployment: str, config: MonitorConfig, at: datetime) -> datetime:
    """The start of the oldest window with an instant: windows are deleted as a whole."""
    if at <= EARLIEST:
        return at
    if config.scheme.is_counted:
        windows = cut(store, deployment, config.scheme.length, store.now()).windows_with(at)
    else:
        windows = config.scheme.windows_with(at)
    return min(at, *(window.start for window in windows))
