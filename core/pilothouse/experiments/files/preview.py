"""Previews of untrusted files: their kind, and a bounded part of their content.

Nothing here runs or unpickles anything, and no reader takes more of a file than its bound. A file
that cannot be read as its name says is Invalid, with a message that is shown in its place.
"""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any, BinaryIO

from pilothouse.kit.errors import Invalid

if TYPE_CHECKING:
    import pandas as pd

IMAGE, TABLE, JSON, MARKDOWN, TEXT, HTML, PATCH, MODEL, PDF, OTHER = (
    *("image", "table", "json", "markdown", "text", "html", "patch", "model", "pdf", "other"),
)
MAX_TEXT = 256 << 10
MAX_JSON = 2 << 20
MAX_TABLE = 8 << 20
MAX_PARQUET = 512 << 20
MAX_IMAGE = 20 << 20
MAX_ROWS = 1_000
MAX_COLUMNS = 200
MAX_CELL_LENGTH = 500

KINDS = {
    IMAGE: ("png", "jpg", "jpeg", "gif", "webp", "svg"),
    TABLE: ("csv", "tsv", "parquet"),
    JSON: ("json", "geojson", "ipynb"),
    MARKDOWN: ("md", "markdown"),
    HTML: ("html", "htm"),
    PATCH: ("patch", "diff"),
    PDF: ("pdf",),
}
LANGUAGES = {
    "py": "python", "yaml": "yaml", "yml": "yaml", "toml": "toml", "sh": "bash", "sql": "sql",
    "r": "r", "js": "javascript", "ts": "typescript", "css": "css", "xml": "markup", "ini": "ini",
    "cfg": "ini", "rs": "rust", "go": "go", "java": "java", "scala": "scala", "c": "c",
    "cpp": "cpp", "h": "cpp", "jl": "julia", "tex": "latex", "jsonl": "json", "ndjson": "json",
    "txt": "", "log": "", "env": "", "lock": "", "rst": "", "conf": "",
}  # fmt: skip
_FIGURE = {"data", "layout", "frames", "config"}
_TABLE = {"columns", "data", "index"}
PLAIN_NAMES = ("dockerfile", "makefile", "license", "readme", "requirements", ".gitignore")


@dataclass(frozen=True)
class TextPreview:
    """The beginning of a text; `whole` when there is no more of it."""

    text: str
    whole: bool
    language: str = ""


@dataclass(frozen=True)
class TablePreview:
    """The first rows of a table; `rows` is how many there are, where the file says so."""

    frame: pd.DataFrame
    rows: int | None
    whole: bool
    columns: int


def kind_of(path: str) -> str:
    """What a file is by its name, and so which reader is for it."""
    name, ending = _name(path)
    if name == "mlmodel":
        return MODEL
    for kind, endings in KINDS.items():
        if ending in endings:
            return kind
    return TEXT if ending in LANGUAGES or name.partition(".")[0] in PLAIN_NAMES else OTHER


def language_of(path: str) -> str:
    """The language a text is written in, as colouring knows it; empty for plain text."""
    return LANGUAGES.get(_name(path)[1], "")


def _name(path: str) -> tuple[str, str]:
    name = PurePosixPath(path).name.lower()
    return name, name.rpartition(".")[2] if "." in name else ""


def text(source: BinaryIO, path: str, most: int = MAX_TEXT) -> TextPreview:
    """The beginning of a text in UTF-8. Raises Invalid when it is not one."""
    head = source.read(most + 1)
    whole = len(head) <= most
    return TextPreview(_decoded(head[:most], path, whole), whole, language_of(path))


def _decoded(data: bytes, path: str, whole: bool) -> str:
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as wrong:
        if whole or wrong.start < len(data) - 3:  # else a character was cut in two at the bound
            raise _unreadable(path, "text in UTF-8", str(wrong)) from wrong
        text = data[: wrong.start].decode("utf-8-sig")
    if "\0" in text:
        raise _unreadable(path, "text", "it holds zero bytes")
    return text


def document(source: BinaryIO, path: str) -> Any:
    """A JSON value. Raises Invalid when it is none, or longer than `MAX_JSON`."""
    data = source.read(MAX_JSON + 1)
    if len(data) > MAX_JSON:
        raise Invalid(
            f"{path} is longer than {MAX_JSON >> 20} MB, too much to draw.", hint="Download it."
        )
    try:
        # NaN becomes a string: it is not JSON, and browsers refuse the whole document.
        return json.loads(_decoded(data, path, whole=True), parse_constant=str)
    except (ValueError, RecursionError) as wrong:
        raise _unreadable(path, "JSON", str(wrong)) from wrong


def table(source: BinaryIO, path: str, most: int = MAX_ROWS) -> TablePreview:
    """The first rows of a CSV, TSV or Parquet file. Raises Invalid when it is not one."""
    ending = _name(path)[1]
    preview = (
        _parquet(source, path, most) if ending == "parquet" else _delimited(source, path, most)
    )
    return TablePreview(
        _shortened_cells(preview.frame), preview.rows, preview.whole, preview.columns
    )


def rows_of(value: Any, most: int = MAX_ROWS) -> TablePreview | None:
    """A JSON value as rows when it is a table written as `columns` and `data`, as MLflow does."""
    import pandas as pd

    if not isinstance(value, dict) or not {"columns", "data"} <= set(value) <= _TABLE:
        return None
    names, data = value["columns"], value["data"]
    if not isinstance(names, list) or not isinstance(data, list):
        return None
    if not all(isinstance(row, list) and len(row) == len(names) for row in data):
        return None
    frame = pd.DataFrame(data[:most], columns=[str(name) for name in names])
    visible = _shortened_cells(frame.iloc[:, :MAX_COLUMNS])
    return TablePreview(visible, len(data), len(data) <= most, len(names))


def figure_of(value: Any) -> dict[str, Any] | None:
    """A JSON value as a Plotly figure: its data, layout and frames; None when it is none."""
    if not isinstance(value, dict) or not {"data", "layout"} <= set(value) <= _FIGURE:
        return None
    data, layout = value["data"], value["layout"]
    frames = value.get("frames") or []
    is_figure = isinstance(data, list) and isinstance(layout, dict) and isinstance(frames, list)
    if not is_figure or not all(isinstance(trace, dict) for trace in (*data, *frames)):
        return None
    return {"data": data, "layout": layout, "frames": frames}


def _delimited(source: BinaryIO, path: str, most: int) -> TablePreview:
    import pandas as pd

    head = source.read(MAX_TABLE + 1)
    all_read = len(head) <= MAX_TABLE
    if not all_read:
        head = head[: head.rfind(b"\n", 0, MAX_TABLE) + 1]

    content = _decoded(head, path, whole=True)
    tab = _name(path)[1] == "tsv"
    try:
        frame = pd.read_csv(
            io.StringIO(content), sep="\t" if tab else ",", nrows=most + 1, dtype=str,
            quotechar='"', keep_default_na=False, low_memory=False,
        )  # fmt: skip
    except (ValueError, pd.errors.ParserError) as wrong:
        raise _unreadable(path, "TSV" if tab else "CSV", str(wrong)) from wrong

    whole = all_read and len(frame) <= most
    rows = len(frame) if whole else None
    return TablePreview(frame.iloc[:most, :MAX_COLUMNS], rows, whole, len(frame.columns))


def _parquet(source: BinaryIO, path: str, most: int) -> TablePreview:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        file = pq.ParquetFile(source, pre_buffer=False)
        meta, names = file.metadata, file.schema_arrow.names
        if meta.num_row_groups and meta.row_group(0).total_byte_size > MAX_PARQUET:
            most_mb = MAX_PARQUET >> 20
            raise Invalid(f"{path} unpacks to more than {most_mb} MB at once.", hint="Download it.")
        visible = names[:MAX_COLUMNS]
        batch = next(file.iter_batches(batch_size=most, columns=visible, use_threads=False), None)
        frame = (file.schema_arrow.empty_table() if batch is None else batch).to_pandas()
    except (pa.ArrowException, OSError, ValueError) as wrong:
        raise _unreadable(path, "Parquet", str(wrong)) from wrong

    total = int(meta.num_rows)
    return TablePreview(frame.iloc[:most], total, total <= most, len(names))


def _shortened_cells(frame: pd.DataFrame) -> pd.DataFrame:
    """Cells as a table shows them: texts cut, and nested values as text."""
    import pandas as pd

    def cell(value: Any) -> Any:
        if isinstance(value, (bytes, list, dict)) or hasattr(value, "tolist"):
            value = str(value)
        return value[:MAX_CELL_LENGTH] if isinstance(value, str) else value

    columns: dict[str, Any] = {}
    for index, name in enumerate(map(str, frame.columns)):
        column = frame.iloc[:, index]
        plain = column.map(cell) if column.dtype == object else column
        columns[f"{name}.{index}" if name in columns else name] = plain
    return pd.DataFrame(columns, index=frame.index).reset_index(drop=True)


def image_type(data: bytes, path: str) -> str:
    """The media type of an image by its bytes. Raises Invalid when it is none, or not whole."""
    for kind, (begins, ends) in _IMAGES.items():
        if begins(data):
            if not ends(data):
                raise _unreadable(path, "a whole image", "its end is missing")
            return kind
    raise _unreadable(path, "PNG, JPEG, GIF, WebP or SVG", "its first bytes are of none of them")


def _is_svg(data: bytes) -> bool:
    head = data[:4096].removeprefix(b"\xef\xbb\xbf").lstrip()
    return head.startswith(b"<") and b"<svg" in head


# Media type -> (its bytes begin like one, they end like one that is whole).
_IMAGES: Mapping[str, tuple[Callable[[bytes], bool], Callable[[bytes], bool]]] = {
    "image/png": (lambda d: d.startswith(b"\x89PNG\r\n\x1a\n"), lambda d: b"IEND" in d[-64:]),
    "image/jpeg": (lambda d: d.startswith(b"\xff\xd8\xff"), lambda d: b"\xff\xd9" in d[-4096:]),
    "image/gif": (lambda d: d.startswith((b"GIF87a", b"GIF89a")), lambda d: b"\x3b" in d[-64:]),
    "image/webp": (
        lambda d: d[:4] == b"RIFF" and d[8:12] == b"WEBP",
        lambda d: len(d) >= 8 + int.from_bytes(d[4:8], "little"),
    ),
    "image/svg+xml": (_is_svg, lambda d: b"</svg" in d or b"/>" in d),
}


def _unreadable(path: str, what: str, why: str) -> Invalid:
    first = why.strip().splitlines()[0][:200] if why.strip() else "it is empty"
    return Invalid(f"{path} cannot be read as {what}: {first}.", hint="Download it to look inside.")
