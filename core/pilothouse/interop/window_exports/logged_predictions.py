"""The predictions of a deployment with their labels, by the version that answered."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from pilothouse.deployments import commands
from pilothouse.deployments.masked_log import masking_of_log
from pilothouse.interop.window_exports.arize_files import ID, TIME
from pilothouse.models.signature import Signature
from pilothouse.monitoring import window_data
from pilothouse.monitoring.evidently_report import column_kinds, report_frame
from pilothouse.monitoring.windows import Span
from pilothouse.storage import Store

if TYPE_CHECKING:
    import pandas as pd

FIRST, LAST = datetime(1970, 1, 1, tzinfo=UTC), datetime(2200, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, eq=False)
class VersionRows:
    """What one version answered: its report frame, with the ids and the times in seconds."""

    model: str
    version: int
    signature: Signature
    frame: pd.DataFrame

    @property
    def ref(self) -> str:
        """The version's name: "churn@3"."""
        return f"{self.model}@{self.version}"


def by_version(
    store: Store, deployment: str, start: datetime | None, end: datetime | None
) -> Iterator[VersionRows]:
    """The rows of a period by event time, the version that answered most first. Raises NotFound.

    They leave the workspace, so personal data is masked.
    """
    with store.read() as session:
        commands.require(session, deployment)
        masking = masking_of_log(session, deployment)
    frame = window_data.observe(store, deployment, Span(start or FIRST, end or LAST))
    if not len(frame):
        return
    for model, version, rows in window_data.by_version(frame):
        with store.read() as session:
            signature = commands.signature_of(session, deployment, model, version)
        names = [name for name in column_kinds(signature) if name in signature.names]
        part = report_frame(window_data.rows_of(rows, signature, names), signature)
        part = masking.frame(part)
        seconds = rows["event_at"].astype("datetime64[s, UTC]").astype("int64")
        ids = rows["prediction_id"].tolist()
        part = part.assign(**{ID: ids, TIME: seconds.tolist()})
        yield VersionRows(model, version, signature, part)
