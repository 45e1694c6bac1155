"""MLflow's scoring form: JSON in one of four forms, CSV, Parquet.

Source: mlflow/pyfunc/scoring_server. JSON has exactly one of `dataframe_split`, `instances`,
`dataframe_records` and `inputs`; its `params` may carry `event_time`, `prediction_ids` and
`entity_id`, as headers do for the others. The response is `{"predictions": [...]}` with
`prediction_ids`, `scores` of a model that has a score, and every other output column in `outputs`.
As with MLflow, columns that the model does not take are ignored, and NaN is a missing value.
"""

from __future__ import annotations

import csv
import io
from collections import Counter
from typing import Any

from pilothouse.deployments.gateway.request import (
    MAX_COLUMNS,
    InferenceRequest,
    ReplyForm,
    RequestHead,
    RequestLimits,
    body_facts,
    excerpt,
    from_rows,
    read_json,
    row_facts,
)
from pilothouse.deployments.gateway.tensors import InferenceResponse
from pilothouse.kit.asgi import Response, json_response
from pilothouse.kit.errors import Invalid, TooLarge, UnsupportedContent
from pilothouse.models.signature import Signature, SignatureField
from pilothouse.models.tasks import SCORE

FORMS = ("dataframe_split", "dataframe_records", "instances", "inputs")
JSON, CSV, PARQUET = "application/json", "text/csv", "application/vnd.apache.parquet"
CONTENT_TYPES = (JSON, CSV, PARQUET, "")
MAX_EXACT_INTEGER = 1 << 53
COMMA = ","
DELIMITERS = (COMMA, ";", "\t")
MISSING = frozenset(  # as pandas writes and reads a missing value; in a text column only "" is one
    ("nan", "na", "n/a", "<na>", "#n/a", "#na", "-nan", "null", "none", "nat")
)
Table = tuple[dict[str, list[Any]], int, tuple[str, ...]]


def read(
    body: bytes, head: RequestHead, signature: Signature, limits: RequestLimits
) -> InferenceRequest:
    """A request's columns. Raises UnsupportedContent, TooLarge, or Invalid for a body in none of
    MLflow's forms."""
    check_content_type(head.content_type)
    return parse(body, head.media_type, signature, limits, head)


def check_content_type(content_type: str) -> None:
    """Raises UnsupportedContent for a content type, or a parameter of one, that MLflow refuses."""
    kind, *parameters = (part.strip() for part in content_type.split(";"))
    if kind.lower() not in CONTENT_TYPES:
        raise UnsupportedContent(
            f"the content type {excerpt(kind)} is not understood.",
            hint=f"Send {JSON}, {CSV} or {PARQUET}.",
        )
    for parameter in filter(None, parameters):
        name, _, value = parameter.partition("=")
        if name.strip().lower() != "charset":
            raise UnsupportedContent(
                f"the parameter {excerpt(name)} of the content type is not understood."
            )
        if value.strip().strip('"').lower() not in ("utf-8", "utf8"):
            raise UnsupportedContent(f"the charset {excerpt(value)} is not understood; use utf-8.")


def parse(
    body: bytes,
    media_type: str,
    signature: Signature,
    limits: RequestLimits | None = None,
    head: RequestHead | None = None,
) -> InferenceRequest:
    """A request's columns. Raises Invalid for a body in none of MLflow's forms, or TooLarge."""
    limits, head = limits or RequestLimits(), head or RequestHead()
    if media_type == CSV:
        columns, rows, unused = _csv(body, signature, limits)
        return InferenceRequest(columns, rows, unused=unused, **row_facts(None, head, rows))

    if media_type == PARQUET:
        from pilothouse.deployments.gateway.parquet_rows import read_parquet  # it loads pyarrow

        columns, rows, unused = read_parquet(body, signature, limits)
        return InferenceRequest(columns, rows, unused=unused, **row_facts(None, head, rows))

    value = read_json(body, bare_nan=True)
    forms = [form for form in FORMS if form in value]
    if len(forms) != 1:
        raise Invalid(f"the body must hold exactly one of {', '.join(FORMS)}.")

    columns, rows, unused = _READERS[forms[0]](value[forms[0]], signature, limits)
    facts = body_facts(value, head, rows, name="params")
    return InferenceRequest(columns, rows, unused=unused, **facts)


def write(predicted: InferenceResponse, reply: ReplyForm) -> Response:
    """The response; its layout is always the same."""
    return json_response(answer(predicted), predicted.version)


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


def read_rows(value: Any, signature: Signature, limits: RequestLimits) -> Table:
    """Columns from a list of objects, or of lists in the signature's order; how many rows; and
    the columns that the model does not take. Raises Invalid, or TooLarge."""
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


def read_columns(value: Any, signature: Signature, limits: RequestLimits) -> Table:
    """The same from an object of lists, one a column, or from a list of rows."""
    if isinstance(value, list):
        return read_rows(value, signature, limits)
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
    "dataframe_records": read_rows,
    "instances": read_rows,
    "inputs": read_columns,
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
    try:
        delimiter = _delimiter(text.partition("\n")[0], signature)
        lines = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
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
        name: [_typed(cell, fields[name], delimiter) for cell in cells]
        for name, cells in columns.items()
    }

    return typed, len(data), unused


def _delimiter(first_line: str, signature: Signature) -> str:
    """The delimiter by which a header names the most columns of the model; a comma at a tie."""

    def matches(delimiter: str) -> int:
        names = next(csv.reader([first_line], delimiter=delimiter), [])
        return len(set(names) & set(signature.names))

    return max(DELIMITERS, key=matches)


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


def _typed(cell: str, field: SignatureField, delimiter: str) -> Any:
    """A CSV cell as a JSON value; one that does not fit stays a text, which the check refuses."""
    if cell == "":
        return None
    if field.type == "string":
        return cell
    if cell.strip().lower() in MISSING:
        return None
    if field.type not in ("number", "integer") or "_" in cell:  # Python reads 2_0 as twenty
        return cell
    if delimiter != COMMA and "." not in cell:  # as Excel writes numbers where commas are decimal
        cell = cell.replace(COMMA, ".")
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
