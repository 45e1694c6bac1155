"""Cuts the event time of a deployment into windows of a number of predictions, and stores that."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, time
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from sqlmodel import Session, col, select

from pilothouse.deployments.prediction_log import log, receipts
from pilothouse.kit.clock import to_ms
from pilothouse.kit.errors import Unavailable
from pilothouse.monitoring.counted_windows import EARLIEST, LATEST, CountedWindows
from pilothouse.monitoring.tables import WindowCut
from pilothouse.monitoring.windows import Span, WindowScheme
from pilothouse.storage import Store

if TYPE_CHECKING:
    from pilothouse.monitoring.counted_windows import Milliseconds

COLUMNS = ("prediction_id", "event_at")
MAX_TRIES = 20  # while files are being merged, or another process cuts
NONE: Milliseconds = np.empty(0, dtype=np.int64)


def stored_cuts(session: Session, deployment: str, size: int) -> CountedWindows:
    """The windows of so many predictions that a deployment has."""
    query = select(WindowCut.at).where(WindowCut.deployment == deployment, WindowCut.size == size)
    return CountedWindows(size, tuple(session.exec(query.order_by(col(WindowCut.at)))))


def of_scheme(session: Session, deployment: str, scheme: WindowScheme, span: Span) -> Span:
    """A span, with its number of predictions where it is such a window of a scheme."""
    if not scheme.is_counted:
        return span
    windows = stored_cuts(session, deployment, scheme.length)
    (window,) = windows.windows_with(span.start)
    return window if replace(window, size=0) == span else span


def cut(store: Store, deployment: str, size: int, until: datetime) -> CountedWindows:
    """The windows of so many predictions, with those that predictions before an instant fill.

    Only what waits for a window is read, and that only when it may be enough for one.
    """
    for _ in range(MAX_TRIES):
        with store.read() as session:
            windows = stored_cuts(session, deployment, size)
        try:
            extended = extended_by_log(store.folder, deployment, windows, until)
        except FileNotFoundError:  # merged meanwhile
            continue
        new = set(extended.cuts) - set(windows.cuts)
        if not new:
            return windows
        with store.write() as session:
            if stored_cuts(session, deployment, size) == windows:
                rows = [WindowCut(deployment=deployment, size=size, at=at) for at in sorted(new)]
                session.add_all(rows)
                return extended
    raise Unavailable(
        f"the log of {deployment!r} changes faster than it can be read.",
        hint="Try again in a moment.",
    )


def extended_by_log(
    workspace: Path, deployment: str, windows: CountedWindows, until: datetime
) -> CountedWindows:
    """The windows with those that the log fills by events before an instant.

    Raises FileNotFoundError when files were merged meanwhile: begin again.
    """
    *before, after = windows.waiting
    for span in before:
        windows = windows.extended(_times(workspace, deployment, windows.size, span, until), NONE)
    if _is_too_few(workspace, deployment, windows.size, after, until):
        return windows
    waiting = NONE
    for day in _days(workspace, deployment, after, until):  # PERF: a log may have very many rows
        times = _times(workspace, deployment, 0, day, until)
        waiting = np.concatenate([waiting, times])
        windows = windows.extended(NONE, waiting)
        waiting = waiting[waiting >= to_ms(windows.waiting[-1].start)]
    return windows


def _days(workspace: Path, deployment: str, span: Span, until: datetime) -> Iterator[Span]:
    """A span up to an instant, in parts: one for each date of the log."""
    folder = log.tree_folder(workspace, log.PREDICTIONS, deployment)
    dates = {log.day_of(path) for path in folder.glob(f"{log.DAY}*")}
    starts = [datetime.combine(day, time(), UTC) for day in dates if day is not None]
    end = min(span.end, until)
    for ends in pairwise([span.start, *sorted(at for at in starts if span.start < at < end), end]):
        yield Span(*ends)


def _times(
    workspace: Path, deployment: str, size: int, span: Span, until: datetime
) -> Milliseconds:
    """Event times of the predictions of a span before an instant; none if fewer than a window."""
    if size and _is_too_few(workspace, deployment, size, span, until):
        return NONE
    frame = log.predictions(workspace, deployment, *_ends(span, until), columns=COLUMNS)
    times = frame["event_at"].astype("datetime64[ms, UTC]").astype(np.int64)
    return np.asarray(times, dtype=np.int64)


def _is_too_few(workspace: Path, deployment: str, size: int, span: Span, until: datetime) -> bool:
    return receipts.predictions_at_most(workspace, deployment, *_ends(span, until)) < size


def _ends(span: Span, until: datetime) -> tuple[datetime | None, datetime]:
    return (None if span.start == EARLIEST else span.start), min(span.end, until, LATEST)
