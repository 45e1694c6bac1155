"""What a model says of itself, and how it answers its example: for whoever describes it."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timezone
from typing import Any

from pilothouse.deployments.model_server.predictor import is_batchable
from pilothouse.models.formats import Columns, LoadedModel
from pilothouse.models.model_inputs import guessed_type
from pilothouse.models.package import ModelPackage
from pilothouse.models.signature import Signature, SignatureField

PROBE_ROWS = 3


def inspect_model(
    load: Callable[[Signature], LoadedModel],
    package: ModelPackage,
    signature: Signature,
    example: list[dict[str, Any]],
) -> dict[str, Any]:
    """The facts of the file, and those that answers tell.

    The model's own: `task`, `classes`, `levels`, `gives`, `inputs` (names), `outputs`, as far as it
    says. Of its answers: `answer` (raw rows of the example), `batchable` (a row's answer does not
    depend on its neighbours), `deterministic`, `seconds` to load.
    """
    started = time.monotonic()
    fields, columns = _example(package, signature, example)
    model = load(replace(signature, inputs=fields))
    facts: dict[str, Any] = {"seconds": round(time.monotonic() - started, 2)}
    if columns:
        answer = model.predict(columns)
        again = model.predict(columns)
        probe = columns if len(columns[0]) > 1 else [values * PROBE_ROWS for values in columns]
        facts |= {
            "answer": answer,
            "deterministic": answer == again,
            "batchable": answer != again or is_batchable(model.predict, probe),
        }
    fields_json = [{"name": column.name, "type": column.type} for column in fields]
    return facts | model.inspect() | {"input_fields": fields_json}


def _example(
    package: ModelPackage, signature: Signature, example: list[dict[str, Any]]
) -> tuple[tuple[SignatureField, ...], Columns]:
    """The input fields and the example's columns, of the signature or else of the package."""
    if signature.inputs and example:
        rows = example[:PROBE_ROWS]
        columns = [[row.get(name) for row in rows] for name in signature.names]
        return signature.inputs, columns
    if package.example is None:
        return signature.inputs, []
    rows_of_package = package.example.rows[:PROBE_ROWS]
    columns = [list(values) for values in zip(*rows_of_package, strict=True)]
    names = package.example.columns
    recorded = {
        column["name"]: column["type"]
        for column in package.facts.get("input_fields") or ()
        if isinstance(column, dict) and "name" in column and "type" in column
    }
    fields = signature.inputs or tuple(
        SignatureField(name, recorded.get(name) or guessed_type(values))  # type: ignore[arg-type]
        for name, values in zip(names, columns, strict=True)
    )
    pairs = zip(fields, columns, strict=True)
    return fields, [_instants(values) if f.type == "time" else values for f, values in pairs]


def _instants(values: list[Any]) -> list[Any]:
    """Milliseconds since the epoch of the ISO texts that an example has for times."""
    return [_milliseconds(value) if isinstance(value, str) else value for value in values]


def _milliseconds(text: str) -> int:
    instant = datetime.fromisoformat(text.replace("Z", "+00:00"))
    if instant.tzinfo is None:
        instant = instant.replace(tzinfo=timezone.utc)  # noqa: UP017  # Python 3.10 has no UTC
    return int(instant.timestamp() * 1000)
