"""MLflow's scoring form: `dataframe_split`, `dataframe_records`, `instances` or `inputs`, and CSV.

Source: mlflow/pyfunc/scoring_server. Exactly one of the four; `params` may carry `event_time` and
`prediction_ids`. The response is `{"predictions": [...]}` with `prediction_ids`, `scores` of a
model that has a score, and every other output column in `outputs`. As with MLflow, columns that the
model does not take are ignored, and NaN is a missing value.
"""

from __future__ import annotations

import csv
import io
from collections import Counter
from typing import Any

from pilothouse.deployments.gateway.request import (
    MAX_COLUMNS,
    InferenceRequest,
    RequestLimits,
    event_times,
    excerpt,
    from_rows,
    read_json,
    requested_ids,
)
from pilothouse.deployments.gateway.tensors import InferenceResponse
from pilothouse.kit.errors import Invalid, TooLarge
from pilothouse.models.signature import Signature, SignatureField
from pilothouse.models.tasks import SCORE

FORMS = ("dataframe_split", "dataframe_records", "instances", "inputs")
MAX_EXACT_INTEGER = 1 << 53
MISSING = frozenset(  # as pandas writes and reads a missing value; in a text column only "" is one
    ("nan", "na", "n/a", "<na>", "#n/a", "#na", "-nan", "null", "none", "nat")
)
Table = tuple[dict[str, list[Any]], int, tuple[str, ...]]


def parse(
    body: bytes, content_type: str, signature: Signature, limits: RequestLimits | None = None
) -> InferenceRequest:
    """A request's columns. Raises Invalid for a body in none of MLflow's forms, or TooLarge."""
    limits = limits or RequestLimits()
    if content_type == "text/csv":
        columns, rows, unused = _csv(body, signature, limits)
        return InferenceRequest(columns, rows, unused=unused)
    if content_type not in ("application/json", ""):
        raise Invalid(
            f"the content type {excerpt(content_type)} is not understood.",
            hint="Send application/json or text/csv.",
        )

    value = read_json(body, bare_nan=True)
    forms = [form for form in FORMS if form in value]
    if len(forms) != 1:
        raise Invalid(f"the body must hold exactly one of {', '.join(FORMS)}.")

    columns, rows, unused = _READERS[forms[0]](value[forms[0]], signature, limits)
    params = value.get("params") or {}
    if not isinstance(params, dict):
        raise Invalid("`params` must be an object.")

    return InferenceRequest(
        columns, rows, event_times(params, rows), requested_ids(params, rows), unused=unused
    )


def answer(predicted: InferenceResponse) -> dict[str, Any]:
    """The response body."""
    body: dict[str, Any] = {"predictions": predicted.predictions}
    if SCORE in predicted.columns:
        body["scores"] = predicted.columns[SCORE]
    outputs = {name: values for name, values in predicted.columns.items() if name != SCORE}
    if outputs:
        body["outputs"] = outputs
    body["prediction_ids"] = predicted.prediction_ids
    return body


def _split(value: Any, signature: Signature, limits: RequestLimits) -> Table:
    if not isinstance(value, dict) or not isinstance(value.get("data"), list):
        raise Invalid("`dataframe_split` must be an object with `columns` and `data`.")
    names = value.get("columns", list(signature.names))
    if not isinstance(names, list):
        raise Invalid("`columns` must be a list of different names.")
    _check_count(len(names), signature)
    if len(set(map(str, names))) != len(names):
        raise Invalid("`columns` must be a list of different names.")
    return _rows(value["data"], tuple(map(str, names)), signature, limits)


def _records(value: Any, signature: Signature, limits: RequestLimits) -> Table:
    if not isinstance(value, list):
        raise Invalid("the rows must be a list.")
    return _rows(value, signature.names, signature, limits)


def _rows(
    rows: list[Any], names: tuple[str, ...], signature: Signature, limits: RequestLimits
) -> Table:
    limits.check_rows(len(rows))
    limits.check_cells(len(rows), signature)
    columns, unused = from_rows(rows, names, signature.names)
    return columns, len(rows), unused


def _inputs(value: Any, signature: Signature, limits: RequestLimits) -> Table:
    if isinstance(value, list):
        return _records(value, signature, limits)
    if not isinstance(value, dict) or not value:
        raise Invalid("`inputs` must be an object of columns or a list of rows.")
    _check_count(len(value), signature)
    names = [name for name in signature.names if name in value]
    columns = {
        name: value[name] if isinstance(value[name], list) else [value[name]] for name in names
    }
    rows = len(next(iter(columns.values()), [None]))
    limits.check_rows(rows)
    return columns, rows, tuple(name for name in value if name not in columns)


_READERS = {
    "dataframe_split": _split,
    "dataframe_records": _records,
    "instances": _records,
    "inputs": _inputs,
}


def _check_count(columns: int, signature: Signature) -> None:
    """Raises TooLarge for more columns than a client with the model's data would send."""
    most = max(MAX_COLUMNS, 2 * len(signature.inputs))
    if columns > most:
        raise TooLarge(f"there are {columns} columns; at most {most} are read.")


def _csv(body: bytes, signature: Signature, limits: RequestLimits) -> Table:
    try:
        text = body.decode("utf-8-sig")
    except UnicodeDecodeError as broken:
        raise Invalid("the CSV is not in UTF-8.") from broken

    csv.field_size_limit(limits.max_body)
    lines = csv.reader(io.StringIO(text, newline=""))
    try:
        names = next(lines, [])
        if not names:
            raise Invalid("the CSV is empty; its first line must name the columns.")
        _check_count(len(names), signature)
        data = _csv_rows(lines, len(names), limits)
    except csv.Error as broken:
        raise Invalid(f"the CSV cannot be read: {broken}.") from broken

    if repeated := [name for name, count in Counter(names).items() if count > 1]:
        raise Invalid(f"the CSV has the column {excerpt(repeated[0])} more than once.")

    limits.check_rows(len(data))
    limits.check_cells(len(data), signature)
    columns, unused = from_rows(data, tuple(names), signature.names)
    fields = {field.name: field for field in signature.inputs}
    typed = {
        name: [_typed(cell, fields[name]) for cell in cells] for name, cells in columns.items()
    }

    return typed, len(data), unused


def _csv_rows(lines: Any, width: int, limits: RequestLimits) -> list[list[str]]:
    """The rows, without empty lines. Raises TooLarge at the first row beyond the limit."""
    data: list[list[str]] = []
    for index, line in enumerate(lines):
        if not line:
            continue
        if len(line) != width:
            raise Invalid(f"row {index} has {len(line)} values, and {width} are needed.")
        data.append(line)
        if len(data) > limits.max_rows:
            raise TooLarge(f"there are more than {limits.max_rows} rows, the most read at once.")
    return data


def _typed(cell: str, field: SignatureField) -> Any:
    """A CSV cell as a JSON value; one that does not fit stays a text, which the check refuses."""
    if cell == "":
        return None
    if field.type == "string":
        return cell
    if cell.strip().lower() in MISSING:
        return None
    if field.type not in ("number", "integer") or "_" in cell:  # Python reads 2_0 as twenty
        return cell
    try:
        return float(cell) if field.type == "number" else _integer(cell)
    except ValueError:
        return cell


def _integer(cell: str) -> int:
    """A whole number, also as pandas writes it in a column with missing values: 3.0."""
    whole, _, rest = cell.strip().partition(".")
    if not rest.strip("0"):
        return int(whole)
    value = float(cell)
    if not value.is_integer() or abs(value) > MAX_EXACT_INTEGER:
        raise ValueError(cell)
    return int(value)
