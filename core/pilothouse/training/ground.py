"""What trainings on the same data share: rows that have a label, their columns, their splits."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from pilothouse.experiments.signature import Field, FieldType, Label, Signature
from pilothouse.kit.errors import Invalid
from pilothouse.training.spec import TrainingSpec
from pilothouse.training.splits import Instants, Kind, Labels, Rows, Split, folds, hold_out, thin
from pilothouse.training.trainers import Columns

if TYPE_CHECKING:
    import pandas as pd

    from pilothouse.training.encoding import Encoder

NUMBERS = ("number", "integer", "boolean")
USABLE = (*NUMBERS, "string")
IDENTIFIER_SHARE = 0.5  # of the rows have a value of their own: it names rows, it tells nothing
IDENTIFIER_DISTINCT = 254
VALIDATION_SHARE = 0.25


@dataclass(frozen=True)
class Sheet:
    """A dataset version as training reads it."""

    ref: str
    frame: pd.DataFrame
    types: Mapping[str, FieldType]
    event_time: str | None = None


@dataclass(frozen=True)
class Ground:
    """Labelled rows with their features, which of them are held out, and the folds of the others.

    `y` is 1 for the positive class. `origin` is each row's position among the `rows` of the
    dataset version.
    """

    dataset: str
    frame: pd.DataFrame
    types: Mapping[str, FieldType]
    columns: Columns
    target: str
    y: Labels
    classes: tuple[Label, Label]
    origin: Rows
    rows: int
    split: Split
    folds: tuple[Split, ...]

    @property
    def held_out(self) -> str:
        """A digest that two trainings share exactly when they are judged on the same rows."""
        rows = self.origin[self.split.test].astype("<i8").tobytes()
        return hashlib.sha256(f"{self.dataset}\n".encode() + rows).hexdigest()

    def signature(self, encoder: Encoder, threshold: float) -> Signature:
        """What the model takes and answers, with what the fitted rows showed of each column."""
        fitted = self.frame.iloc[self.split.train]
        return Signature(
            inputs=tuple(self._field(fitted, name, encoder) for name in self.columns.names),
            target=self.target,
            classes=self.classes,
            positive=self.classes[1],
            threshold=threshold,
        )

    def _field(self, fitted: pd.DataFrame, name: str, encoder: Encoder) -> Field:
        column, kind = fitted[name], self.types[name]
        required = not bool(column.isna().any())
        if kind == "string":
            return Field(name, kind, required, categories=encoder.known(name))
        if kind == "boolean" or not column.notna().any():
            return Field(name, kind, required)
        return Field(name, kind, required, low=float(column.min()), high=float(column.max()))


def lay(sheet: Sheet, spec: TrainingSpec) -> Ground:
    """Settle labels, features, held-out rows and folds. Raises Invalid that names the field."""
    target = _column(sheet, spec.target, "target")
    labelled = np.flatnonzero(target.notna().to_numpy())
    classes = _classes(target, spec.positive)
    frame = sheet.frame.iloc[labelled]
    y = np.asarray([_label(value) == classes[1] for value in frame[spec.target]], dtype=np.int8)
    at = _instants(sheet, spec, labelled) if spec.split == "time" else None
    columns = _features(sheet, spec)
    kind: Kind = spec.split  # type: ignore[assignment]  # a checked spec has one of the kinds
    split = hold_out(kind, y, at, share=spec.test_share, seed=spec.seed)
    return Ground(
        dataset=sheet.ref,
        frame=frame[list(columns.names)],
        types=sheet.types,
        columns=columns,
        target=spec.target,
        y=y,
        classes=classes,
        origin=labelled,
        rows=len(sheet.frame),
        split=split,
        folds=tuple(_folds(spec, kind, split.train, y, at)),
    )


def _folds(
    spec: TrainingSpec, kind: Kind, train: Rows, y: Labels, at: Instants | None
) -> list[Split]:
    """Splits of the fitted rows, as positions of the whole; a search without folds gets one."""
    drawn = train[thin(len(train), spec.cv_rows, spec.seed)]
    instants = None if at is None else at[drawn]
    if spec.folds:
        inner = folds(kind, y[drawn], instants, count=spec.folds, seed=spec.seed)
    elif spec.trials:
        inner = [hold_out(kind, y[drawn], instants, share=VALIDATION_SHARE, seed=spec.seed)]
    else:
        inner = []
    return [Split(drawn[each.train], drawn[each.test]) for each in inner]


def _column(sheet: Sheet, name: str, field: str) -> pd.Series[Any]:
    if name not in sheet.frame.columns:
        raise Invalid(
            f"{sheet.ref} has no column {name!r}.",
            hint=f"It has {', '.join(map(str, sheet.frame.columns))}.",
            fields={field: "no such column"},
        )
    return sheet.frame[name]


def _label(value: Any) -> Label:
    """A plain value; whole floats are the integers that missing values turned into floats."""
    plain = value.item() if hasattr(value, "item") else value
    if isinstance(plain, float) and plain.is_integer():
        return int(plain)
    return plain  # type: ignore[no-any-return]  # a cell of a frame


def _classes(target: pd.Series[Any], positive: Label | None) -> tuple[Label, Label]:
    found = sorted({_label(value) for value in target.dropna().unique()})
    if len(found) != 2:
        raise Invalid(
            f"the target {target.name!r} has {len(found)} distinct values; two are needed.",
            fields={"target": "needs two classes"},
        )
    if positive is None:
        return found[0], found[1]
    chosen = [label for label in found if str(label).lower() == str(positive).lower()]
    if not chosen:
        raise Invalid(
            f"{positive!r} is no value of the target {target.name!r}.",
            hint=f"It holds {found[0]!r} and {found[1]!r}.",
            fields={"positive": "no such label"},
        )
    other = found[0] if chosen[0] == found[1] else found[1]
    return other, chosen[0]


def _features(sheet: Sheet, spec: TrainingSpec) -> Columns:
    names = spec.features or tuple(
        name for name in map(str, sheet.frame.columns) if _is_usable(sheet, spec, name)
    )
    for name in names:
        _column(sheet, name, "features")
        if sheet.types[name] not in USABLE:
            raise Invalid(
                f"the column {name!r} holds times, which no trainer takes.",
                hint="Derive numbers from it, such as the hour, and register them.",
                fields={"features": f"{name} holds times"},
            )
    if not names:
        raise Invalid(f"{sheet.ref} has no usable feature.", fields={"features": "none is usable"})
    return Columns(
        numbers=tuple(name for name in names if sheet.types[name] in NUMBERS),
        categories=tuple(name for name in names if sheet.types[name] == "string"),
    )


def _is_usable(sheet: Sheet, spec: TrainingSpec, name: str) -> bool:
    """Whether a column that nobody named can be a feature: not the target, nor a time or a name."""
    if name in (spec.target, spec.time_column, sheet.event_time) or sheet.types[name] not in USABLE:
        return False
    column = sheet.frame[name]
    if sheet.types[name] != "string":
        return bool(column.notna().any())
    distinct = column.nunique()
    return 0 < distinct <= max(IDENTIFIER_DISTINCT, IDENTIFIER_SHARE * len(column))


def _instants(sheet: Sheet, spec: TrainingSpec, labelled: Rows) -> Instants:
    name = spec.time_column or sheet.event_time
    if not name:
        raise Invalid(
            f"a split by time needs a time column, and {sheet.ref} declares none.",
            fields={"time_column": "needed"},
        )
    import pandas as pd

    column = _column(sheet, name, "time_column").iloc[labelled]
    if column.isna().any():
        raise Invalid(
            f"{int(column.isna().sum())} rows have no {name!r}, so they have no place in time.",
            fields={"time_column": "has missing values"},
        )
    if sheet.types[name] == "time":
        return np.asarray(pd.to_datetime(column, utc=True).astype("int64"), dtype=np.int64)
    if sheet.types[name] in ("integer", "number"):
        return column.rank(method="dense").to_numpy().astype(np.int64)
    raise Invalid(f"{name!r} holds no times.", fields={"time_column": "holds no times"})
