"""Hashes of the values of columns: equal values have equal ones, which only this workspace makes.

    <workspace>/journal/.columns.key     32 random bytes, which only the owner reads

The key stays the same for the whole workspace, so that rows of several deployments can be joined.
"""

from __future__ import annotations

import os
import secrets
from contextlib import suppress
from datetime import datetime
from hashlib import blake2b
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pilothouse.deployments.prediction_log.stored_columns import feature_column, hashed_column
from pilothouse.kit.folders import PRIVATE_FILE, PRIVATE_FOLDER

if TYPE_CHECKING:
    import pyarrow as pa

KEY_FILE = ".columns.key"
DIGEST_BYTES = 16


def ensure_key(workspace: Path) -> None:
    """Make the key when there is none."""
    folder = workspace / "journal"
    folder.mkdir(mode=PRIVATE_FOLDER, parents=True, exist_ok=True)
    with suppress(FileExistsError):
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL
        descriptor = os.open(folder / KEY_FILE, flags, PRIVATE_FILE)
        with open(descriptor, "wb") as file:
            file.write(secrets.token_bytes(32))


def read_key(journals: Path) -> bytes:
    """The key in the folder of journals; empty when there is none."""
    try:
        return (journals / KEY_FILE).read_bytes()
    except OSError:
        return b""


def value_hash(key: bytes, value: Any) -> str | None:
    """The hash of a value; missing stays missing. 3 and 3.0 are equal, and so are their hashes."""
    if value is None or value != value:
        return None
    text = _text(value).encode("utf-8", "surrogatepass")
    return blake2b(text, digest_size=DIGEST_BYTES, key=key).hexdigest()


def with_hashes(table: pa.Table, names: tuple[str, ...], journals: Path) -> pa.Table:
    """A table of predictions in which hashes replace some features.

    Without a key these columns are left out: their values are shown to nobody.
    """
    import pyarrow as pa

    key = read_key(journals)
    for name in names:
        column = feature_column(name)
        if column not in table.column_names:
            continue
        values = table[column].to_pylist()
        table = table.drop_columns([column])
        if key:
            hash_of = {value: value_hash(key, value) for value in set(values)}
            hashes = pa.array([hash_of[value] for value in values], pa.string())
            table = table.append_column(hashed_column(name), hashes)
    return table


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    if isinstance(value, datetime):
        return str(round(value.timestamp() * 1_000))
    return str(value)
