"""External deployments: predictions are made elsewhere, and sent in to be monitored.

Such a deployment has a registered version, or only a signature that a person described.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sqlmodel import Session

from pilothouse.activity import record
from pilothouse.deployments.commands import check_name, revise
from pilothouse.deployments.gateway.external_columns import PredictionColumns, guess_columns
from pilothouse.deployments.gateway.external_rows import (
    ExternalRows,
    RowProblem,
    check_records,
    check_rows,
    read_lines,
)
from pilothouse.deployments.label_file import read_typed, require_small
from pilothouse.deployments.tables import Deployment, Revision
from pilothouse.kit.errors import Invalid
from pilothouse.models.signature import UNKNOWN, Signature
from pilothouse.models.tasks import task_of, tasks
from pilothouse.registry.description import Description, described, parts_of
from pilothouse.registry.info import VersionInfo
from pilothouse.storage import Store

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

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


@dataclass(frozen=True)
class PredictionReport:
    """What became of the rows of a file.

    `accepted` predictions were logged; `repeated` ones have an id that was logged before; `refused`
    rows cannot be used. `labels` came with the rows; `refused_labels` are no labels of the model.
    `problems` are the first ones, with the row (from 1), the column and what is wrong.
    """

    rows: int
    accepted: int
    repeated: int
    refused: int
    labels: int
    refused_labels: int
    problems: tuple[RowProblem, ...]


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
    table = _as_written(table, source, filename, signature, chosen)
    received = {name: table[name].to_pylist() for name in names}
    return check_rows(signature, received, table.num_rows, columns, now_ms)


def _as_written(
    table: pa.Table,
    source: Any,
    filename: str,
    signature: Signature,
    columns: PredictionColumns,
) -> pa.Table:
    """The table with ids, labels, categories and texts as the file writes them: 007 is not 7."""
    task = task_of(signature)
    categories = [o.name for o in task.sent_columns(signature) if o.kind == "category"]
    texts = [columns.id, *(columns.outputs.get(name, "") for name in categories)]
    texts += [field.name for field in signature.inputs if field.type == "string"]
    if columns.label and str(_type(table, columns.label)) == "bool":
        texts.append(columns.label)
    as_text: dict[str, Any] = {
        name: "string" for name in texts if str(_type(table, name)) not in ("string", "None")
    }
    return read_typed(source, filename, as_text, lenient=True) if as_text else table


def _type(table: pa.Table, name: str) -> Any:
    return table.schema.field(name).type if name in table.column_names else None


def column_names(source: str | Path | bytes | pd.DataFrame, filename: str) -> list[str]:
    """The columns of a file. Raises Invalid, NotFound."""
    return list(read_typed(source, filename, {}, lenient=True).column_names)


def preview(source: str | Path | bytes | pd.DataFrame, filename: str) -> FilePreview:
    """What a file of predictions has. Raises Invalid, NotFound."""
    import pyarrow.compute as pc

    table = read_typed(source, filename, {}, lenient=True)
    values: dict[str, list[str]] = {}
    for name in table.column_names:
        distinct = pc.unique(table[name]).drop_null()
        if len(distinct) <= MAX_VALUES:
            values[name] = sorted(map(str, distinct.to_pylist()))
    return FilePreview(_types(table), table.slice(0, PREVIEW_ROWS).to_pandas(), values)


def _types(table: pa.Table) -> dict[str, str]:
    return {f.name: TYPE_NAMES.get(str(f.type), "number") for f in table.schema}


TYPE_NAMES = {
    "string": "string",
    "bool": "boolean",
    "int64": "integer",
    "double": "number",
    "timestamp[ms, tz=UTC]": "time",
    "timestamp[us, tz=UTC]": "time",
}
