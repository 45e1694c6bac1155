"""The Parquet files of an export: which belong to a run, and their rows in batches."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Generator, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pilothouse.interop.importing.file_end import FileEnd
from pilothouse.interop.importing.sandbox import Entry, Sandbox
from pilothouse.kit.errors import Invalid, Unavailable

if TYPE_CHECKING:
    import pyarrow as pa
    import pyarrow.parquet as pq

PART = re.compile(r"(.+)_part_(\d{1,6})\.parquet")
IDS = ("project_id", "run_id")
NAMES = ("attribute_path", "attribute_type")
ROWS = 10_000  # that are read at once
# A file may not hold more than this many times its size, unless it stays small.
MAX_RATIO, ALWAYS_FINE = 200, 256 << 20


@dataclass(frozen=True)
class ExportedRun:
    """The parts of a run in their order, and the folder that they lie in."""

    folder: str
    prefix: str
    parts: tuple[Entry, ...]


def exported_runs(entries: Iterable[Entry]) -> tuple[list[ExportedRun], list[str]]:
    """The runs whose first part is there, and the names of those whose export did not end.

    The exporter gives the first part its name when it has written all of them.
    """
    by_run = defaultdict[tuple[str, str], dict[int, Entry]](dict)
    for entry in entries:
        match = PART.fullmatch(entry.name.removesuffix(".tmp"))
        if match:
            folder = entry.path.rpartition("/")[0]
            parts = by_run[folder, match[1]]
            if entry.name.endswith(".parquet"):
                parts[int(match[2])] = entry
    runs, unfinished = [], []
    for (folder, prefix), parts in sorted(by_run.items()):
        if 0 in parts:
            ordered = tuple(entry for _, entry in sorted(parts.items()))
            runs.append(ExportedRun(folder, prefix, ordered))
        else:
            unfinished.append(f"{folder}/{prefix}" if folder else prefix)
    return runs, unfinished


def identity(root: Sandbox, entry: Entry) -> tuple[str, str]:
    """The project and the id of the run of a part. Raises Unavailable or Invalid."""
    for batch in _read(root, entry, IDS, 1):
        project, run = (str(batch.column(name)[0].as_py() or "") for name in IDS)
        if project and run:
            return project, run
    raise Invalid("its first row names no run.")


def batches(root: Sandbox, entry: Entry) -> Generator[pa.RecordBatch, None, FileEnd]:
    """The rows of a part in batches with the exporter's columns. Raises Unavailable or Invalid."""
    count = 0
    for batch in _read(root, entry, _columns(), ROWS):
        yield batch
        count += 1
    return FileEnd(count)


def is_export(root: Sandbox, entry: Entry) -> bool:
    """Whether a file has the columns of an export."""
    try:
        return next(iter(_read(root, entry, (*IDS, *NAMES), 1)), None) is not None
    except (Unavailable, Invalid):
        return False


def _columns() -> tuple[str, ...]:
    values = ("int", "float", "string", "bool", "datetime", "string_set")
    return (*NAMES, "step", "timestamp", *(f"{kind}_value" for kind in values), "file_value")


def _read(
    root: Sandbox, entry: Entry, columns: Iterable[str], rows: int
) -> Generator[pa.RecordBatch, None, None]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    names = list(columns)
    with root.file(entry.path) as file:
        try:
            # Texts that repeat stay one text and numbers, however many rows have them.
            texts = [*IDS, *NAMES, "string_value"]
            metadata = pq.read_metadata(file)
            _check(metadata, {*names, *texts}, entry.size)
            parquet = pq.ParquetFile(file, metadata=metadata, read_dictionary=texts)
            for batch in parquet.iter_batches(batch_size=rows, columns=names, use_threads=False):
                if batch.num_rows:
                    batch.validate(full=True)
                    yield batch.select(names)
        except (pa.ArrowException, OSError, KeyError, UnicodeError) as broken:
            raise Unavailable("it is cut off, damaged or no Parquet file.") from broken


def _check(metadata: pq.FileMetaData, names: set[str], size: int) -> None:
    """Raises Invalid when a file lacks columns or would become far larger than it is."""
    paths = (metadata.schema.column(index).path for index in range(metadata.num_columns))
    missing = names - {path.partition(".")[0] for path in paths}
    if missing:
        raise Invalid(f"it has no column {min(missing)}, as exports of Neptune have.")
    groups = range(metadata.num_row_groups)
    expanded = sum(metadata.row_group(group).total_byte_size for group in groups)
    if expanded > max(size * MAX_RATIO, ALWAYS_FINE):
        raise Invalid(f"it says that it expands more than {MAX_RATIO} times.")
