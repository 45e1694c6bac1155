"""Folders of Parquet files in: one table of all of them, with the parts of their paths as columns.

Files are read in the order of their paths. Links are not followed, and names that begin with `_` or
`.` are those of writers, not of data, as other readers of such folders have it.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePath
from urllib.parse import unquote

import pyarrow as pa
import pyarrow.parquet as pq

from pilothouse.data.reading.arrow_rows import ArrowRows
from pilothouse.data.reading.containers import Content
from pilothouse.data.reading.parquet import read_parquet
from pilothouse.data.reading_options import MAX_TABLE
from pilothouse.kit.errors import Invalid, NotFound, Unavailable

MAX_FILES = 20_000
MAX_PREVIEWED = 200  # files whose columns a preview looks at
MAX_NAMED = 5
ENDINGS = (".parquet", ".pq")
NULL_PARTITION = "__HIVE_DEFAULT_PARTITION__"
WHOLE_NUMBER = re.compile(r"-?(0|[1-9]\d{0,17})")
DATE = re.compile(r"\d{4}-\d{2}-\d{2}")
Progress = Callable[[float, str], None]


@dataclass(frozen=True)
class ParquetFile:
    """A file, and its path below the folder, in whose parts partitions are."""

    path: Path
    below: PurePath


@dataclass(frozen=True)
class ParquetFolder:
    """The Parquet files of a folder, by path; `notes` say what in it was left out."""

    files: tuple[ParquetFile, ...]
    notes: tuple[str, ...] = ()

    @property
    def identity(self) -> str:
        """A hash of the paths, sizes and times of change of the files."""
        digest = hashlib.sha256()
        for file in self.files:
            facts = file.path.stat()
            line = f"{file.below}\0{facts.st_size}\0{facts.st_mtime_ns}\n"
            digest.update(line.encode("utf-8", "surrogatepass"))
        return f"{len(self.files)} files {digest.hexdigest()[:32]}"


@dataclass
class _Columns:
    """The type of each column, and the first file that has it so."""

    types: dict[str, dict[pa.DataType, PurePath]] = field(default_factory=dict)
    files: Counter[str] = field(default_factory=Counter)

    def add(self, file: ParquetFile, schema: pa.Schema) -> None:
        for column in schema:
            self.types.setdefault(column.name, {}).setdefault(column.type, file.below)
            self.files[column.name] += 1


def find_files(root: Path) -> ParquetFolder:
    """The Parquet files in a folder and below it. Raises NotFound, Invalid for a Delta table."""
    if root.is_file():
        return ParquetFolder((ParquetFile(root, PurePath(root.name)),))
    if not root.is_dir():
        raise NotFound(f"there is no folder {root}.")
    if (root / "_delta_log").is_dir():
        raise Invalid(
            f"{root} is a Delta table, whose folder also holds rows that were deleted.",
            hint="Register it as a Delta table.",
            fields={"path": "is a Delta table"},
        )
    root = root.resolve()
    files, links, others = _walk(root)
    if not files:
        raise NotFound(f"there are no Parquet files in {root}.", hint="They end with .parquet.")
    notes = []
    if links:
        notes.append(f"{links:,} links were not followed")
    if others:
        notes.append(f"{others:,} files that are not Parquet were left out")
    parts = (ParquetFile(path, path.relative_to(root)) for path in sorted(files))
    return ParquetFolder(tuple(parts), tuple(notes))


def _walk(root: Path) -> tuple[list[Path], int, int]:
    """The Parquet files, and how many links and other files there are."""
    files: list[Path] = []
    links = others = 0
    for here, folders, names in os.walk(root):
        folder = Path(here)
        folders[:] = [name for name in folders if not name.startswith(("_", "."))]
        links += sum((folder / name).is_symlink() for name in folders)
        for name in names:
            if name.startswith(("_", ".")):
                continue
            if (folder / name).is_symlink():
                links += 1
            elif name.lower().endswith(ENDINGS):
                files.append(folder / name)
            else:
                others += 1
        if len(files) > MAX_FILES:
            raise Invalid(
                f"{root} holds more than {MAX_FILES:,} Parquet files.",
                hint="Give one of its folders, or compact the files.",
                fields={"path": "holds too many files"},
            )
    return files, links, others


def read_folder(
    folder: ParquetFolder, progress: Progress | None = None, most_rows: int | None = None
) -> ArrowRows:
    """The rows of all files, or at least the first ones.

    Columns that only some files have are missing in the others; numbers are widened to the type
    that holds them all, and notes say so. Raises Invalid for columns of types that do not go
    together and for more than memory may take, Unavailable for files that vanish meanwhile.
    """
    looked_at = folder.files if most_rows is None else folder.files[:MAX_PREVIEWED]
    notes = (*folder.notes, *_compare(looked_at))
    tables, size, rows = [], 0, 0
    partitions = [_partitions(file.below) for file in folder.files]
    names = list(dict.fromkeys(name for values in partitions for name in values))
    for number, file in enumerate(folder.files, start=1):
        table = _read_file(file, most_rows, names)
        tables.append(table)
        size, rows = size + table.nbytes, rows + table.num_rows
        if size > MAX_TABLE:
            raise _too_large()
        if progress is not None:
            progress(number / len(folder.files), f"{rows:,} rows of {number:,} files read")
        if most_rows is not None and rows >= most_rows:
            break
    table = _joined(tables)
    lengths = [part.num_rows for part in tables]
    for name in names:
        values = [part.get(name) for part in partitions[: len(tables)]]
        table = table.append_column(name, _partition_column(values, lengths))
    return ArrowRows(table, f"Parquet, {len(folder.files):,} files", notes)


def _read_file(file: ParquetFile, most_rows: int | None, partitions: Sequence[str]) -> pa.Table:
    try:
        table, _ = read_parquet(Content(file.path, file.path.name), most_rows)
    except FileNotFoundError as gone:
        raise _gone(file) from gone
    except Invalid as broken:
        if not file.path.exists():
            raise _gone(file) from broken
        raise Invalid(f"{file.below}: {broken.message}", hint=broken.hint) from broken
    return table.drop_columns([name for name in partitions if name in table.column_names])


def _gone(file: ParquetFile) -> Unavailable:
    return Unavailable(
        f"{file.below} was removed while the folder was read.",
        hint="Try again when nothing writes to the folder.",
    )


def _compare(files: Sequence[ParquetFile]) -> list[str]:
    """What differs between the columns of the files, a line each. Raises Invalid, Unavailable."""
    columns = _Columns()
    inside = {name for file in files for name in _partitions(file.below)}
    for file in files:
        try:
            columns.add(file, pq.read_schema(file.path))
        except FileNotFoundError as gone:
            raise _gone(file) from gone
        except (pa.ArrowException, OSError) as broken:
            reason = str(broken).splitlines()[0]
            raise Invalid(f"{file.below} is no Parquet file: {reason}") from broken
    notes = [
        f"column {name!r} is in {count:,} of {len(files):,} files; it is missing in the others"
        for name, count in columns.files.items()
        if count < len(files) and name not in inside
    ]
    notes += [
        f"column {name!r} has the types {', '.join(map(str, types))}; the widest was used"
        for name, types in columns.types.items()
        if len(types) > 1 and name not in inside
    ]
    for name in sorted(inside & set(columns.types)):
        notes.append(f"column {name!r} is both in the files and in the paths; the paths were used")
    for name, types in columns.types.items():
        if name not in inside:
            _check_types(name, types)
    return notes


def _check_types(name: str, types: Mapping[pa.DataType, PurePath]) -> None:
    """Raise Invalid, naming the files, when no type holds the values of all of them."""
    try:
        schemas = [pa.schema([(name, kind)]) for kind in types]
        pa.unify_schemas(schemas, promote_options="permissive")
    except (pa.ArrowTypeError, pa.ArrowInvalid) as apart:
        places = [f"{kind} in {file}" for kind, file in types.items()]
        listed = ", ".join(places[:MAX_NAMED])
        raise Invalid(
            f"the files do not go together: the column {name!r} is {listed}.",
            hint="Give the folder of files with one type, or write them anew.",
            fields={"path": f"column {name} has several types"},
        ) from apart


def _joined(tables: Sequence[pa.Table]) -> pa.Table:
    try:
        return pa.concat_tables(tables, promote_options="permissive")
    except (pa.ArrowTypeError, pa.ArrowInvalid) as apart:
        raise Invalid(f"the files do not go together: {str(apart).splitlines()[0]}.") from apart
    except (pa.ArrowMemoryError, MemoryError) as broken:
        raise _too_large() from broken


def _too_large() -> Invalid:
    return Invalid(
        f"the folder holds more than {MAX_TABLE >> 30} GB of values.",
        hint="Give one of its folders.",
        fields={"path": "is too large"},
    )


def _partitions(path: PurePath) -> dict[str, str | None]:
    """The columns in the folders of a path, such as region=north/day=2026-03-01."""
    values: dict[str, str | None] = {}
    for part in path.parts[:-1]:
        name, sign, text = part.partition("=")
        if sign and name:
            value = unquote(text)
            values[unquote(name)] = None if value == NULL_PARTITION else value
    return values


def _partition_column(values: Sequence[str | None], lengths: Sequence[int]) -> pa.Array:
    """One value a file, repeated for its rows: whole numbers and dates as such, else texts."""
    present = [value for value in values if value is not None]
    kind = pa.string()
    if present and all(map(WHOLE_NUMBER.fullmatch, present)):
        kind = pa.int64()
    elif present and all(map(DATE.fullmatch, present)):
        kind = pa.date32()
    try:
        single = pa.array(values, pa.string()).cast(kind)
    except pa.ArrowInvalid:  # a day that no calendar has
        single = pa.array(values, pa.string())
    positions = [at for at, length in enumerate(lengths) for _ in range(length)]
    return single.take(pa.array(positions, pa.int64()))
