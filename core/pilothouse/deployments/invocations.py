"""MLflow's scoring form: `dataframe_split`, `dataframe_records`, `instances` or `inputs`, and CSV.

Source: mlflow/pyfunc/scoring_server. Exactly one of the four; `params` may carry `event_time` and
`prediction_ids`. The answer is `{"predictions": [...]}` with our ids and scores beside it.
"""

from __future__ import annotations

import csv
import io
from typing import Any

from pilothouse.deployments.request import (
    Predicted,
    Wanted,
    event_times,
    from_rows,
    own_ids,
    read_json,
)
from pilothouse.experiments.signature import Signature
from pilothouse.kit.errors import Invalid

FORMS = ("dataframe_split", "dataframe_records", "instances", "inputs")
TRUTH = {"true": True, "false": False, "1": True, "0": False}


def parse(body: bytes, content_type: str, signature: Signature) -> Wanted:
    """A request's columns. Raises Invalid when the form is none of MLflow's."""
    if content_type == "text/csv":
        columns, rows = _csv(body, signature)
        return Wanted(columns, rows)
    if content_type not in ("application/json", ""):
        raise Invalid(
            f"the content type {content_type!r} is not understood.",
            hint="Send application/json or text/csv.",
        )
    value = read_json(body)
    forms = [form for form in FORMS if form in value]
    if len(forms) != 1:
        raise Invalid(f"the body must hold exactly one of {', '.join(FORMS)}.")
    columns, rows = _READERS[forms[0]](value[forms[0]], signature)
    params = value.get("params") or {}
    if not isinstance(params, dict):
        raise Invalid("`params` must be an object.")
    return Wanted(columns, rows, event_times(params, rows), own_ids(params, rows))


def answer(predicted: Predicted) -> dict[str, Any]:
    """The response body."""
    return {
        "predictions": predicted.labels,
        "scores": predicted.scores,
        "prediction_ids": predicted.prediction_ids,
    }


def _split(value: Any, signature: Signature) -> tuple[dict[str, list[Any]], int]:
    if not isinstance(value, dict) or not isinstance(value.get("data"), list):
        raise Invalid("`dataframe_split` must be an object with `columns` and `data`.")
    names = value.get("columns", list(signature.names))
    if not isinstance(names, list) or len(set(map(str, names))) != len(names):
        raise Invalid("`columns` must be a list of different names.")
    return from_rows(value["data"], tuple(map(str, names))), len(value["data"])


def _records(value: Any, signature: Signature) -> tuple[dict[str, list[Any]], int]:
    if not isinstance(value, list):
        raise Invalid("the rows must be a list.")
    return from_rows(value, signature.names), len(value)


def _inputs(value: Any, signature: Signature) -> tuple[dict[str, list[Any]], int]:
    if isinstance(value, list):
        return _records(value, signature)
    if not isinstance(value, dict) or not value:
        raise Invalid("`inputs` must be an object of columns or a list of rows.")
    columns = {name: part if isinstance(part, list) else [part] for name, part in value.items()}
    rows = len(next(iter(columns.values())))
    return columns, rows


_READERS = {
    "dataframe_split": _split,
    "dataframe_records": _records,
    "instances": _records,
    "inputs": _inputs,
}


def _csv(body: bytes, signature: Signature) -> tuple[dict[str, list[Any]], int]:
    try:
        rows = list(csv.reader(io.StringIO(body.decode())))
    except UnicodeDecodeError as broken:
        raise Invalid("the CSV is not in UTF-8.") from broken
    except csv.Error as broken:
        raise Invalid(f"the CSV cannot be read: {broken}.") from broken
    if not rows:
        raise Invalid("the CSV is empty; its first line must name the columns.")
    names, data = rows[0], [row for row in rows[1:] if row]
    if twice := [name for name in dict.fromkeys(names) if names.count(name) > 1]:
        raise Invalid(f"the CSV has the column {twice[0]!r} more than once.")
    kinds = {field.name: field.type for field in signature.inputs}
    columns = from_rows(data, tuple(names))
    typed = {
        name: [_typed(word, kinds.get(name, "string")) for word in words]
        for name, words in columns.items()
    }
    return typed, len(data)


def _typed(word: str, kind: str) -> Any:
    """A CSV cell as JSON would have it; a cell that does not fit stays a text and is refused."""
    if word == "":
        return None
    if kind == "boolean":
        return TRUTH.get(word.lower(), word)
    if kind not in ("number", "integer"):
        return word
    if "_" in word:  # Python would read 2_0 as twenty
        return word
    try:
        return float(word) if kind == "number" else int(word)
    except ValueError:
        return word
