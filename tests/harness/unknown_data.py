"""Data sets of strangers with a target to predict: a seeded writer, and how well a model can do.

Another seed has other names, types, separators, encodings, sizes and targets. `make` writes
`data.*` (CSV, gzip, Parquet or Excel) and returns what is true of it: the task, the rarer class,
which columns must not be features, and the figure of a plain scikit-learn model on the last fifth
of the rows, before some values are left blank.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from sklearn import metrics
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor

Random = np.random.Generator
Floats = npt.NDArray[np.float64]
NAMES = (
    *("amount", "Kunden Nr", "tenure (months)", "région", "plan.type", "Última compra"),
    *("score%", "a/b group", "price €", "is_active", "visits", "temp_c", "Channel"),
    *("device type", "note", "zip", "speed", "load", "age", "income"),
)
KINDS = ("number", "number", "integer", "category", "boolean", "date")
TEXTS = ("N", "Zürich", "x y", "NA", "São Paulo", "B", "type")
TARGETS: Mapping[str, list[tuple[str, list[Any]]]] = {
    "binary": [
        ("churned", ["Yes", "No"]),
        ("fraud?", ["fraud", "legit"]),
        ("late", [1, 0]),
        ("label", [True, False]),
        ("Ergebnis", ["schlecht", "gut"]),
        ("ok", ["1", "0"]),
        ("outcome", [-1, 1]),
    ],
    "multiclass": [
        ("grade", ["A", "B", "C"]),
        ("weather", ["rain", "sun", "snow", "fog"]),
        ("segment", [0, 1, 2, 3, 4]),
    ],
    "regression": [("price", []), ("Dauer (h)", []), ("y", [])],
}
EVENT_TIME = "recorded_at"


@dataclass(frozen=True)
class UnknownData:
    """A file and what is true of it; `metric` is the key of the `figure` of a plain model."""

    file: Path
    rows: int
    task: str
    target: str
    rarer_class: str | None
    kinds: Mapping[str, str]
    identifier: str
    metric: str
    figure: float


def make(seed: int, folder: Path) -> UnknownData:
    """Write the file of a seed into a folder."""
    rng = np.random.default_rng(seed)
    task = str(rng.choice(["binary", "binary", "multiclass", "regression"]))
    rows = int(rng.choice([400, 2_000, 8_000]))
    names = [str(name) for name in rng.permutation(list(NAMES))[: int(rng.integers(5, 11))]]
    kinds = {name: str(rng.choice(list(KINDS))) for name in names}
    # As many rows again, of later weeks, are drawn with them; the figures are of the first ones.
    frame = pd.DataFrame({name: _column(rng, kind, 2 * rows) for name, kind in kinds.items()})
    weights = _weights(rng, len(names))
    signal = _signal(rng, frame, weights)
    target, classes = TARGETS[task][int(rng.integers(len(TARGETS[task])))]
    frame[target] = _target(rng, task, classes, signal)
    metric, figure = _figure(frame[:rows], names, target, task)

    frame[EVENT_TIME] = _event_times(rng, rows)
    identifier = str(rng.choice(["customer_id", "row no", "uuid", ""]))
    if identifier:
        frame.insert(0, identifier, _identifiers(rng, len(frame)))
    for name in names:
        if rng.random() < 0.3:
            frame[name] = frame[name].astype(object).where(rng.random(len(frame)) > 0.08)
    _draw_change(rng, kinds, weights, 2 * rows)
    form = _form(rng)
    counts = frame[target][:rows].value_counts()
    rarer = None if task == "regression" else str(min(counts.index, key=lambda key: counts[key]))
    file = _write(frame[:rows], folder, form)
    return UnknownData(file, rows, task, target, rarer, kinds, identifier, metric, figure)


def _column(rng: Random, kind: str, rows: int) -> pd.Series[Any]:
    if kind == "number":
        shape = rng.integers(4)
        values = [
            rng.normal(50, 10, rows),
            rng.lognormal(3, 1, rows),
            rng.uniform(-1, 1, rows),
            rng.standard_t(2, rows) * 5,
        ][shape]
        return pd.Series(values.round(int(rng.integers(1, 5))))
    if kind == "integer":
        return pd.Series(rng.poisson(rng.integers(1, 40), rows))
    if kind == "boolean":
        pairs: list[list[Any]] = [["yes", "no"], [True, False], ["J", "N"]]
        return pd.Series(rng.choice(pairs[rng.integers(3)], rows))
    if kind == "date":
        days = pd.to_timedelta(rng.integers(0, 365, rows), "D")
        return pd.Series(pd.Timestamp("2024-01-01") + days)
    size = int(rng.choice([3, 8, 40]))
    texts = np.array([f"{rng.choice(list(TEXTS))}{i if i else ''}" for i in range(size)])
    return pd.Series(rng.choice(texts, rows, p=rng.dirichlet(np.full(size, 0.7))))


def _weights(rng: Random, columns: int) -> Floats:
    weights: Floats = rng.normal(size=columns) * (rng.random(columns) < 0.7)
    if not weights.any():
        weights[0] = 1.0
    return weights


def _signal(rng: Random, frame: pd.DataFrame, weights: Floats) -> Floats:
    """A weighted sum of what the columns do to the target, standardised."""
    parts = [
        weight * _effect(rng, frame[name]) for weight, name in zip(weights, frame, strict=True)
    ]
    total = np.sum(parts, axis=0)
    standardised: Floats = total / total.std()
    return standardised


def _draw_change(rng: Random, kinds: Mapping[str, str], weights: Floats, rows: int) -> None:
    """Draw which column changes in the later rows, which are not written: seeds stay the same."""
    names = list(kinds)
    weighted = [name for name, weight in zip(names, weights, strict=True) if weight] or names
    changed = str(rng.choice(weighted))
    rng.integers(3, 7)
    if kinds[changed] not in ("number", "integer"):
        rng.random(rows)


def _effect(rng: Random, column: pd.Series[Any]) -> Floats:
    if pd.api.types.is_datetime64_any_dtype(column):
        effect = np.sin(column.dt.month.to_numpy() / 12 * 6.28)
    elif pd.api.types.is_numeric_dtype(column) and not pd.api.types.is_bool_dtype(column):
        effect = column.rank(pct=True).to_numpy() * 2 - 1
    else:
        codes = pd.factorize(column)[0]
        effect = rng.normal(size=codes.max() + 1)[codes]
    standardised: Floats = (effect - effect.mean()) / (effect.std() or 1)
    return standardised


def _target(rng: Random, task: str, classes: list[Any], signal: Floats) -> Any:
    rows = len(signal)
    if task == "regression":
        return (signal * 20 + rng.normal(0, 10, rows) + 100).round(2)
    if task == "binary":
        rare = float(rng.choice([0.05, 0.2, 0.4]))
        cut = np.quantile(signal + rng.logistic(0, 0.7, rows), 1 - rare)
        chosen = (signal + rng.logistic(0, 0.7, rows) <= cut).astype(int)
    else:
        cuts = np.quantile(signal, np.linspace(0, 1, len(classes) + 1)[1:-1])
        chosen = np.digitize(signal + rng.normal(0, 0.4, rows), cuts)
    return np.array(classes, dtype=object if isinstance(classes[0], str) else None)[chosen]


def _figure(frame: pd.DataFrame, names: list[str], target: str, task: str) -> tuple[str, float]:
    """The metric of a plain model on the last fifth of the rows."""
    inputs = frame[names].copy()
    for name in names:
        if pd.api.types.is_datetime64_any_dtype(inputs[name]):
            inputs[name] = inputs[name].dt.month
        elif not pd.api.types.is_numeric_dtype(inputs[name]) or pd.api.types.is_bool_dtype(
            inputs[name]
        ):
            inputs[name] = pd.factorize(inputs[name].astype(str))[0]

    cut = int(len(inputs) * 0.8)
    fitted, held_out, labels = inputs[:cut], inputs[cut:], frame[target]
    if task == "regression":
        model = HistGradientBoostingRegressor(random_state=0).fit(fitted, labels[:cut])
        predicted = model.predict(held_out)
        return "mae", float(metrics.mean_absolute_error(labels[cut:], predicted))
    labels = labels.astype(str)
    model = HistGradientBoostingClassifier(random_state=0).fit(fitted, labels[:cut])
    if task == "multiclass":
        return "accuracy", float((model.predict(held_out) == labels[cut:]).mean())
    probability = model.predict_proba(held_out)[:, 1]
    return "roc_auc", float(metrics.roc_auc_score(labels[cut:] == model.classes_[1], probability))


def _event_times(rng: Random, rows: int) -> Any:
    days = [np.sort(rng.uniform(-60, 0, rows)), np.sort(rng.uniform(0, 56, rows))]
    return pd.Timestamp("2026-01-05") + pd.to_timedelta(np.concatenate(days), "D").round("s")


def _identifiers(rng: Random, rows: int) -> Any:
    if rng.random() < 0.5:
        return [f"C-{number:06d}" for number in range(rows)]
    return np.arange(100_000, 100_000 + rows)


def _form(rng: Random) -> dict[str, str]:
    form = {
        "separator": str(rng.choice([",", ";", "\t"])),
        "encoding": str(rng.choice(["utf-8", "utf-8-sig", "cp1252"])),
        "file": str(rng.choice(["csv", "csv", "csv", "csv.gz", "parquet", "xlsx"])),
        "dates": str(rng.choice(["%Y-%m-%d", "%d.%m.%Y", "%m/%d/%Y"])),
    }
    decimal = str(rng.choice([",", "."])) if form["separator"] == ";" else "."
    return form | {"decimal": decimal}


def _write(frame: pd.DataFrame, folder: Path, form: Mapping[str, str]) -> Path:
    path = folder / f"data.{form['file']}"
    if form["file"] == "parquet":
        mixed = [
            name
            for name in frame.columns
            if frame[name].dtype == object
            and frame[name].map(type).nunique() > 1
            and not frame[name].isna().any()
        ]
        frame.astype(dict.fromkeys(mixed, str)).to_parquet(path)
    elif form["file"] == "xlsx":
        frame.to_excel(path, index=False)
    else:
        frame.to_csv(
            path,
            index=False,
            sep=form["separator"],
            decimal=form["decimal"],
            encoding=form["encoding"],
            errors="replace",
            date_format=f"{form['dates']} %H:%M:%S",
        )
    return path
