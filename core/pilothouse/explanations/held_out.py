"""The held-out rows of a version, with labels and answers, and the rows it is explained against."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

from pilothouse.comparison.predictions import RunPredictions, features, predictions
from pilothouse.data import Data
from pilothouse.data.personal_data.personal_columns import masking_of_all
from pilothouse.data.personal_data.version_erasure import erasures_of
from pilothouse.deployments.prediction_log import log
from pilothouse.deployments.scoring import answerable, request_columns
from pilothouse.deployments.tables import Deployment
from pilothouse.experiments import Experiments
from pilothouse.experiments.tables import RunArtifact
from pilothouse.kit.errors import Conflict, Invalid, NotFound
from pilothouse.models.answers import OUTPUT_PREFIX
from pilothouse.models.signature import Signature
from pilothouse.models.tasks import Task, task_of
from pilothouse.monitoring.masked_values import MaskedValues, with_key
from pilothouse.registry import evaluations
from pilothouse.registry.info import VersionInfo
from pilothouse.storage import Store

if TYPE_CHECKING:
    import pandas as pd

    from pilothouse.experiments.details import RunInfo

LOGGED_ROWS = 500  # of a deployment, when a version has no held-out rows
NO_ROWS = "it has no evaluated rows; evaluate it on labelled rows"


class HeldOutRows:
    """The rows that a version was judged on; each part is read when it is first asked for."""

    def __init__(self, store: Store, info: VersionInfo) -> None:
        self.store, self.info = store, info

    @property
    def task(self) -> Task:
        """The task of its model."""
        return task_of(self.info.signature)

    @cached_property
    def run(self) -> RunInfo:
        """The run with the rows that the version was judged on. Raises Conflict without one."""
        with self.store.read() as session:
            reference = evaluations.reference_of(session, self.info.model, self.info.version)
        if reference is None:
            raise Conflict(NO_ROWS)
        return Experiments(self.store).run(reference[0])

    @cached_property
    def predictions(self) -> RunPredictions:
        """These rows with labels and answers. Raises Conflict when they have no labels."""
        read = predictions(self.store, self.run)
        if read is None:
            raise Conflict("its evaluated rows have no labels; evaluate it on labelled rows")
        return read

    @cached_property
    def features(self) -> pd.DataFrame:
        """The inputs of these rows."""
        return features(self.store, self.predictions)

    @property
    def dataset(self) -> str:
        """The dataset version that these rows are of."""
        return next((source.dataset for source in self.run.inputs), self.info.dataset)

    @property
    def rows(self) -> str:
        """The rows in words."""
        return f"{len(self.predictions.rows):,} held-out rows of {self.dataset}"

    @cached_property
    def masked(self) -> MaskedValues:
        """What these rows show of personal data."""
        dataset = self.dataset.partition("@")[0]
        with self.store.read() as session:
            masking = masking_of_all(session, [dataset] if dataset else ())
        return with_key(self.store, masking)

    def columns(self, names: list[str]) -> pd.DataFrame:
        """Columns of these rows, inputs of the model or not. Raises Invalid, NotFound."""
        lacking = [name for name in names if name not in self.features]
        if not lacking:
            return self.features[names]
        positions = self.predictions.rows.row_numbers
        if positions is None or not self.dataset:
            raise Invalid(f"its rows have no column {', '.join(lacking)}")
        with self.store.read() as session:
            if erasures_of(session, self.dataset):
                raise Conflict(
                    f"rows of {self.dataset} were erased since this run was evaluated on it, and "
                    "its rows cannot be told by their numbers any more.",
                    hint="Evaluate the version again.",
                )
        names_there = Data(self.store).version(self.dataset).column_names
        if absent := [name for name in lacking if name not in names_there]:
            raise NotFound(f"{self.dataset} has no column {', '.join(absent)}")
        others = Data(self.store).frame(self.dataset, lacking).iloc[positions]
        others = others.reset_index(drop=True)
        return self.features.assign(**{name: others[name] for name in lacking})[names]


def background(store: Store, info: VersionInfo, count: int) -> tuple[pd.DataFrame, str]:
    """At most so many rows as requests have them, drawn at random, and what they are in words.

    Held-out rows, with or without labels, else the newest ones that a deployment answered with the
    version. Raises Conflict when there are neither.
    """
    from pilothouse.training.splits import thin

    frame, description = _held_out(store, info)
    if frame is None:
        frame, description = _logged(store, info)
    if frame is None or frame.empty:
        raise Conflict(
            f"there are no rows that {info.ref} could be explained against.",
            hint="Evaluate it on a dataset version, or deploy it and send it rows.",
        )
    chosen = frame.iloc[thin(len(frame), count, 0)].reset_index(drop=True)
    return plain_frame(info.signature, chosen), f"{len(chosen):,} of {description}"


def plain_frame(signature: Signature, frame: pd.DataFrame) -> pd.DataFrame:
    """Rows as a request has them: one column of plain values for each input. Raises Invalid."""
    import pandas as pd

    inputs = frame[[name for name in signature.names if name in frame]].reset_index(drop=True)
    columns = request_columns(signature, inputs)
    return pd.DataFrame({name: pd.Series(values, dtype=object) for name, values in columns.items()})


def _held_out(store: Store, info: VersionInfo) -> tuple[pd.DataFrame | None, str]:
    import pyarrow.parquet as pq

    with store.read() as session:
        reference = evaluations.reference_of(session, info.model, info.version)
        file = None if reference is None else session.get(RunArtifact, reference)
    if file is None:
        return None, ""
    source = pq.ParquetFile(store.artifacts.local_path(file.digest))
    names = [name for name in source.schema_arrow.names if not name.startswith(OUTPUT_PREFIX)]
    own = [name for name in info.signature.names if name in names]
    frame: pd.DataFrame = source.read(columns=own).to_pandas()
    frame = frame[answerable(info.signature, frame)]
    return frame, f"{len(frame):,} held-out rows"


def _logged(store: Store, info: VersionInfo) -> tuple[pd.DataFrame | None, str]:
    from sqlmodel import select

    with store.read() as session:
        query = select(Deployment.name).where(Deployment.model == info.model)
        names = list(session.exec(query.order_by(Deployment.name)))
    for name in names:
        frame = log.recent(store.folder, name, LOGGED_ROWS)
        own = frame[(frame["model"] == info.model) & (frame["version"] == info.version)]
        if len(own):
            columns = {log.feature_column(n): n for n in info.signature.names}
            rows = own[[c for c in columns if c in own]].rename(columns=columns)
            rows = rows[answerable(info.signature, rows)]
            return rows, f"the newest {len(rows):,} rows of {name}"
    return None, ""
