"""Histories of metrics over the protocol: of one run, of many, of a stretch of steps."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from sqlalchemy import select
from sqlmodel import Session, col

from pilothouse.experiments.metrics import packed_history
from pilothouse.experiments.tables import RunMetric
from pilothouse.interop.mlflow.errors import SEE, invalid, missing
from pilothouse.interop.mlflow.pagination import offset_of, page
from pilothouse.interop.mlflow.routing import Call, Route, read_route
from pilothouse.interop.mlflow.run_serialisation import point
from pilothouse.interop.mlflow.runs import run_id_of

if TYPE_CHECKING:
    from pilothouse.experiments.metrics.packed_history import SeriesColumns

MAX_RESULTS, MAX_IN_INTERVAL, USUAL_INTERVAL = 25_000, 2500, 320
MAX_RUNS = 100
Json = dict[str, Any]


def _read(
    session: Session,
    runs: Sequence[str],
    key: str,
    first: int | None = None,
    last: int | None = None,
) -> dict[str, SeriesColumns]:
    """The histories of one metric by run."""
    query = select(col(RunMetric.run_id), col(RunMetric.id)).where(
        col(RunMetric.run_id).in_(runs), col(RunMetric.key) == key
    )
    series: dict[str, Any] = dict(session.execute(query).tuples().all())
    columns = packed_history.read(session, list(series.values()), first, last)
    return {run_id: columns[series[run_id]] for run_id in runs if series.get(run_id) in columns}


def _serialised(key: str, columns: SeriesColumns) -> Iterator[Json]:
    parts = columns.values, columns.instants, columns.steps
    for value, at, step in zip(*(part.tolist() for part in parts), strict=True):
        yield point(key, value, at, step)


def _history(call: Call) -> Json:
    fields = call.fields
    run_id, key = run_id_of(fields), fields.required("metric_key")
    size = fields.integer("max_results", MAX_RESULTS)
    if size <= 0:
        raise invalid(
            f"Invalid value {size} for parameter 'max_results' supplied. "
            "It must be a positive integer."
        )
    offset, size = offset_of(fields.text("page_token")), min(size, MAX_RESULTS)
    columns = _read(call.session, [run_id], key).get(run_id)
    if columns is None:
        return {}
    stop = offset + size + 1 if fields.has("max_results") else None
    points = list(_serialised(key, columns.by_time().at(slice(offset, stop))))
    return page("metrics", points, offset, size if fields.has("max_results") else len(points))


def _bulk(call: Call) -> Json:
    """Up to a number of points of each run, each with its run id."""
    fields = call.fields
    runs = fields.texts("run_id")
    if not runs:
        raise invalid("GetMetricHistoryBulk request must specify at least one run_id.")
    if len(runs) > MAX_RUNS:
        raise invalid(
            f"GetMetricHistoryBulk request cannot specify more than {MAX_RUNS} run_ids. "
            f"Received {len(runs)} run_ids."
        )
    if not fields.has("metric_key"):
        raise invalid("GetMetricHistoryBulk request must specify a metric_key.")
    key = fields.text("metric_key")
    most = min(max(fields.integer("max_results", MAX_RESULTS), 1), MAX_RESULTS)
    metrics: list[Json] = []
    for run_id, columns in _read(call.session, sorted(set(runs)), key).items():
        first = columns.by_time().at(slice(0, most))
        metrics += [item | {"run_id": run_id} for item in _serialised(key, first)]
    return {"metrics": metrics[:most]}


def _interval(call: Call) -> Json:
    """The first, the last and evenly spaced points between, of each run at the same steps."""
    fields = call.fields
    runs = fields.texts("run_ids")
    if not runs:
        raise missing("run_ids")
    if len(runs) > MAX_RUNS:
        raise invalid(
            f"GetMetricHistoryBulkInterval request must specify at most {MAX_RUNS} run_ids. "
            f"Received {len(runs)} run_ids. {SEE}"
        )
    key = fields.required("metric_key")
    most = fields.integer("max_results", USUAL_INTERVAL)
    if not 1 <= most <= MAX_IN_INTERVAL:
        raise invalid(f"max_results must be between 1 and {MAX_IN_INTERVAL}. {SEE}")
    first, last = _bounds(call)
    metrics: list[Json] = []
    for run_id, columns in _read(call.session, runs, key, first, last).items():
        places = evenly_spaced(range(len(columns)), most)
        metrics += [item | {"run_id": run_id} for item in _serialised(key, columns.at(places))]
    return {"metrics": metrics} if metrics else {}


def _bounds(call: Call) -> tuple[int | None, int | None]:
    fields = call.fields
    if fields.has("start_step") != fields.has("end_step"):
        raise invalid("If either start step or end step are specified, both must be specified.")
    if not fields.has("start_step"):
        return None, None
    first, last = fields.integer("start_step"), fields.integer("end_step")
    if first > last:
        raise invalid(
            "end_step must be greater than start_step. "
            f"Found start_step={first} and end_step={last}."
        )
    return first, last


def evenly_spaced(rows: Sequence[Any], most: int) -> list[Any]:
    """At most `most` rows: the first, the last, and evenly spaced ones between."""
    if len(rows) <= most:
        return list(rows)
    if most == 1:
        return [rows[-1]]
    gap = (len(rows) - 1) / (most - 1)
    return [rows[round(gap * index)] for index in range(most)]


ROUTES: tuple[Route, ...] = (
    read_route("metrics/get-history", _history),
    read_route("metrics/get-history-bulk", _bulk),
    read_route("metrics/get-history-bulk-interval", _interval),
)
