"""The predictions of a deployment with their labels, by the version that answered."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from pilothouse.deployments import commands
from pilothouse.deployments.masked_log import masking_of_log
from pilothouse.deployments.prediction_log.stored_columns import (
    FEATURE,
    OUTPUT,
    PREDICTION_COLUMNS,
    feature_column,
    is_output_column,
)
from pilothouse.interop.window_exports.arize_files import ID, TIME
from pilothouse.interop.window_exports.openinference_spans import AnsweredRow
from pilothouse.models.signature import Signature
from pilothouse.models.tasks import SCORE
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


def answered_rows(
    store: Store, deployment: str, start: datetime | None, end: datetime | None
) -> list[AnsweredRow]:
    """The predictions of a period by event time, of every version and task. Raises NotFound.

    Inputs that are not logged are missing, those that are hashed have their hash. They leave the
    workspace, so personal data is masked.
    """
    with store.read() as session:
        commands.require(session, deployment)
        masking = masking_of_log(session, deployment)
    frame = window_data.observe(store, deployment, Span(start or FIRST, end or LAST))
    frame = masking.frame(frame, {feature_column(column) for column in masking.kinds})
    own = {*PREDICTION_COLUMNS, window_data.LABEL, window_data.LABEL_AT}
    outputs = {str(name): _bare(str(name)) for name in frame if is_output_column(str(name))}
    inputs = {
        str(name): str(name).removeprefix(FEATURE)
        for name in frame
        if name not in own and name not in outputs
    }
    return [
        AnsweredRow(
            id=str(row["prediction_id"]),
            deployment=deployment,
            version=f"{row['model']}@{row['version']}",
            at=row["event_at"].to_pydatetime(),
            latency_ms=_number(row["latency_ms"]),
            inputs=_values(row, inputs),
            outputs=_values(row, outputs),
            label=_plain(row[window_data.LABEL]),
        )
        for row in frame.sort_values(["event_at", "prediction_id"]).to_dict(orient="records")
    ]


def _bare(column: str) -> str:
    return column if column == SCORE else column.removeprefix(OUTPUT)


def _number(value: Any) -> float:
    return float(value) if value is not None and value == value else 0.0


def _values(row: Mapping[Any, Any], names: Mapping[str, str]) -> dict[str, Any]:
    """The values of columns under their own names; those that are missing are left out."""
    values = {own: _plain(row[column]) for column, own in names.items()}
    return {name: value for name, value in values.items() if value is not None}


def _plain(value: Any) -> Any:
    """A value as JSON has it; None for one that is missing."""
    if hasattr(value, "tolist"):
        value = value.tolist()
    if value is None or value != value:
        return None
    return value if isinstance(value, str | bool | int | float | list) else str(value)
