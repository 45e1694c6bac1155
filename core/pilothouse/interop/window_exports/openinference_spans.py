"""Predictions as spans of OpenInference: OTLP as JSON lines and as Protocol Buffers.

The JSON lines are what OpenTelemetry's file exporter writes. Phoenix takes Protocol Buffers only.
Labels come when they come, so that they are annotations of their own, by the id of their span.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pilothouse.interop.protobuf_writing import (
    fixed64_field,
    length_delimited,
    number_field,
    text_field,
)

if TYPE_CHECKING:
    from datetime import datetime


KIND, PROJECT, SERVICE = (
    *("openinference.span.kind", "openinference.project.name", "service.name"),
)
INPUT, INPUT_TYPE = "input.value", "input.mime_type"
OUTPUT, OUTPUT_TYPE = "output.value", "output.mime_type"
METADATA, JSON_TYPE = "metadata", "application/json"
CHAIN, INTERNAL, OK = "CHAIN", 1, 1
LABEL, CODE = "label", "CODE"
SPANS = 1_000  # of a line, or of a file of Protocol Buffers
Json = dict[str, Any]


@dataclass(frozen=True)
class AnsweredRow:
    """A logged prediction: what was asked, what was answered, and the label when it has come."""

    id: str
    deployment: str
    version: str
    at: datetime
    latency_ms: float
    inputs: Mapping[str, Any]
    outputs: Mapping[str, Any]
    label: Any = None

    @property
    def span(self) -> str:
        """The id of its span, which a label that comes later names again."""
        return hashlib.sha256(self.id.encode()).hexdigest()[:16]

    @property
    def trace(self) -> str:
        """The id of its trace."""
        return hashlib.sha256(b"trace " + self.id.encode()).hexdigest()[:32]


def files_of(rows: list[AnsweredRow], deployment: str) -> dict[str, bytes]:
    """The files of an export."""
    batches = [rows[start : start + SPANS] for start in range(0, len(rows), SPANS)]
    requests = [_request(batch, deployment) for batch in batches]
    files = {"spans.jsonl": b"".join(_line(request) for request in requests)}
    for index, request in enumerate(requests, start=1):
        files[f"spans-{index:04d}.pb"] = _message(request)
    labelled = [row for row in rows if row.label is not None]
    for index, start in enumerate(range(0, len(labelled), SPANS), start=1):
        data = [_annotation(row) for row in labelled[start : start + SPANS]]
        files[f"annotations-{index:04d}.json"] = _line({"data": data})
    return files


def _request(rows: list[AnsweredRow], deployment: str) -> Json:
    """Spans as OTLP's JSON has them: ids in hexadecimal digits, times in nanoseconds as texts."""
    resource = {PROJECT: deployment, SERVICE: deployment}
    return {
        "resourceSpans": [
            {
                "resource": {"attributes": _attributes(resource)},
                "scopeSpans": [
                    {"scope": {"name": "pilothouse"}, "spans": [_span(row) for row in rows]}
                ],
            }
        ]
    }


def _span(row: AnsweredRow) -> Json:
    began = round(row.at.timestamp() * 1e6) * 1000
    about = {"prediction_id": row.id, "deployment": row.deployment, "version": row.version}
    attributes = {
        KIND: CHAIN,
        INPUT: _text(row.inputs),
        INPUT_TYPE: JSON_TYPE,
        OUTPUT: _text(row.outputs),
        OUTPUT_TYPE: JSON_TYPE,
        METADATA: _text(about),
    }
    return {
        "traceId": row.trace,
        "spanId": row.span,
        "name": row.version,
        "kind": INTERNAL,
        "startTimeUnixNano": str(began),
        "endTimeUnixNano": str(began + round(row.latency_ms * 1e6)),
        "attributes": _attributes(attributes),
        "status": {"code": OK},
    }


def _attributes(values: Mapping[str, str]) -> list[Json]:
    return [{"key": key, "value": {"stringValue": value}} for key, value in values.items()]


def _annotation(row: AnsweredRow) -> Json:
    """A label, as Phoenix takes annotations of spans: a number is its score, too."""
    is_number = isinstance(row.label, float | int) and not isinstance(row.label, bool)
    score = {"score": float(row.label)} if is_number else {}
    return {
        "span_id": row.span,
        "name": LABEL,
        "annotator_kind": CODE,
        "result": {"label": str(row.label), **score},
        "identifier": "pilothouse",
    }


def _text(value: Mapping[str, Any]) -> str:
    return json.dumps(value, ensure_ascii=False, default=str)


def _line(value: Json) -> bytes:
    return (json.dumps(value, ensure_ascii=False) + "\n").encode()


def _message(request: Json) -> bytes:
    """The request as Protocol Buffers, which OTLP's addresses take over HTTP."""
    parts = []
    for of_resource in request["resourceSpans"]:
        resource = b"".join(_pairs(1, of_resource["resource"]["attributes"]))
        scopes = b"".join(
            length_delimited(
                2,
                length_delimited(1, text_field(1, scope["scope"]["name"]))
                + b"".join(length_delimited(2, _span_message(span)) for span in scope["spans"]),
            )
            for scope in of_resource["scopeSpans"]
        )
        parts.append(length_delimited(1, length_delimited(1, resource) + scopes))
    return b"".join(parts)


def _span_message(span: Json) -> bytes:
    times = (
        fixed64_field(field, int(span[name]))
        for field, name in ((7, "startTimeUnixNano"), (8, "endTimeUnixNano"))
    )
    return b"".join(
        (
            length_delimited(1, bytes.fromhex(span["traceId"])),
            length_delimited(2, bytes.fromhex(span["spanId"])),
            text_field(5, span["name"]),
            number_field(6, span["kind"]),
            *times,
            *_pairs(9, span["attributes"]),
            length_delimited(15, number_field(3, span["status"]["code"])),
        )
    )


def _pairs(field: int, attributes: list[Json]) -> Iterator[bytes]:
    for pair in attributes:
        value = length_delimited(2, text_field(1, pair["value"]["stringValue"]))
        yield length_delimited(field, text_field(1, pair["key"]) + value)
