"""Rows that can be explained: a version's example, a row of a dataset, a logged prediction."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from pilothouse.data import Data
from pilothouse.data import versions as data_versions
from pilothouse.deployments import commands
from pilothouse.deployments.prediction_log import log
from pilothouse.deployments.prediction_log.log import LogQuery
from pilothouse.kit.errors import Conflict, Invalid, NotFound
from pilothouse.models.signature import Signature
from pilothouse.registry import versions
from pilothouse.registry.info import VersionInfo
from pilothouse.storage import Store

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class LoggedPrediction:
    """A prediction of a deployment's log: the record that was sent, and the logged outputs."""

    deployment: str
    prediction_id: str
    model: str
    version: int
    event_at: datetime
    record: Mapping[str, Any]
    outputs: Mapping[str, Any]

    @property
    def source(self) -> str:
        """What it is in words."""
        return f"prediction {self.prediction_id} of {self.deployment}"


def logged_prediction(store: Store, deployment: str, prediction_id: str) -> LoggedPrediction:
    """A prediction by its id. Raises NotFound without it, Conflict when its version is unknown."""
    import pandas as pd

    with store.read() as session:
        commands.require(session, deployment)
    query = LogQuery(ids=pd.Series([prediction_id], dtype=object))
    table = log.union(store.folder, deployment, log.PREDICTIONS, query)
    if table is None or not table.num_rows:
        raise NotFound(
            f"{deployment!r} has no prediction {prediction_id!r} in its log.",
            hint="`pilothouse deployments predictions` lists the newest with their ids.",
        )
    frame: pd.DataFrame = table.to_pandas()
    row = frame.sort_values("received_at", kind="stable").iloc[0]
    if not row["model"]:
        raise Conflict(f"the prediction {prediction_id!r} is of no registered version.")
    with store.read() as session:
        info = versions.find(session, str(row["model"]), int(row["version"]))
    return LoggedPrediction(
        deployment,
        prediction_id,
        info.model,
        info.version,
        row["event_at"].to_pydatetime(),
        _record(info.signature, frame.loc[[row.name]]),
        {
            str(name): plain_value(value)
            for name, value in row.items()
            if log.is_output_column(str(name))
        },
    )


def dataset_record(store: Store, info: VersionInfo, dataset: str, row: int) -> dict[str, Any]:
    """The inputs of a row of a dataset version, counted from 0. Raises NotFound, Invalid."""
    from pilothouse.explanations.held_out import plain_frame

    with store.read() as session:
        data = data_versions.require(session, dataset)
    if not 0 <= row < data.rows:
        raise Invalid(
            f"{data.ref} has no row {row}.",
            hint=f"Its rows are counted from 0 to {data.rows - 1}.",
            fields={"row": f"0 to {data.rows - 1}"},
        )
    names = [name for name in info.signature.names if name in data.column_names]
    frame = Data(store).frame(data.ref, names).iloc[[row]]
    return first_record(plain_frame(info.signature, frame))


def first_record(frame: pd.DataFrame) -> dict[str, Any]:
    """The first row by column."""
    return {str(name): value for name, value in frame.iloc[0].items()}


def plain_value(value: Any) -> Any:
    """A cell as JSON would bring it: None where it is missing."""
    plain = value.item() if hasattr(value, "item") else value
    if isinstance(plain, list | tuple | dict):
        return plain
    return None if plain is None or plain != plain else plain


def _record(signature: Signature, frame: pd.DataFrame) -> dict[str, Any]:
    from pilothouse.explanations.held_out import plain_frame

    names = {log.feature_column(name): name for name in signature.names}
    own = frame[[column for column in names if column in frame]].rename(columns=names)
    return first_record(plain_frame(signature, own))
