"""What a deployment has received, by window: when the newest prediction or label of each was."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from pilothouse.deployments.prediction_log import receipts
from pilothouse.deployments.prediction_log.receipts import FileTimes
from pilothouse.monitoring.counted_windows import LATEST, CountedWindows
from pilothouse.monitoring.monitor_config import MonitorConfig
from pilothouse.monitoring.windows import Span, WindowScheme

if TYPE_CHECKING:
    import pyarrow as pa

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)
MAX_WINDOWS = 400  # of one file, until it is read rather than looked up
Microseconds = npt.NDArray[np.int64]


@dataclass
class ReceivedData:
    """Of busy windows when the newest prediction or label was received.

    Data that were received after the monitor has given up on a window do not count: a window with
    no others has None. Judged windows without news may be missing.
    """

    config: MonitorConfig
    windows: WindowScheme | CountedWindows
    newest: dict[Span, datetime | None] = field(default_factory=dict)

    def add(self, events: Microseconds, received: Microseconds) -> None:
        """Add predictions, or labels of such, by event time and time of receipt."""
        hours = self.config.give_up_after
        order = np.argsort(events, kind="stable")
        events, received = events[order], received[order]
        first = 0
        while first < len(events):  # one turn for each busy step
            windows = self.windows.windows_with(_instant(events[first]))
            last = int(np.searchsorted(events, _microseconds(windows[0].end)))
            times = received[first:last]
            for window in windows:
                counted = times
                if hours is not None:
                    limit = window.end + timedelta(hours=hours)
                    counted = times[times <= _microseconds(limit)]
                latest = _instant(counted.max()) if len(counted) else None
                before = self.newest.setdefault(window, latest)
                if latest is not None and (before is None or latest > before):
                    self.newest[window] = latest
            first = last


def read_received(
    workspace: Path,
    deployment: str,
    config: MonitorConfig,
    windows: WindowScheme | CountedWindows,
    judged: Mapping[Span, datetime | None],
    until: datetime,
) -> ReceivedData:
    """What was received of events before an instant.

    `windows` say which window an event falls in. `judged` are windows of the monitor with the
    instant until which they include all data, None of those that were removed. Files that were
    received before, and whose windows were all judged, are not read. Raises
    FileNotFoundError when files were merged meanwhile: begin again.
    """
    since = _all_include(config, judged)
    received = ReceivedData(config, windows)

    def is_needed(times: FileTimes) -> bool:
        if since is None or times.received is None or times.events is None:
            return True
        return bool(times.received[1] > since) or not _are_judged(windows, times, judged)

    for table in receipts.prediction_times(workspace, deployment, is_needed, end=until):
        _add(received, table, until)
    if judged:
        for labels in receipts.labels_since(workspace, deployment, since):
            _add_labels(received, workspace, deployment, labels, until)
    return received


def _all_include(config: MonitorConfig, judged: Mapping[Span, datetime | None]) -> datetime | None:
    """The instant until which all judged windows include all data; None when there is none."""
    instants = []
    for span, at in judged.items():
        if at is None:
            continue
        gives_up = config.give_up_after is not None and at >= span.end + timedelta(
            hours=config.give_up_after
        )
        if not gives_up:
            instants.append(at)
    return min(instants, default=None)


def _are_judged(
    windows: WindowScheme | CountedWindows, times: FileTimes, judged: Mapping[Span, datetime | None]
) -> bool:
    """Whether every window of a file's events was judged."""
    assert times.events is not None
    first, last = (at.astimezone(UTC) for at in times.events)
    for window in islice(windows.windows_from(first), MAX_WINDOWS):
        if window.start > last:
            return True
        if window not in judged:
            return False
        if window.end == LATEST:  # nothing follows what waits for a window
            return True
    return False


def _add(received: ReceivedData, table: pa.Table, until: datetime) -> None:
    events, times = (_as_microseconds(table[name]) for name in ("event_at", "received_at"))
    early = events < _microseconds(until)
    received.add(events[early], times[early])


def _add_labels(
    received: ReceivedData, workspace: Path, deployment: str, labels: pa.Table, until: datetime
) -> None:
    """Labels count for the windows of their predictions; those of unknown ones do not."""
    frame = labels.to_pandas().sort_values("received_at")
    newest = frame.drop_duplicates("prediction_id", keep="last").set_index("prediction_id")
    events = receipts.event_times(workspace, deployment, newest.index.to_series())
    events = events[events < until]
    if not len(events):
        return
    times = newest.loc[events.index, "received_at"]
    received.add(_of_series(events), _of_series(times))


def _of_series(times: Any) -> Microseconds:
    return np.asarray(times.astype("datetime64[us, UTC]").astype("int64"), dtype=np.int64)


def _as_microseconds(column: pa.ChunkedArray) -> Microseconds:
    import pyarrow as pa

    cast = column.cast(pa.timestamp("us", "UTC"), safe=False).cast(pa.int64())
    return np.asarray(cast.to_numpy(), dtype=np.int64)


def _microseconds(at: datetime) -> int:
    return (at - EPOCH) // MICROSECOND


def _instant(microseconds: np.int64) -> datetime:
    return EPOCH + int(microseconds) * MICROSECOND
