"""The Python API of the request log: requests by time, version and outcome, predictions by id."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from pilothouse.deployments import commands
from pilothouse.deployments.prediction_log import log
from pilothouse.kit.errors import Invalid
from pilothouse.storage.service import Service

if TYPE_CHECKING:
    import pandas as pd

MAX_IDS = 1_000
DEFAULT_SPAN = timedelta(days=1)
AHEAD = timedelta(days=1)  # a clock that was set back has left rows of later times
MICROSECOND = timedelta(microseconds=1)
OUTCOMES: Mapping[str, tuple[int, int]] = {  # statuses from, and below
    "answered": (200, 400),
    "refused": (400, 500),
    "failed": (500, 600),
}


class RequestLogCommands(Service):
    """What was asked of a deployment, and how it ended."""

    def requests(
        self,
        name: str,
        start: datetime | None = None,
        end: datetime | None = None,
        *,
        version: int | None = None,
        outcome: str = "",
        limit: int | None = None,
    ) -> pd.DataFrame:
        """Requests received in start <= received_at < end, the newest first; the last day without.

        With `limit` days are read from the newest back until there are enough, and no more rows
        are returned than that.
        `outcome` is answered, refused (4xx) or failed (5xx); empty for all. Columns: received_at,
        version, rows, latency_ms, status. Raises NotFound, Invalid for an unknown outcome.
        """
        import pandas as pd

        if outcome and outcome not in OUTCOMES:
            names = ", ".join(OUTCOMES)
            raise Invalid(f"no outcome {outcome!r}.", fields={"outcome": f"one of {names}"})
        with self._store.read() as session:
            commands.require(session, name)
        if start is None:
            start = (end or self._store.now()) - DEFAULT_SPAN
        if limit is None:
            return _chosen(log.requests(self._store.folder, name, start, end), version, outcome)
        parts: list[pd.DataFrame] = []
        for first, last in _days_back(start, end or self._store.now() + AHEAD):
            frame = log.requests(self._store.folder, name, first, last)
            parts.append(_chosen(frame, version, outcome))
            if sum(map(len, parts)) >= limit:
                break
        return pd.concat(parts, ignore_index=True).head(limit)

    def find_predictions(self, name: str, ids: Sequence[str]) -> pd.DataFrame:
        """Logged predictions by their ids, whatever their date; columns as in `predictions`.

        Raises NotFound without the deployment, Invalid for too many ids.
        """
        import pandas as pd

        if len(ids) > MAX_IDS:
            allowed = f"at most {MAX_IDS:,}"
            raise Invalid(f"{len(ids):,} ids were given.", fields={"ids": allowed})
        with self._store.read() as session:
            commands.require(session, name)
        query = log.LogQuery(ids=pd.Series(list(ids), dtype=object))
        table = log.union(self._store.folder, name, log.PREDICTIONS, query) if ids else None
        if table is None:
            return pd.DataFrame(columns=list(log.PREDICTION_COLUMNS))
        frame: pd.DataFrame = table.to_pandas()
        frame = frame.drop(columns=["segment", "seq"], errors="ignore")
        frame = frame.sort_values("received_at", kind="stable")
        return frame.drop_duplicates("prediction_id", ignore_index=True)


def _days_back(start: datetime, end: datetime) -> Iterator[tuple[datetime, datetime]]:
    """The days of a span, as the log is kept, the newest first; at least one."""
    while True:
        midnight = (end - MICROSECOND).replace(hour=0, minute=0, second=0, microsecond=0)
        yield max(midnight, start), end
        end = midnight
        if end <= start:
            return


def _chosen(frame: pd.DataFrame, version: int | None, outcome: str) -> pd.DataFrame:
    """The requests of a version and an outcome, the newest first."""
    if version is not None:
        frame = frame[frame["version"] == version]
    if outcome:
        low, high = OUTCOMES[outcome]
        frame = frame[(frame["status"] >= low) & (frame["status"] < high)]
    frame = frame.drop(columns="caller", errors="ignore")
    return frame.iloc[::-1].reset_index(drop=True)
