"""A smoke test: a candidate's process answers the model's input example."""

from __future__ import annotations

import orjson

from pilothouse.deployments.gateway.answers import AnswerReader
from pilothouse.deployments.gateway.columns import check_columns
from pilothouse.deployments.gateway.request import from_rows
from pilothouse.deployments.model_server.framing import PREDICT, SUCCESS, request
from pilothouse.deployments.tables import Replica, RolloutCandidate
from pilothouse.kit.errors import PilothouseError
from pilothouse.kit.ids import uuid7s
from pilothouse.models.signature import Signature

SECONDS = 10.0
MAX_ROWS = 3
MAX_MESSAGE = 300


def smoke_test(candidate: RolloutCandidate, replica: Replica) -> str:
    """Why a process does not answer the example of its version as the gateway would; else empty.

    A version without an example passes: nothing is known that it should answer.
    """
    rows = candidate.example[:MAX_ROWS]
    if not rows:
        return ""
    signature = Signature.from_json(candidate.signature)
    try:
        received, unused = from_rows(list(rows), signature.names, signature.names)
        columns = check_columns(signature, received, len(rows), unused)
        payload = orjson.dumps({"rows": len(rows), "columns": list(columns.values())})
        raw = request(replica.socket, PREDICT + payload, SECONDS)
        if raw[:1] != SUCCESS:
            return _shortened(f"it cannot answer its example: {raw[1:].decode(errors='replace')}")
        answers = orjson.loads(raw[1:])
        reader = AnswerReader(signature)
        reader.response(candidate.model, candidate.version, "", uuid7s(len(rows)), answers)
    except OSError as broken:
        return _shortened(f"its process does not answer its example: {broken or 'no answer'}")
    except PilothouseError as wrong:
        return _shortened(f"its example cannot be answered: {wrong.message}")
    return ""


def _shortened(message: str) -> str:
    return message.rstrip(".")[:MAX_MESSAGE]
