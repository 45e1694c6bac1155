"""The reader process: parses large request bodies outside of the server's loop and memory.

    python -m pilothouse.deployments.gateway.reader_process <file descriptor of a connected socket>

It handles one frame at a time and exits when the server closes the socket. A request frame is
`R[u32 length of head][head as JSON][body]`, a response `+` or `!`, `[u32 length][head][parts]`.
"""

from __future__ import annotations

import gc
import os
import resource
import socket
import struct
import sys
from typing import Any

import orjson

from pilothouse.deployments.gateway.bodies import (
    CheckedRequest,
    count_values,
    read_labels,
    read_request,
)
from pilothouse.deployments.gateway.external_rows import read_body, to_head
from pilothouse.deployments.gateway.request import RequestHead, RequestLimits
from pilothouse.deployments.model_server.framing import REFUSED, SUCCESS, FrameDecoder, encode_frame
from pilothouse.kit import logs
from pilothouse.kit.errors import Invalid, PilothouseError, TooLarge
from pilothouse.models.signature import Signature

SIZE = struct.Struct("!I")
MEMORY_BYTES = 448 << 20
RECEIVE_BYTES = 1 << 20
TOO_LARGE_TO_READ = "parsing the body takes more memory than one request may use."


def pack(kind: bytes, head: dict[str, Any], tail: bytes) -> bytes:
    """A message: its kind, its head as JSON, and bytes that are sent as they are."""
    data = orjson.dumps(head)
    return b"".join((kind, SIZE.pack(len(data)), data, tail))


def unpack(message: bytes) -> tuple[bytes, dict[str, Any], memoryview]:
    """The three parts of a message."""
    view = memoryview(message)
    start = 1 + SIZE.size
    end = start + SIZE.unpack_from(message, 1)[0]
    return message[:1], orjson.loads(view[start:end]), view[end:]


def request_head(request: CheckedRequest) -> dict[str, Any]:
    """The head of a checked request: everything but its columns, which follow as bytes."""
    return {
        "rows": request.rows,
        "lengths": [len(part) for part in request.parts],
        "event_ms": request.event_ms,
        "prediction_ids": request.prediction_ids,
        "request_id": request.request_id,
        "reply": request.reply._asdict(),
        "entity_id": request.entity_id,
    }


def _read(head: dict[str, Any], body: bytes) -> tuple[dict[str, Any], bytes]:
    if head["form"] == "json":
        return _count_json(body, head["max_values"]), b""
    limits, signature = RequestLimits(**head["limits"]), Signature.from_json(head["signature"])
    if head["form"] == "labels":
        labels = read_labels(body, signature, limits, head["now_ms"])
        return {"ids": labels.ids, "labels": labels.labels, "times": labels.times}, b""
    if head["form"] == "predictions":
        rows = read_body(body, head["content_type"], signature, limits, head["now_ms"])
        return to_head(rows)
    request = read_request(head["form"], RequestHead(**head["request"]), body, signature, limits)
    return request_head(request), b"".join(request.parts)


def _count_json(body: bytes, max_values: int) -> dict[str, Any]:
    """Count the values of a JSON body outside of its strings. Raises TooLarge."""
    inside = b"".join(body.replace(b"\\\\", b"").replace(b'\\"', b"").split(b'"')[::2])
    count = count_values(inside)
    if count > max_values:
        raise TooLarge(f"the body has more than {max_values:,} values, the most read at once.")
    return {"values": count}


def _reply(message: bytes) -> bytes:
    try:
        _, head, body = unpack(message)
        result, tail = _read(head, bytes(body))
        result["peak_bytes"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
        return pack(SUCCESS, result, tail)
    except PilothouseError as refused:
        return pack(REFUSED, _refusal(refused), b"")
    except MemoryError:
        return pack(REFUSED, _refusal(TooLarge(TOO_LARGE_TO_READ)), b"")


def _refusal(refused: PilothouseError) -> dict[str, Any]:
    fields = refused.fields if isinstance(refused, Invalid) else {}
    return {
        "code": refused.code,
        "message": refused.message,
        "hint": refused.hint,
        "fields": fields,
        "peak_bytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
    }


def serve(connection: socket.socket) -> None:
    """Handle frames until the server closes the connection."""
    decoder = FrameDecoder()
    while data := connection.recv(RECEIVE_BYTES):
        for request_id, message in decoder.feed(data):
            connection.sendall(encode_frame(request_id, _reply(message)))


def main() -> None:
    """Serve the inherited socket within a memory limit."""
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    logs.configure_child("server")
    os.nice(10)  # small requests and model processes go first
    gc.disable()  # PERF: JSON has no cycles, and a collection among millions of lists takes seconds
    with socket.socket(fileno=int(sys.argv[1])) as connection:
        serve(connection)


if __name__ == "__main__":
    main()
