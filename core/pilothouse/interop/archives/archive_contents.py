"""What an archive has of a workspace, what it leaves out, and why.

README.md                   how to read it without Pilothouse
tables/<table>.parquet      every table of the database, a file each
artifacts/ab/<sha256>       files of runs, datasets, models, by the SHA-256 of their bytes
predictions/ labels/ requests/ journal/ damaged/    the prediction log, by deployment
logs/                       logs of jobs and processes
activity.anchor             the length and the head of the audit log
archive.json                the manifest: every file with its SHA-256, every table with its rows
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from sqlalchemy import BigInteger, Boolean, Column, Float, Integer, LargeBinary, SmallInteger

from pilothouse.activity import anchor
from pilothouse.deployments.prediction_log import damage, log
from pilothouse.deployments.prediction_log.column_hashes import KEY_FILE
from pilothouse.storage.artifact_names import load_tables
from pilothouse.storage.tables import Json, Table, Utc

if TYPE_CHECKING:
    from sqlalchemy import Table as SqlTable

MANIFEST, README = "archive.json", "README.md"
TABLES, ARTIFACTS, JOURNAL, LOGS = "tables", "artifacts", "journal", "logs"
FOLDERS = (JOURNAL, *log.TREES, damage.FOLDER, LOGS)
TEXT, INTEGER, NUMBER, BOOLEAN = "text", "integer", "number", "boolean"
TIME, JSON, BYTES = "time", "json", "bytes"
COLUMN_KINDS = (TEXT, INTEGER, NUMBER, BOOLEAN, TIME, JSON, BYTES)
ARTIFACT_PATH = re.compile(r"artifacts/([0-9a-f]{2})/(\1[0-9a-f]{62})")


@dataclass(frozen=True)
class LeftOut:
    """Something of the workspace that an archive has not, and why."""

    what: str
    reason: str


# Tables that say something of one machine and nothing of the work.
LEFT_OUT_TABLES = {
    "deployments_replica": "model processes of the machine it was written on",
    "people_account_choice": "which accounts of that machine act as which person",
}


def origin(url: str) -> str:
    """The scheme and the host of a URL, whose path and query may be secret."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.hostname or ''}/"


# Columns that are secret, with what is written in their place.
BLANKED: Mapping[tuple[str, str], Callable[[Any], Any]] = {
    ("deployments_api_key", "sha256"): lambda _value: "",
    ("interop_webhook", "secret"): lambda _value: None,
    ("interop_webhook", "url"): origin,
}
LEFT_OUT = (
    *(LeftOut(f"table {name}", reason) for name, reason in LEFT_OUT_TABLES.items()),
    LeftOut("API keys", "secret: their names are kept, no text that a program could send"),
    LeftOut("secrets and addresses of webhooks", "secret: their names and hosts are kept"),
    LeftOut("secrets/", "secret: the URLs of channels"),
    LeftOut(f"{JOURNAL}/{KEY_FILE}", "secret: the key of the hashes of logged columns"),
    LeftOut("run/", "addresses, sockets and locks of processes"),
    LeftOut("workflows.db", "steps of jobs that run; what jobs have done is in the tables"),
    LeftOut("index/, cache/, environments/", "made again from what is in the archive"),
    LeftOut("archives/", "other archives"),
    LeftOut("exports/", "exports of runs, which are made again"),
)


def all_tables() -> list[SqlTable]:
    """Every table of every room that an archive has, by name."""
    load_tables()
    tables = Table.metadata.tables
    return [tables[name] for name in sorted(tables) if name not in LEFT_OUT_TABLES]


def kind_of(column: Column[Any]) -> str:
    """What the values of a column are."""
    for types, kind in (
        ((Utc,), TIME),
        ((Json,), JSON),
        ((Boolean,), BOOLEAN),
        ((Integer, BigInteger, SmallInteger), INTEGER),
        ((Float,), NUMBER),
        ((LargeBinary,), BYTES),
    ):
        if isinstance(column.type, types):
            return kind
    return TEXT


def is_path(path: str) -> bool:
    """Whether a file of an archive may have this path: relative, plain, in a known folder."""
    parts = path.split("/")
    if path in (README, anchor.FILE) or ARTIFACT_PATH.fullmatch(path):
        return True
    if any(part in ("", ".", "..") for part in parts) or not path.isprintable() or "\\" in path:
        return False
    if parts[0] == TABLES:
        return re.fullmatch(r"tables/[a-z_]+\.parquet", path) is not None
    return parts[0] in FOLDERS and len(parts) > 1 and path != f"{JOURNAL}/{KEY_FILE}"
