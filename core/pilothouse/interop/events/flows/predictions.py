"""Predictions out: what a deployment answered, from its log, under the prediction id."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from sqlmodel import Session

from pilothouse.deployments import commands
from pilothouse.deployments.prediction_log import journal, log
from pilothouse.interop.events.cloud_events import FORMAT, OutgoingEvent, outgoing, source_of
from pilothouse.interop.events.flow_context import FlowContext
from pilothouse.interop.events.flows import START, flows
from pilothouse.interop.events.messages import IncomingMessage, PreviewedMessage
from pilothouse.interop.events.sender import OutgoingBatch, Sender, previews
from pilothouse.kit.clock import EPOCH, SystemClock, to_ms
from pilothouse.kit.parameters import Parameter, Params
from pilothouse.storage import Store

if TYPE_CHECKING:
    import pandas as pd

MICROSECOND = timedelta(microseconds=1)
# A line is written at once after its instant of receipt was taken; so much later it is there.
SETTLED = timedelta(seconds=2)
FEW = 10
JOURNAL_CLOCK = SystemClock()  # that of its stamps, which are never a workspace's


@flows.register("predictions")
class PredictionsOut:
    """The prediction log of one deployment."""

    title = "Predictions out"
    description = "What a deployment answered, under the prediction id, once it is logged."
    direction = "out"
    of_deployment = "one"
    parameters = (
        Parameter("inputs", "boolean", False, help="Whether the logged inputs are sent too."),
        FORMAT,
        START,
    )

    @staticmethod
    def check(session: Session, deployment: str, options: Params) -> None:
        """Raise NotFound without the deployment."""
        commands.require(session, deployment)

    @staticmethod
    def begin(session: Session, store: Store, deployment: str, options: Params) -> int:
        """What is received from now on, or everything."""
        return _us(JOURNAL_CLOCK.now()) if options.text("start") == "newest" else 0

    @staticmethod
    def open(context: FlowContext) -> Sender:
        """Connect to the topic."""
        return Sender(context, PredictionRows(context.store, context.deployment, context.options))

    @staticmethod
    def judge(
        store: Store, deployment: str, options: Params, messages: list[IncomingMessage]
    ) -> list[PreviewedMessage]:
        """The newest predictions as they would be sent."""
        recent = log.recent(store.folder, deployment, FEW)
        rows = PredictionRows(store, deployment, options)
        return previews([rows.message(row) for row in _records(recent)])


class PredictionRows:
    """The predictions of a deployment by when they were received, in microseconds."""

    def __init__(self, store: Store, deployment: str, options: Params) -> None:
        self._store, self._deployment, self._options = store, deployment, options
        self._source = source_of(store.settings.public_url, store.folder.name)
        self._idle_files: object = (
            None  # the journal's files when there was nothing behind the cursor
        )

    def after(self, cursor: int, most: int) -> OutgoingBatch:
        """The next predictions; those of one request stay together."""
        files = self._files()
        if files == self._idle_files:
            return OutgoingBatch((), cursor)
        end = JOURNAL_CLOCK.now() - SETTLED
        received = self._received(cursor, end)
        if received.empty:
            newest = self._received(cursor, JOURNAL_CLOCK.now() + SETTLED)
            self._idle_files = files if newest.empty else None
            return OutgoingBatch((), cursor)
        last = received.sort_values().iloc[min(most, len(received)) - 1]
        rows = self._rows(cursor, last.to_pydatetime() + MICROSECOND)
        return OutgoingBatch([self.message(row) for row in _records(rows)], _us(last))

    def waiting(self, cursor: int) -> int | None:
        """How many predictions are behind a cursor."""
        if self._idle_files is not None and self._files() == self._idle_files:
            return 0
        return len(self._received(cursor, JOURNAL_CLOCK.now() + SETTLED))

    def message(self, row: dict[str, Any]) -> Any:
        """A prediction as it is sent."""
        outputs = {
            name.removeprefix("out."): value
            for name, value in row.items()
            if log.is_output_column(name)
        }
        data: dict[str, Any] = {
            "prediction_id": row["prediction_id"],
            "deployment": self._deployment,
            "model": row["model"],
            "version": int(row["version"]),
            "event_at": to_ms(row["event_at"]),
            "received_at": to_ms(row["received_at"]),
            "latency_ms": row["latency_ms"],
            "outputs": outputs,
        }
        if self._options["inputs"]:
            own = (*log.PREDICTION_COLUMNS, log.FEATURES_AT, *row_outputs(row))
            data["inputs"] = {name: value for name, value in row.items() if name not in own}
        event = OutgoingEvent(
            data["prediction_id"], "prediction", self._deployment, row["received_at"], data
        )
        return outgoing(event, self._source, self._options.text("format"))

    def _received(self, cursor: int, end: datetime) -> pd.Series[Any]:
        """When predictions behind a cursor were received, before an instant."""
        import pandas as pd

        start = _at(cursor) + MICROSECOND
        query = log.LogQuery(columns=["received_at"], received=(start, end))
        table = log.union(self._store.folder, self._deployment, log.PREDICTIONS, query)
        if table is None:
            return pd.Series([], dtype="datetime64[us, UTC]")
        received: pd.Series[Any] = table.to_pandas()["received_at"]
        return received[(received >= start) & (received < end)]

    def _rows(self, cursor: int, end: datetime) -> pd.DataFrame:
        start = _at(cursor) + MICROSECOND
        query = log.LogQuery(received=(start, end))
        table = log.union(self._store.folder, self._deployment, log.PREDICTIONS, query)
        assert table is not None  # whose receipts were read just now
        frame: pd.DataFrame = table.to_pandas()
        frame = frame[(frame["received_at"] >= start) & (frame["received_at"] < end)]
        frame = frame.sort_values("received_at", kind="stable")
        return frame.drop_duplicates("prediction_id", ignore_index=True)

    def _files(self) -> object:
        """The journal's files with their sizes: what is new is there first."""
        folder = log.journal_folder(self._store.folder, self._deployment)
        sizes = []
        for path in journal.paths(folder):
            try:
                sizes.append((path.name, path.stat().st_size))
            except FileNotFoundError:
                sizes.append((path.name, -1))
        return tuple(sizes)


def row_outputs(row: dict[str, Any]) -> list[str]:
    """The columns of a logged row that are outputs."""
    return [name for name in row if log.is_output_column(name)]


def _records(frame: pd.DataFrame) -> Iterator[dict[str, Any]]:
    """The rows as plain values; what is missing is None."""
    for row in frame.astype(object).to_dict("records"):
        yield {str(name): _plain(value) for name, value in row.items()}


def _plain(value: Any) -> Any:
    return None if value is None or value != value else value


def _us(at: datetime) -> int:
    return (at - EPOCH) // MICROSECOND


def _at(us: int) -> datetime:
    return EPOCH + us * MICROSECOND
