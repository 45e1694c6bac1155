"""Objects of S3, or of a store that speaks its protocol: one, or all below a prefix."""

from __future__ import annotations

import re
import shutil
import tempfile
import weakref
from collections.abc import Sequence
from fnmatch import fnmatchcase
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from pilothouse.data.secret_references import REQUIREMENT, is_reference
from pilothouse.data.sources import Progress, SourceRows, sources
from pilothouse.kit.errors import Invalid, NotFound
from pilothouse.kit.parameters import Parameter, Params

if TYPE_CHECKING:
    from pilothouse.data.reading.arrow_rows import ArrowRows
    from pilothouse.data.reading.object_store import ObjectAddress, ObjectStore, StoredObject

ADDRESS = re.compile(r"s3://([A-Za-z0-9][A-Za-z0-9._-]{1,254})(?:/(.*))?", re.DOTALL)
ENDPOINT = re.compile(r"https?://[^\s/@?#]+(/[^\s@?#]*)?")
PARQUET = (".parquet", ".pq")
TEXTS = (".csv", ".tsv", ".txt", ".json", ".jsonl", ".ndjson")
PACKED = (".gz", ".bz2", ".xz")
MAX_PREVIEWED = 5  # objects of a prefix that a preview reads
MAX_PREVIEWED_BYTES = 256 << 20
REFERENCE = "env:NAME or file:PATH; it is read there each time and never stored."


@sources.register("s3")
class S3Source:
    """CSV, JSON lines and Parquet files, which are only read."""

    title = "Object storage"
    description = (
        "One object, or all CSV, JSON lines or Parquet files below a prefix, of S3 or a store that "
        "speaks its protocol, such as MinIO."
    )
    needs, extra = "s3fs", "s3"
    parameters = (
        Parameter(
            "path",
            "text",
            required=True,
            title="Address",
            help="s3://bucket/sales.csv, or s3://bucket/sales/ for all below it.",
        ),
        Parameter(
            "match", "text", "", title="Only objects", help="A pattern such as *.parquet; else all."
        ),
        Parameter("endpoint", "text", "", help="Of another store: https://minio.example.org:9000."),
        Parameter("key_id", "text", "", title="Where the access key id is", help=REFERENCE),
        Parameter("secret", "text", "", title="Where the secret key is", help=REFERENCE),
        Parameter("region", "text", "", help="Such as eu-central-1; empty: as the machine has it."),
        Parameter(
            "addressing",
            "choice",
            "automatic",
            choices=("automatic", "path", "host"),
            title="The bucket's name",
            help="In the path or in the host's name; automatic: the path with an endpoint.",
        ),
        Parameter("public", "boolean", False, help="Read without keys."),
    )

    @staticmethod
    def check(settings: Params) -> None:
        """Raise Invalid for an address of another form and for a key in place of a reference."""
        _address(settings)

    @staticmethod
    def place(settings: Params) -> str:
        """The address, and the store when it is another than Amazon's."""
        at = f" at {settings.text('endpoint')}" if settings.text("endpoint") else ""
        return f"{_address(settings)}{at}"

    @staticmethod
    def paths(settings: Params) -> Sequence[str]:
        """Nothing on this machine is read."""
        return ()

    @staticmethod
    def following(settings: Params) -> Params:
        """The same address."""
        return settings

    @staticmethod
    def identity(settings: Params) -> str:
        """A hash of the keys, sizes and tags (ETag) of the objects."""
        from pilothouse.data.reading.object_store import identity_of

        return identity_of(_chosen(settings)[1])

    @staticmethod
    def read(
        settings: Params, progress: Progress | None = None, most_rows: int | None = None
    ) -> SourceRows:
        """The rows by the order of the keys; of the first objects for a preview."""
        from pilothouse.data.reading.object_store import identity_of

        store, objects, left_out = _chosen(settings)
        scratch = Path(tempfile.mkdtemp(prefix="pilothouse-objects-"))
        try:
            rows = _rows(store, objects, scratch, progress, most_rows)
        except BaseException:
            shutil.rmtree(scratch, ignore_errors=True)
            raise
        origin = S3Source.place(settings)
        if len(objects) > 1:
            origin += f", {len(objects):,} objects"
        if left_out:
            origin += f", others left out: {left_out:,}"
        read = SourceRows(rows[0], origin, identity_of(objects), filename=rows[1])
        # The files are read when the rows are registered, and are of no use after that.
        weakref.finalize(read, shutil.rmtree, scratch, ignore_errors=True)
        return read


def _rows(
    store: ObjectStore,
    objects: Sequence[StoredObject],
    scratch: Path,
    progress: Progress | None,
    most_rows: int | None,
) -> tuple[Path | ArrowRows, str]:
    """The rows of the objects and the name of a file of them."""
    kinds = {_ending(item.key) for item in objects}
    if len(objects) > 1 and kinds == {"parquet"}:
        return _table(store, objects, scratch, progress, most_rows), ""
    if most_rows is not None:
        return _beginning(store, objects[0], scratch), PurePosixPath(objects[0].key).name
    paths = store.fetch(objects, scratch, progress)
    if len(objects) == 1:
        return paths[0], PurePosixPath(objects[0].key).name
    from pilothouse.data.reading.text_parts import TextPart, join_parts

    parts = [TextPart(path, item.key) for path, item in zip(paths, objects, strict=True)]
    unpacked = scratch / "unpacked-here"
    unpacked.mkdir()
    kind = join_parts(parts, scratch / "joined", unpacked)
    return scratch / "joined", f"objects.{kind}"


def _table(
    store: ObjectStore,
    objects: Sequence[StoredObject],
    scratch: Path,
    progress: Progress | None,
    most_rows: int | None,
) -> ArrowRows:
    """Parquet files as one table, with the parts of their keys below the prefix as columns."""
    from pilothouse.data.reading.parquet_folder import ParquetFile, ParquetFolder, read_folder

    if most_rows is not None:
        objects = objects[:MAX_PREVIEWED]
        _check_preview(sum(item.size for item in objects))
    paths = store.fetch(objects, scratch, progress)
    prefix = store.address.key.rstrip("/")
    files = [
        ParquetFile(path, PurePosixPath(item.key.removeprefix(prefix).lstrip("/")))
        for path, item in zip(paths, objects, strict=True)
    ]
    return read_folder(ParquetFolder(tuple(files)), None, most_rows)


def _beginning(store: ObjectStore, item: StoredObject, scratch: Path) -> Path:
    """As much of an object as its preview needs."""
    from pilothouse.data.reading.containers import Content, kind_of
    from pilothouse.data.reading.preview import HEAD, WHOLE

    path = scratch / "beginning"
    path.write_bytes(store.beginning(item, HEAD + 1))
    if item.size > HEAD and kind_of(Content(path, item.key)) in (*WHOLE, "zip"):
        _check_preview(item.size)
        [path] = store.fetch([item], scratch)
    return path


def _check_preview(size: int) -> None:
    if size > MAX_PREVIEWED_BYTES:
        raise Invalid(
            f"{size >> 20:,} MB would be fetched for a preview; {MAX_PREVIEWED_BYTES >> 20} MB are "
            "at most.",
            hint="It can still be registered.",
        )


def _chosen(settings: Params) -> tuple[ObjectStore, list[StoredObject], int]:
    """The store, the objects that are read, and how many others lie there.

    Objects that are no data are left out, as in a folder: names that begin with `_` or `.`.
    """
    from pilothouse.data.reading.object_store import ObjectStore

    store = ObjectStore(_address(settings))
    listed = [item for item in store.find() if not item.key.endswith("/")]
    if len(listed) == 1 and listed[0].key == store.address.key:
        return store, listed, 0
    prefix, pattern = store.address.key.rstrip("/"), settings.text("match").strip()
    below = {item.key.removeprefix(prefix).lstrip("/"): item for item in listed}
    if any(name.split("/")[0] == "_delta_log" for name in below):
        raise Invalid(
            f"{store.address} is a Delta table, whose objects also hold rows that were deleted.",
            hint="Copy it to a folder and register that as a Delta table.",
            fields={"params.path": "is a Delta table"},
        )
    chosen = [item for name, item in below.items() if item.size and _is_read(name, pattern)]
    if not chosen:
        raise NotFound(
            f"none of the {len(below):,} objects of {store.address} is read.",
            hint="Those are read that end with .csv, .json, .jsonl, .parquet and the like"
            + (f", and match {pattern}." if pattern else "."),
        )
    return store, chosen, len(below) - len(chosen)


def _is_read(name: str, pattern: str) -> bool:
    hidden = any(part.startswith(("_", ".")) for part in name.split("/"))
    return not hidden and bool(_ending(name)) and (not pattern or fnmatchcase(name, pattern))


def _ending(key: str) -> str:
    """Whether a key is one of a Parquet file or of a text; empty for any other."""
    name = key.lower()
    if name.endswith(PARQUET):
        return "parquet"
    for packed in PACKED:
        name = name.removesuffix(packed)
    return "text" if name.endswith(TEXTS) else ""


def _address(settings: Params) -> ObjectAddress:
    """What is read, checked."""
    from pilothouse.data.reading.object_store import ObjectAddress

    wrong: dict[str, str] = {}
    parsed = ADDRESS.fullmatch(settings.text("path").strip())
    if parsed is None:
        wrong["path"] = "must be s3://bucket/key"
    endpoint = settings.text("endpoint").strip().rstrip("/")
    if endpoint and not ENDPOINT.fullmatch(endpoint):
        wrong["endpoint"] = "must be an address such as https://minio.example.org:9000"
    keys = {name: settings.text(name).strip() for name in ("key_id", "secret")}
    wrong |= {name: REQUIREMENT for name, text in keys.items() if text and not is_reference(text)}
    if bool(keys["key_id"]) != bool(keys["secret"]):
        wrong["secret" if keys["key_id"] else "key_id"] = "is needed beside the other key"
    if settings["public"] and any(keys.values()):
        wrong["public"] = "is read without keys"
    if wrong or parsed is None:
        raise Invalid(
            "; ".join(f"{name} {text}" for name, text in wrong.items()) + ".",
            fields={f"params.{name}": text for name, text in wrong.items()},
        )
    style = settings.text("addressing")
    return ObjectAddress(
        parsed[1],
        parsed[2] or "",
        endpoint=endpoint,
        region=settings.text("region").strip(),
        **keys,
        anonymous=bool(settings["public"]),
        path_style=style == "path" or (style == "automatic" and bool(endpoint)),
    )
