"""The data of a training: labelled rows, their feature columns, their splits."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import numpy.typing as npt

from pilothouse.data import versions
from pilothouse.data.info import ColumnProfile
from pilothouse.kit.errors import Invalid
from pilothouse.models.signature import FieldType, Signature, SignatureField
from pilothouse.models.tasks import Task
from pilothouse.storage import Store
from pilothouse.training.columns import FeatureColumns
from pilothouse.training.evaluation import EVALUATION_FOLDS, are_too_few
from pilothouse.training.features import ColumnUse, column_uses, features
from pilothouse.training.spec import AUTO, FOLDS, HELD_OUT, TrainingSpec
from pilothouse.training.split_rows import SplitRows, of_positions
from pilothouse.training.splits import Groups, Instants, Kind, Rows, Split, thin
from pilothouse.training.target import BooleanWords, Floats, TargetColumn, read_target
from pilothouse.training.task_options import resolve_task

if TYPE_CHECKING:
    import pandas as pd

    from pilothouse.training.encoding import Encoder

log = logging.getLogger(__name__)
VALIDATION_SHARE = 0.25


@dataclass(frozen=True)
class TrainingTable:
    """A dataset version as training reads it."""

    ref: str
    frame: pd.DataFrame
    types: Mapping[str, FieldType]
    profile: tuple[ColumnProfile, ...]
    event_time: str | None = None
    boolean_words: Mapping[str, BooleanWords] = field(default_factory=dict)


@dataclass(frozen=True)
class TrainingData:
    """Labelled rows with their features, which of them are held out, and the folds of the others.

    `target` has the labels, its rows being those of the frame. `at` are the rows' event times in
    milliseconds, None where the data has none. `rows` is the number of rows of the dataset version.
    Evaluated by folds, all rows are fitted on, and the folds answer those of the split's test.
    """

    dataset: str
    frame: pd.DataFrame
    types: Mapping[str, FieldType]
    columns: FeatureColumns
    target: TargetColumn
    boolean_words: Mapping[str, BooleanWords]
    uses: tuple[ColumnUse, ...]
    at: Instants | None
    labelled: SplitRows
    rows: int
    kind: Kind
    evaluation: str
    split: Split
    folds: tuple[Split, ...]

    @property
    def spec(self) -> TrainingSpec:
        """The training's spec with its task, metric and levels settled."""
        return self.target.spec

    def with_spec(self, spec: TrainingSpec) -> TrainingData:
        """The same rows for another spec whose settings of the data are the same.

        Raises Invalid when its trainer or its metric does not fit the task.
        """
        settled = resolve_task(spec, self.target.facts)
        settled = replace(settled, positive=self.spec.positive)
        return replace(self, target=replace(self.target, spec=settled))

    @property
    def task(self) -> Task:
        """The task of the training."""
        return self.target.task

    @property
    def y(self) -> npt.NDArray[Any]:
        """What an estimator is fitted on: positions of classes, or numbers."""
        return self.target.y

    @property
    def truth(self) -> Floats:
        """What the task compares answers with."""
        return self.target.truth

    @property
    def origin(self) -> Rows:
        """The position of each row in the dataset version."""
        return self.target.rows

    @property
    def groups(self) -> Groups | None:
        """The number of each row's group, where the spec names a column of groups."""
        return self.labelled.groups

    @property
    def by_folds(self) -> bool:
        """Whether the folds answer the rows that it is evaluated on."""
        return self.evaluation == FOLDS

    @property
    def held_out(self) -> str:
        """A digest that two trainings share exactly when they are evaluated on the same rows.

        By folds, these are also the same folds: the models of both saw the same rows.
        """
        digest = hashlib.sha256(f"{self.dataset}\n".encode())
        for part in self.folds if self.by_folds else (self.split,):
            digest.update((b"fold\n" if self.by_folds else b"") + self._positions(part.test))
        return digest.hexdigest()

    def _positions(self, rows: Rows) -> bytes:
        return self.origin[rows].astype("<i8").tobytes()

    def within(self, fold: Split) -> TrainingData:
        """The training of one fold: what it answers is held out, its folds are of the others."""
        inner = _folds_within(self.spec, self.kind, fold, self.labelled)
        return replace(self, evaluation=HELD_OUT, split=fold, folds=inner)

    def signature(self, encoder: Encoder, threshold: float) -> Signature:
        """What the model takes and answers, with what the fitted rows showed of each column."""
        fitted = self.frame.iloc[self.split.train]
        inputs = tuple(self._field(fitted, name, encoder) for name in self.columns.names)
        return replace(self.target.signature, inputs=inputs, threshold=threshold)

    def _field(self, fitted: pd.DataFrame, name: str, encoder: Encoder) -> SignatureField:
        """A column of the model. Pipelines of trainers take missing values, seen before or not."""
        column, kind = fitted[name], self.types[name]
        field = SignatureField(
            name, kind, required=not bool(_is_missing(column).any()), nullable=True
        )
        if kind == "string":
            return replace(field, categories=encoder.categories_of(name))
        if kind == "boolean":
            return replace(field, boolean_words=self.boolean_words.get(name))
        low, high = _bounds(column)
        return replace(field, low=low, high=high)


def _is_missing(column: pd.Series[Any]) -> npt.NDArray[np.bool_]:
    """Where a column has no value that a model can use: an infinite number is none."""
    values = column.to_numpy()
    return np.asarray(~np.isfinite(values) if values.dtype.kind == "f" else column.isna())


def _bounds(column: pd.Series[Any]) -> tuple[float | None, float | None]:
    """The least and the greatest usable value; of times, in milliseconds since the epoch."""
    present = column[~_is_missing(column)]
    if not len(present):
        return None, None
    if present.dtype.kind == "M":
        present = present.dt.tz_localize(None).astype("datetime64[ms]").astype("int64")
    return float(present.min()), float(present.max())


def read_training_table(
    store: Store, ref: str, columns: Sequence[str] | None = None
) -> TrainingTable:
    """A dataset version, or some of its columns, with the type and profile of every column."""
    with store.read() as session:
        version = versions.row(session, ref)
        info = versions.info(version)
        frame = versions.read_frame(store, session, info.ref, columns)
    types = {column.name: column.type for column in info.schema}
    boolean_words = {column.name: column.boolean_words for column in info.schema}
    boolean_words_by_column = {
        name: pair for name, pair in boolean_words.items() if pair is not None
    }
    return TrainingTable(
        info.ref,
        frame,
        types,
        versions.column_profiles(version),
        info.event_time,
        boolean_words_by_column,
    )


def table_of_frame(name: str, frame: pd.DataFrame, event_time: str | None) -> TrainingTable:
    """A frame as training would read it had it been registered; for trainings that leave no run."""
    import pyarrow as pa

    from pilothouse.data.canonical import canonical, schema_of
    from pilothouse.data.profile import profile

    table = canonical(pa.Table.from_pandas(frame, preserve_index=False))
    types = {column.name: column.type for column in schema_of(table)}
    return TrainingTable(
        name, table.to_pandas(split_blocks=True), types, profile(table).columns, event_time
    )


def build(table: TrainingTable, spec: TrainingSpec) -> TrainingData:
    """Determine labels, features, held-out rows and folds. Raises Invalid that names the field."""
    data_split = split_data(table, spec)
    target, spec = data_split.target, data_split.target.spec
    uses = column_uses(table.profile, spec.target, _time_name(table, spec), spec.features)
    columns = features(uses, spec.features, table.ref)

    return TrainingData(
        dataset=table.ref,
        frame=table.frame.iloc[target.rows][list(columns.names)],
        types=table.types,
        columns=columns,
        target=target,
        boolean_words=table.boolean_words,
        uses=uses,
        at=_event_times(table, spec, target.rows),
        labelled=data_split.labelled,
        rows=len(table.frame),
        kind=data_split.kind,
        evaluation=data_split.evaluation,
        split=data_split.split,
        folds=tuple(data_split.folds),
    )


@dataclass(frozen=True)
class DataSplit:
    """The labelled rows, and which of them are fitted on and evaluated on in which way.

    `folds` are those of the fitted rows; evaluated by folds, those that answer the rows.
    """

    target: TargetColumn
    labelled: SplitRows
    kind: Kind
    evaluation: str
    split: Split
    folds: list[Split]


def split_data(table: TrainingTable, spec: TrainingSpec) -> DataSplit:
    """Determine the labels, the held-out rows and the folds.

    It needs the target and, for a split by time, the time column only. Raises Invalid that names
    the field.
    """
    column = _column(table, spec.target, "target")
    boolean_words = table.boolean_words.get(spec.target)
    target = read_target(column, table.types[spec.target], boolean_words, spec)
    if spec.split != AUTO:
        return _split_by(table, target, cast("Kind", spec.split))
    if _time_name(table, spec) and not spec.groups:
        try:
            return _split_by(table, target, "time")
        except Invalid as refusal:  # a side without a class, or rows without a time
            log.info("not split by time: %s", refusal)
    return _split_by(table, target, "random" if target.codes is None else "stratified")


def _split_by(table: TrainingTable, target: TargetColumn, kind: Kind) -> DataSplit:
    spec = target.spec
    at = _instants(table, spec, target.rows) if kind == "time" else None
    groups = _groups(table, spec, target.rows)
    rows = SplitRows(target.codes, at, groups, len(target.rows))
    if spec.evaluation == FOLDS:
        return _by_folds(target, kind, rows)

    split = rows.hold_out(kind, spec.test_share, spec.seed)
    held_out = DataSplit(
        target, rows, kind, HELD_OUT, split, _inner_folds(spec, kind, split.train, rows)
    )
    if spec.evaluation == AUTO and are_too_few(split.test, target.codes, rows.count):
        try:
            return _by_folds(target, kind, rows)
        except Invalid as refusal:  # a class that is missing among the rows that a fold fits on
            log.info("not evaluated by folds: %s", refusal)
    return held_out


def _by_folds(target: TargetColumn, kind: Kind, rows: SplitRows) -> DataSplit:
    spec = target.spec
    fewest = min(target.counts.values(), default=EVALUATION_FOLDS)
    made = rows.evaluation_folds(kind, max(2, min(EVALUATION_FOLDS, fewest)), spec.seed)
    for fold in made:
        _folds_within(spec, kind, fold, rows)
    split = Split(np.arange(rows.count), np.sort(np.concatenate([fold.test for fold in made])))
    return DataSplit(target, rows, kind, FOLDS, split, made)


def _folds_within(
    spec: TrainingSpec, kind: Kind, fold: Split, rows: SplitRows
) -> tuple[Split, ...]:
    """Splits of the rows that a fold fits on, from which its threshold and parameters come.

    Early in time a rare class may be missing in some of them. Then they are stratified: all of
    these rows are older than those that the fold answers.
    """
    try:
        return tuple(_inner_folds(spec, kind, fold.train, rows))
    except Invalid:
        if kind != "time":
            raise
    other: Kind = "random" if rows.codes is None else "stratified"
    return tuple(_inner_folds(spec, other, fold.train, rows))


def _inner_folds(spec: TrainingSpec, kind: Kind, train: Rows, rows: SplitRows) -> list[Split]:
    """Splits of the fitted rows, as positions of the whole; a search without folds gets one."""
    drawn = train[thin(len(train), spec.cv_rows, spec.seed)]
    if spec.folds:
        return rows.folds(kind, spec.folds, spec.seed, drawn)
    if spec.trials:
        validation = rows.take(drawn).hold_out(kind, VALIDATION_SHARE, spec.seed)
        return of_positions(drawn, [validation])
    return []


def _groups(table: TrainingTable, spec: TrainingSpec, labelled: Rows) -> Groups | None:
    """A number for each row's group; a row without one is a group by itself."""
    if not spec.groups:
        return None
    import pandas as pd

    codes = pd.factorize(_column(table, spec.groups, "groups").iloc[labelled])[0].astype(np.int64)
    missing = codes < 0
    codes[missing] = codes.max(initial=0) + 1 + np.arange(int(missing.sum()))
    return codes


def _column(table: TrainingTable, name: str, field: str) -> pd.Series[Any]:
    if name not in table.frame.columns:
        raise Invalid(
            f"{table.ref} has no column {name!r}.",
            hint=f"It has {', '.join(map(str, table.frame.columns))}.",
            fields={field: "no such column"},
        )
    return table.frame[name]


def _time_name(table: TrainingTable, spec: TrainingSpec) -> str | None:
    return spec.time_column or table.event_time


def _event_times(table: TrainingTable, spec: TrainingSpec, labelled: Rows) -> Instants | None:
    """Milliseconds since the epoch of each row's event; None unless every row has a time."""
    name = _time_name(table, spec)
    if not name or name not in table.frame.columns or table.types[name] != "time":
        return None
    column = table.frame[name].iloc[labelled]
    if column.isna().any():
        return None
    return column.to_numpy(dtype="datetime64[ms]").astype(np.int64)


def _instants(table: TrainingTable, spec: TrainingSpec, labelled: Rows) -> Instants:
    name = _time_name(table, spec)
    if not name:
        raise Invalid(
            f"a split by time needs a time column, and {table.ref} declares none.",
            fields={"time_column": "needed"},
        )
    import pandas as pd

    column = _column(table, name, "time_column").iloc[labelled]
    if column.isna().any():
        raise Invalid(
            f"{int(column.isna().sum())} rows have no {name!r}, so they have no place in time.",
            fields={"time_column": "has missing values"},
        )
    if table.types[name] == "time":
        return np.asarray(pd.to_datetime(column, utc=True).astype("int64"), dtype=np.int64)
    if table.types[name] in ("integer", "number"):
        return column.rank(method="dense").to_numpy().astype(np.int64)
    raise Invalid(f"{name!r} holds no times.", fields={"time_column": "holds no times"})
