"""The values that logged rows should have had: of a feature store at their times, or of training.

Rows are matched by their key. A training row with a time matches a row of that time only: a later
value of the same key is no skew.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from pilothouse.data import Data
from pilothouse.deployments.feature_rule import KEY_TYPES, FeatureRule
from pilothouse.deployments.prediction_log import log
from pilothouse.features import FeatureRequest, Features
from pilothouse.kit.errors import PilothouseError
from pilothouse.models.signature import Signature
from pilothouse.monitoring.skew.skew_report import ColumnSkew, ServedValues, ValueAges
from pilothouse.monitoring.skew.value_comparison import compare_column, compare_values, plain
from pilothouse.storage import Store

if TYPE_CHECKING:
    import pandas as pd

MAX_ROWS, SEED = 5_000, 20_230_601
AT = "__at"
HIGH_AGE = 0.99


@dataclass(frozen=True)
class SkewSources:
    """What logged rows can be compared with: a rule of lookups, or a dataset and its key.

    `hidden` are inputs that the log does not have as they were.
    """

    rule: FeatureRule | None = None
    dataset: str = ""
    key: str = ""
    hidden: frozenset[str] = frozenset()


def served_values(
    store: Store, frame: pd.DataFrame, signature: Signature, sources: SkewSources
) -> ServedValues:
    """Logged rows of one version against the store of its rule, or else its training dataset.

    At most `MAX_ROWS` of them, drawn at random. Where they cannot be compared, it says why.
    """
    if sources.rule is not None:
        return _of_store(store, frame, signature, sources.rule, sources.hidden)
    if sources.dataset and sources.key:
        return _of_dataset(store, frame, signature, sources)
    lack = "no features are looked up for it, and no key of its training dataset is set"
    return ServedValues(lack=lack, logged=len(frame))


def _of_store(
    store: Store,
    frame: pd.DataFrame,
    signature: Signature,
    rule: FeatureRule,
    hidden: frozenset[str],
) -> ServedValues:
    empty = ServedValues(f"feature store {rule.store}, {rule.text}", logged=len(frame))
    columns = {key: log.feature_column(key) for key in rule.keys}
    absent = [key for key, column in columns.items() if column not in frame or key in hidden]
    if absent:
        return replace(empty, lack=f"the log has no key {', '.join(absent)} of these rows")
    rows = _sampled(frame.dropna(subset=list(columns.values())))
    if rows.empty:
        return replace(empty, lack="no logged row has its key")
    names = _compared(rule.names, rows, hidden)
    try:
        expected = _historical(store, rule, _entities(rows, rule, columns, "event_at"))
        compared = [
            compare_column(name, rows[log.feature_column(name)], expected[name],
                           _about(rows, columns))
            for name in names if name in expected
        ]  # fmt: skip
        stale = _stale(store, rule, rows, columns, expected, compared)
    except PilothouseError as unavailable:
        return replace(empty, lack=str(unavailable))
    compared = [replace(column, stale=stale.get(column.column, 0)) for column in compared]
    return replace(empty, rows=len(rows), columns=tuple(compared), ages=_ages(rows))


def _entities(
    rows: pd.DataFrame, rule: FeatureRule, columns: Mapping[str, str], time: str
) -> pd.DataFrame:
    """The keys of rows with their time, as the store has them."""
    import pandas as pd

    entities = pd.DataFrame({AT: rows[time].reset_index(drop=True)})
    for key, column in columns.items():
        values = rows[column].reset_index(drop=True)
        kind = KEY_TYPES.get(rule.keys[key].lower(), "")
        if kind in ("integer", "number"):
            values = pd.to_numeric(values, errors="coerce")
        entities[key] = values.astype("int64") if kind == "integer" else values
    return entities


def _historical(store: Store, rule: FeatureRule, entities: pd.DataFrame) -> pd.DataFrame:
    request = FeatureRequest(rule.features, rule.service, rule.full_names)
    return Features(store).historical(rule.store, entities, request, time=AT)


def _stale(
    store: Store,
    rule: FeatureRule,
    rows: pd.DataFrame,
    columns: Mapping[str, str],
    expected: pd.DataFrame,
    compared: list[ColumnSkew],
) -> dict[str, int]:
    """By column, the rows that differ and have what the store had when their values were written.

    So an online store that lags behind is told from one that has other values.
    """
    differing = [column.column for column in compared if column.differing]
    if not differing or log.FEATURES_AT not in rows:
        return {}
    masks = {
        name: compare_values(rows[log.feature_column(name)], expected[name]).differ
        for name in differing
    }
    chosen = np.any(list(masks.values()), axis=0) & rows[log.FEATURES_AT].notna().to_numpy()
    if not chosen.any():
        return {}
    older = rows[chosen]
    then = _historical(store, rule, _entities(older, rule, columns, log.FEATURES_AT))
    result = {}
    for name in differing:
        same = ~compare_values(older[log.feature_column(name)], then[name]).differ
        result[name] = int((same & masks[name][chosen]).sum())
    return result


def _ages(rows: pd.DataFrame) -> ValueAges | None:
    """How old the looked up values were at the events; None where no times were logged."""
    if log.FEATURES_AT not in rows:
        return None
    ages = (rows["event_at"] - rows[log.FEATURES_AT]).dt.total_seconds().dropna()
    if ages.empty:
        return None
    high = float(ages.quantile(HIGH_AGE, interpolation="higher"))
    return ValueAges(len(ages), float(ages.median()), high, int((ages < 0).sum()))


def _of_dataset(
    store: Store, frame: pd.DataFrame, signature: Signature, sources: SkewSources
) -> ServedValues:
    empty = ServedValues(f"dataset {sources.dataset} by {sources.key}", logged=len(frame))
    own = sources.key if sources.key == "prediction_id" else log.feature_column(sources.key)
    if own not in frame or sources.key in sources.hidden:
        return replace(empty, lack=f"the log has no column {sources.key!r}")
    try:
        version = Data(store).version(sources.dataset)
        existing = {column.name for column in version.schema}
        if sources.key not in existing:
            lack = f"{sources.dataset} has no column {sources.key!r}"
            return replace(empty, lack=lack)
        inputs = [name for name in signature.names if name in existing and name != sources.key]
        names = _compared(inputs, frame, sources.hidden)
        times = [version.event_time] if version.event_time else []
        read = dict.fromkeys([sources.key, *names, *times])
        training = Data(store).frame(sources.dataset, list(read))
    except PilothouseError as gone:
        return replace(empty, lack=str(gone))
    pairs = _matched(frame, own, training, sources.key, times[0] if times else "")
    if pairs.empty:
        same = "key and time" if times else "key"
        return replace(empty, lack=f"no logged row has the {same} of exactly one training row")
    rows = frame.loc[pairs["row"]]
    expected = training.loc[pairs["training"]]
    about = _about(rows, {sources.key: own})
    columns = [
        compare_column(name, rows[log.feature_column(name)], expected[name], about)
        for name in names
    ]
    return replace(empty, rows=len(rows), columns=tuple(columns))


def _matched(
    frame: pd.DataFrame, own: str, training: pd.DataFrame, key: str, time: str
) -> pd.DataFrame:
    """Pairs of labels: of logged rows and of the only training row of their key (and time)."""
    import pandas as pd

    served = pd.DataFrame({"key": frame[own].map(_key_text), "row": frame.index})
    trained = pd.DataFrame({"key": training[key].map(_key_text), "training": training.index})
    by = ["key"]
    if time:
        by = ["key", "at"]
        served["at"] = frame["event_at"].astype("datetime64[ms, UTC]").to_numpy()
        trained["at"] = (
            pd.to_datetime(training[time], utc=True).astype("datetime64[ms, UTC]").to_numpy()
        )
    trained = trained.dropna().drop_duplicates(by, keep=False)
    return _sampled(served.dropna().merge(trained, on=by, how="inner"))


def _key_text(value: Any) -> str | None:
    """A key as it is matched: 7, 7.0 and "7" are one."""
    value = plain(value)
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return None if value is None else str(value)


def _compared(names: Any, frame: pd.DataFrame, hidden: frozenset[str]) -> list[str]:
    return [name for name in names if name not in hidden and log.feature_column(name) in frame]


def _sampled(rows: pd.DataFrame) -> pd.DataFrame:
    return rows if len(rows) <= MAX_ROWS else rows.sample(MAX_ROWS, random_state=SEED).sort_index()


def _about(rows: pd.DataFrame, keys: Mapping[str, str]) -> list[dict[str, Any]]:
    """Which row each is: its prediction, its time and its keys."""
    facts = {"prediction_id": rows["prediction_id"], "at": rows["event_at"].map(_iso)}
    columns = {**facts, **{key: rows[column].map(plain) for key, column in keys.items()}}
    return [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]


def _iso(at: Any) -> str:
    return str(at.isoformat(timespec="seconds"))
