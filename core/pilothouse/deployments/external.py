"""External deployments: predictions are made elsewhere, and sent in to be monitored.

Such a deployment has a registered version, or only a signature that a person described.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from sqlmodel import Session

from pilothouse.activity import record
from pilothouse.deployments.commands import check_name, revise
from pilothouse.deployments.gateway.external_columns import PredictionColumns, guess_columns
from pilothouse.deployments.gateway.external_rows import (
    ExternalRows,
    check_records,
    check_rows,
    read_lines,
)
from pilothouse.deployments.label_file import as_written, read_typed, require_small
from pilothouse.deployments.tables import Deployment, Revision
from pilothouse.kit.errors import Invalid
from pilothouse.models.signature import UNKNOWN, Signature
from pilothouse.models.tasks import task_of, tasks
from pilothouse.registry.description import Description, described, parts_of
from pilothouse.registry.info import VersionInfo
from pilothouse.storage import Store

if TYPE_CHECKING:
    import pandas as pd

MAX_VALUES = 50  # of a column whose values may be classes
PREVIEW_ROWS = 5
LINES = (".jsonl", ".ndjson")
FIRST_VERSION = 1  # of a deployment without a registered version
NO_ARTIFACT = ""


@dataclass(frozen=True)
class FilePreview:
    """What a file of predictions has: types of columns, its first rows, and few distinct values.

    `values` are the values of columns with at most `MAX_VALUES` different ones, as text, sorted.
    """

    types: dict[str, str]
    rows: pd.DataFrame
    values: dict[str, list[str]]


def add(
    session: Session,
    store: Store,
    name: str,
    version: VersionInfo | None,
    signature: Signature,
    reason: str,
) -> None:
    """Create a deployment that is served elsewhere. Raises Invalid, Conflict for a name in use."""
    check_name(session, name)
    task_of(signature).check(signature)
    now = store.now()
    model, number = (version.model, version.version) if version else ("", FIRST_VERSION)
    deployment = Deployment(
        name=name,
        model=model,
        version=number,
        serving_version=number,
        replicas=0,
        external=True,
        created_at=now,
        created_by=store.actor,
        updated_at=now,
    )
    session.add(deployment)
    session.flush()
    revision = Revision(
        deployment=name,
        seq=0,
        action="added",
        model=model,
        version=number,
        digest=version.digest if version else NO_ARTIFACT,
        signature=signature.to_json(),
        by=store.actor,
        at=now,
    )
    revise(session, store, deployment, revision, "added", reason)
    after = {"version": version.ref if version else None, "task": signature.task}
    record(session, store, "added", "deployment", name, after=after, reason=reason)


def signature_of(description: Description) -> Signature:
    """The signature that a person described. Raises NotFound for its task, Invalid for a part."""
    task = tasks.get(description.task)
    signature = described(UNKNOWN, description)
    if not signature.levels and parts_of(task).levels:
        signature = replace(signature, levels=task.default_levels)
    task.check(signature)
    if not signature.is_described:
        raise Invalid("the model has no outputs.", fields={"outputs": "needed"})
    return signature


def read_rows(
    source: str | Path | bytes | pd.DataFrame,
    filename: str,
    signature: Signature,
    columns: PredictionColumns | None,
    now_ms: int,
) -> ExternalRows:
    """The predictions in CSV, Parquet, JSON or JSON lines, or in a frame.

    Raises Invalid when the file cannot be read, or lacks a column that every row needs.
    """
    if filename.lower().endswith(LINES) and isinstance(source, str | Path | bytes):
        require_small(source)
        content = source if isinstance(source, bytes) else Path(source).read_bytes()
        records, unreadable = read_lines(content)
        return check_records(signature, records, columns, now_ms, unreadable)

    table = read_typed(source, filename, {}, lenient=True)
    names = table.column_names
    chosen = columns or guess_columns(names, signature)
    texts = _texts(signature, chosen)
    table = as_written(table, source, filename, texts, chosen.label, lenient=True)
    received = {name: table[name].to_pylist() for name in names}
    return check_rows(signature, received, table.num_rows, chosen, now_ms)


def _texts(signature: Signature, columns: PredictionColumns) -> list[str]:
    """The columns of ids, of categories and of inputs that are texts."""
    sent = task_of(signature).sent_columns(signature)
    categories = [output.name for output in sent if output.kind == "category"]
    texts = [field.name for field in signature.inputs if field.type == "string"]
    return [columns.id, *(columns.outputs.get(name, "") for name in categories), *texts]


def column_names(source: str | Path | bytes | pd.DataFrame, filename: str) -> list[str]:
    """The columns of a file. Raises Invalid, NotFound."""
    return list(read_typed(source, filename, {}, lenient=True).column_names)


def preview(source: str | Path | bytes | pd.DataFrame, filename: str) -> FilePreview:
    """What a file of predictions has. Raises Invalid, NotFound."""
    import pyarrow.compute as pc

    from pilothouse.data.canonical import type_of

    table = read_typed(source, filename, {}, lenient=True)
    values: dict[str, list[str]] = {}
    for name in table.column_names:
        distinct = pc.unique(table[name]).drop_null()
        if len(distinct) <= MAX_VALUES:
            values[name] = sorted(map(str, distinct.to_pylist()))
    types: dict[str, str] = {field.name: type_of(field.type) for field in table.schema}
    return FilePreview(types, table.slice(0, PREVIEW_ROWS).to_pandas(), values)
