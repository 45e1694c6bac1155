"""The prediction log: Parquet by date, joined with what still lies in journals.

    <workspace>/predictions/<deployment>/date=YYYY-MM-DD/<segment>.parquet   by event date
    <workspace>/labels/<deployment>/date=YYYY-MM-DD/<segment>.parquet        by date of the label
    <workspace>/requests/<deployment>/date=YYYY-MM-DD/<segment>.parquet      by date of receipt

Journals are read before Parquet, so a segment that is compacted in between is seen twice, never
missed; rows are then told apart by their ids.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import date, datetime
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pilothouse.deployments import journal
from pilothouse.deployments.journal import Segment

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

PREDICTIONS, LABELS, REQUESTS = "predictions", "labels", "requests"
TREES = (PREDICTIONS, LABELS, REQUESTS)
FACTS = (
    "prediction_id",
    "model",
    "version",
    "event_at",
    "received_at",
    "latency_ms",
    "score",
)
MERGED = "-to-"
LABEL_COLUMNS = ("prediction_id", "label", "label_at", "received_at")
DATED_BY = {PREDICTIONS: "event_at", LABELS: "label_at", REQUESTS: "received_at"}


@dataclass(frozen=True)
class Wanted:
    """Which rows of a tree: of which dates, which columns, and how many of the newest suffice."""

    start: datetime | None = None
    end: datetime | None = None
    columns: list[str] | None = None
    newest: int | None = None


def journal_folder(workspace: Path, deployment: str) -> Path:
    """Where the server writes a deployment's journal."""
    return workspace / "journal" / deployment


def tree_folder(workspace: Path, tree: str, deployment: str) -> Path:
    """Where a deployment's Parquet of one tree lies."""
    return workspace / tree / deployment


def feature_column(name: str) -> str:
    """The column of a feature in the log: its own name, unless the log has one of that name."""
    return f"feature.{name}" if name in FACTS else name


def predictions(
    workspace: Path,
    deployment: str,
    start: datetime | None = None,
    end: datetime | None = None,
    columns: Iterable[str] | None = None,
    newest: int | None = None,
) -> pd.DataFrame:
    """Predictions with start <= event_at < end in the order they came, each id once, first wins."""
    wanted = None if columns is None else list(dict.fromkeys([*columns]))
    read = None if wanted is None else list(dict.fromkeys([*wanted, *FACTS]))
    table = _union(workspace, deployment, PREDICTIONS, Wanted(start, end, read, newest))
    if table is None:
        return _empty(wanted or FACTS)
    table = _between(table, "event_at", start, end)
    frame: pd.DataFrame = table.to_pandas()
    frame = frame.sort_values("received_at", kind="stable", ignore_index=True)
    frame = frame.drop_duplicates("prediction_id", keep="first", ignore_index=True)
    for name in wanted or ():
        if name not in frame:
            frame[name] = None
    return frame if wanted is None else frame[wanted]


def recent(
    workspace: Path, deployment: str, limit: int, columns: Iterable[str] | None = None
) -> pd.DataFrame:
    """The predictions received last, in the order they came: only the newest files are read."""
    frame = predictions(workspace, deployment, columns=columns, newest=limit)
    return frame.tail(limit).reset_index(drop=True)


def labels(workspace: Path, deployment: str, start: datetime | None = None) -> pd.DataFrame:
    """Labels by prediction, each id once, the last one received.

    `start` leaves out what came true on days before it: no label is older than its prediction.
    """
    table = _union(workspace, deployment, LABELS, Wanted(start))
    if table is None:
        return _empty(LABEL_COLUMNS)
    frame: pd.DataFrame = table.to_pandas()
    frame = frame.sort_values("received_at", kind="stable", ignore_index=True)
    return frame.drop_duplicates("prediction_id", keep="last", ignore_index=True)


def requests(
    workspace: Path, deployment: str, start: datetime | None, end: datetime | None
) -> pd.DataFrame:
    """Requests received in start <= received_at < end: rows, latency, status, version."""
    table = _union(workspace, deployment, REQUESTS, Wanted(start, end))
    if table is None:
        return _empty(("received_at", "version", "rows", "latency_ms", "status"))
    frame: pd.DataFrame = _between(table, "received_at", start, end).to_pandas()
    frame = frame.drop_duplicates(["segment", "seq"], ignore_index=True)
    return frame.sort_values("received_at", kind="stable", ignore_index=True).drop(
        columns=["segment", "seq"]
    )


def tables(segment: Segment, tree: str) -> list[pa.Table]:
    """A journal segment's rows of one tree, one table a version."""
    return _READERS[tree](segment)


def joined(parts: list[pa.Table]) -> pa.Table:
    """One table of all; a column whose types cannot meet becomes text."""
    import pyarrow as pa

    try:
        return pa.concat_tables(parts, promote_options="permissive")
    except (pa.ArrowTypeError, pa.ArrowInvalid):
        return pa.concat_tables(_as_text(parts), promote_options="permissive")


def _union(workspace: Path, deployment: str, tree: str, wanted: Wanted) -> pa.Table | None:
    while True:
        try:
            segments = journal.segments(journal_folder(workspace, deployment))
            live = [t for segment in segments for t in tables(segment, tree)]
            enough = wanted.newest and max(wanted.newest - sum(t.num_rows for t in live), 0)
            kept = _kept(tree_folder(workspace, tree, deployment), wanted, enough)
            break
        except FileNotFoundError:  # merged while we looked: the merged file has its rows
            continue
    if wanted.columns is not None:
        live = [t.select([c for c in wanted.columns if c in t.column_names]) for t in live]
    parts = [t for t in [*kept, *live] if t.num_rows]
    return joined(parts) if parts else None


def _kept(folder: Path, wanted: Wanted, enough: int | None) -> list[pa.Table]:
    """The tables of the files wanted; of the newest segments until there are enough rows."""
    files = parquet_files(folder, wanted.start, wanted.end)
    if enough is None:
        return [read_parquet(path, wanted.columns) for path in files]
    found: list[pa.Table] = []
    by_age = sorted(files, key=_last_segment, reverse=True)
    for _, same_age in groupby(by_age, key=_last_segment):
        if sum(t.num_rows for t in found) >= enough:
            break
        found += [read_parquet(path, wanted.columns) for path in same_age]
    return found


def _last_segment(path: Path) -> str:
    """The id of the youngest segment in a file: ids are UUIDv7, so they sort by age."""
    return path.stem.rsplit(MERGED, 1)[-1]


def read_parquet(path: Path, columns: list[str] | None = None) -> pa.Table:
    """A Parquet file's table, of the columns that it has."""
    import pyarrow.parquet as pq

    with path.open("rb") as source:
        file = pq.ParquetFile(source)
        names = file.schema_arrow.names
        return file.read([c for c in columns if c in names] if columns else None)


def parquet_files(
    folder: Path, start: datetime | None = None, end: datetime | None = None
) -> list[Path]:
    """The files of the dates between two instants, oldest date first."""
    first = start.date() if start else date.min
    last = end.date() if end else date.max
    days = sorted(folder.glob("date=*"))
    kept = [d for d in days if first <= date.fromisoformat(d.name[5:]) <= last]
    return [path for day in kept for path in sorted(day.glob("*.parquet"))]


def _between(table: pa.Table, column: str, start: datetime | None, end: datetime | None) -> Any:
    import pyarrow as pa
    import pyarrow.compute as pc

    kind = table.schema.field(column).type
    if start is not None:
        table = table.filter(pc.greater_equal(table[column], pa.scalar(start, kind)))
    if end is not None:
        table = table.filter(pc.less(table[column], pa.scalar(end, kind)))
    return table


def _as_text(parts: list[pa.Table]) -> list[pa.Table]:
    import pyarrow as pa

    kinds: dict[str, set[Any]] = defaultdict(set)
    for part in parts:
        for field in part.schema:
            if not pa.types.is_null(field.type):
                kinds[field.name].add(field.type)
    mixed = {name for name, found in kinds.items() if len(found) > 1}

    def text(part: pa.Table) -> pa.Table:
        kinds = [(f.name, pa.string() if f.name in mixed else f.type) for f in part.schema]
        return part.cast(pa.schema(kinds))

    return [text(part) for part in parts]


def _prediction_tables(segment: Segment) -> list[pa.Table]:
    types = {line["version"]: line["types"] for line in journal.lines(segment, "t")}
    by_version: dict[tuple[str, int], dict[str, list[Any]]] = {}
    for line in journal.lines(segment, "q"):
        if "ids" in line:
            key = (line["model"], line["version"])
            rows = by_version.setdefault(key, defaultdict(list))
            _add(rows, line)
    return [
        _typed(model, number, rows, types.get(number, {}))
        for (model, number), rows in by_version.items()
    ]


def _add(rows: dict[str, list[Any]], line: dict[str, Any]) -> None:
    count = len(line["ids"])
    rows["prediction_id"] += line["ids"]
    rows["event_at"] += line["event"]
    rows["received_at"] += [line["at"]] * count
    rows["latency_ms"] += [line["ms"]] * count
    rows["score"] += line["score"]
    for name, values in line["columns"].items():
        rows[f"/{name}"] += values


def _typed(model: str, number: int, rows: dict[str, list[Any]], types: dict[str, str]) -> pa.Table:
    import pyarrow as pa

    count = len(rows["prediction_id"])
    arrays: dict[str, Any] = {
        "prediction_id": pa.array(rows["prediction_id"], pa.string()),
        "model": pa.repeat(pa.scalar(model, pa.string()), count),
        "version": pa.repeat(pa.scalar(number, pa.int64()), count),
        "event_at": pa.array(rows["event_at"], pa.timestamp("ms", "UTC")),
        "received_at": pa.array(rows["received_at"], pa.timestamp("us", "UTC")),
        "latency_ms": pa.array(rows["latency_ms"], pa.float64()),
        "score": pa.array(rows["score"], pa.float64()),
    }
    kinds = _arrow_types()
    for name, values in rows.items():
        if name.startswith("/"):
            kind = kinds.get(types.get(name[1:], ""))
            arrays[feature_column(name[1:])] = pa.array(values, kind)
    return pa.table(arrays)


def _arrow_types() -> dict[str, Any]:
    import pyarrow as pa

    return {
        "number": pa.float64(),
        "integer": pa.int64(),
        "string": pa.string(),
        "boolean": pa.bool_(),
        "time": pa.timestamp("ms", "UTC"),
    }


def _label_tables(segment: Segment) -> list[pa.Table]:
    import pyarrow as pa

    rows: dict[str, list[Any]] = {name: [] for name in LABEL_COLUMNS}
    for line in journal.lines(segment, "l"):
        rows["prediction_id"] += line["ids"]
        rows["label"] += line["labels"]
        rows["label_at"] += line["times"]
        rows["received_at"] += [line["at"]] * len(line["ids"])
    if not rows["label"]:
        return []
    return [
        pa.table(
            {
                "prediction_id": pa.array(rows["prediction_id"], pa.string()),
                "label": pa.array(rows["label"]),
                "label_at": pa.array(rows["label_at"], pa.timestamp("ms", "UTC")),
                "received_at": pa.array(rows["received_at"], pa.timestamp("us", "UTC")),
            }
        )
    ]


def _request_tables(segment: Segment) -> list[pa.Table]:
    import pyarrow as pa

    found = list(enumerate(_heads(segment)))
    if not found:
        return []
    return [
        pa.table(
            {
                "received_at": pa.array([q["at"] for _, q in found], pa.timestamp("us", "UTC")),
                "version": pa.array([q["version"] for _, q in found], pa.int64()),
                "rows": pa.array([q["rows"] for _, q in found], pa.int64()),
                "latency_ms": pa.array([q["ms"] for _, q in found], pa.float64()),
                "status": pa.array([q["status"] for _, q in found], pa.int64()),
                "segment": pa.repeat(pa.scalar(segment.id, pa.string()), len(found)),
                "seq": pa.array([n for n, _ in found], pa.int64()),
            }
        )
    ]


def _heads(segment: Segment) -> Iterator[dict[str, Any]]:
    """The facts of each request, without parsing its rows: they end at the first list."""
    import orjson

    for line in segment.lines:
        if line.startswith(b'{"q":'):
            end = line.find(b',"ids":')
            yield orjson.loads(line[5:end] + b"}") if end > 0 else orjson.loads(line)["q"]


_READERS: dict[str, Callable[[Segment], list[pa.Table]]] = {
    PREDICTIONS: _prediction_tables,
    LABELS: _label_tables,
    REQUESTS: _request_tables,
}


def _empty(columns: Iterable[str]) -> pd.DataFrame:
    import pandas as pd

    frame = pd.DataFrame(columns=list(columns))
    for name in frame.columns:
        if name.endswith("_at"):
            frame[name] = pd.to_datetime(frame[name], utc=True)
    return frame
