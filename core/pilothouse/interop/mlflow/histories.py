"""Histories of metrics over the protocol: of one run, of many, of a stretch of steps."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any

from sqlalchemy import BigInteger, Select, select, type_coerce
from sqlmodel import col

from pilothouse.experiments.tables import Metric, RunMetric
from pilothouse.interop.mlflow.errors import SEE, invalid, missing
from pilothouse.interop.mlflow.pages import offset_of, page
from pilothouse.interop.mlflow.routing import Call, Route, reading
from pilothouse.interop.mlflow.run_facts import point
from pilothouse.interop.mlflow.runs import run_id_of

MOST, MOST_IN_INTERVAL, USUAL_INTERVAL = 25_000, 2500, 320
MOST_RUNS, MOST_RUNS_IN_INTERVAL = 100, 100
AT = type_coerce(col(Metric.at), BigInteger)
Json = dict[str, Any]


def _points_of(run_id: str, key: str) -> Select[int, int, float, int]:
    return (
        select(AT, col(Metric.step), col(Metric.value), col(Metric.nan))
        .join(RunMetric, col(RunMetric.id) == col(Metric.series))
        .where(col(RunMetric.run_id) == run_id, col(RunMetric.key) == key)
    )


def _told(key: str, rows: Any) -> Iterator[Json]:
    for at, step, value, nan in rows:
        yield point(key, math.nan if nan else value, at, step)


def _history(call: Call) -> Json:
    fields = call.fields
    run_id, key = run_id_of(fields), fields.needed("metric_key")
    size = fields.whole("max_results", MOST)
    if size <= 0:
        raise invalid(
            f"Invalid value {size} for parameter 'max_results' supplied. "
            "It must be a positive integer."
        )
    offset, size = offset_of(fields.text("page_token")), min(size, MOST)
    query = _points_of(run_id, key).order_by(AT, col(Metric.step), col(Metric.value))
    limited = query.offset(offset)
    if fields.has("max_results"):
        limited = limited.limit(size + 1)
    rows = call.session.connection().execute(limited).all()
    found = list(_told(key, rows))
    return page("metrics", found, offset, size if fields.has("max_results") else len(found))


def _bulk(call: Call) -> Json:
    """Up to a number of points of each run, each told with its run."""
    fields = call.fields
    runs = _runs(call, "run_id", MOST_RUNS)
    key = fields.needed("metric_key")
    most = min(max(fields.whole("max_results", MOST), 1), MOST)
    found: list[Json] = []
    for run_id in runs:
        query = _points_of(run_id, key).order_by(AT, col(Metric.step), col(Metric.value))
        rows = call.session.connection().execute(query.limit(most))
        found += [told | {"run_id": run_id} for told in _told(key, rows)]
    return {"metrics": found[:most]}


def _interval(call: Call) -> Json:
    """The first, the last and evenly spaced points between them, of each run at the same steps."""
    fields = call.fields
    runs = _runs(call, "run_ids", MOST_RUNS_IN_INTERVAL)
    key = fields.needed("metric_key")
    most = fields.whole("max_results", USUAL_INTERVAL)
    if not 1 <= most <= MOST_IN_INTERVAL:
        raise invalid(f"max_results must be between 1 and {MOST_IN_INTERVAL}. {SEE}")
    first, last = _bounds(call)
    found: list[Json] = []
    for run_id in runs:
        query = _points_of(run_id, key)
        if first is not None and last is not None:
            query = query.where(col(Metric.step).between(first, last))
        rows = call.session.connection().execute(query.order_by(col(Metric.step), AT)).all()
        found += [told | {"run_id": run_id} for told in _told(key, spaced(rows, most))]
    return {"metrics": found} if found else {}


def _runs(call: Call, name: str, most: int) -> list[str]:
    given = call.fields.texts(name)
    if not given:
        raise missing(name)
    if len(given) > most:
        raise invalid(f"GetMetricHistoryBulk request cannot specify more than {most} run_ids.")
    return given


def _bounds(call: Call) -> tuple[int | None, int | None]:
    fields = call.fields
    if fields.has("start_step") != fields.has("end_step"):
        raise invalid("If either start step or end step are specified, both must be specified.")
    if not fields.has("start_step"):
        return None, None
    first, last = fields.whole("start_step"), fields.whole("end_step")
    if first > last:
        raise invalid(
            "end_step must be greater than start_step. "
            f"Found start_step={first} and end_step={last}."
        )
    return first, last


def spaced(rows: Sequence[Any], most: int) -> list[Any]:
    """At most `most` rows: the first, the last, and evenly spaced ones between."""
    if len(rows) <= most:
        return list(rows)
    if most == 1:
        return [rows[-1]]
    gap = (len(rows) - 1) / (most - 1)
    return [rows[round(gap * place)] for place in range(most)]


ROUTES: tuple[Route, ...] = (
    reading("metrics/get-history", _history),
    reading("metrics/get-history-bulk", _bulk),
    reading("metrics/get-history-bulk-interval", _interval),
)
