"""Replay: sends rows to a deployment through its HTTP endpoint, as any client would."""

from __future__ import annotations

import http.client
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

from pilothouse.kit.errors import Invalid, Unavailable
from pilothouse.kit.processes import find

MAX_WAIT_SECONDS = 90.0
PAUSE_SECONDS = 0.2
TIMEOUT_SECONDS = 30.0
BUSY = (429, 502, 503, 504)


@dataclass
class ReplayClient:
    """A kept-alive connection to the workspace's server that outlives the server's restarts.

    What is sent must be safe to send twice: predictions and labels carry their own ids.
    """

    run_folder: Path
    _open: http.client.HTTPConnection | None = None

    def post(self, path: str, body: Mapping[str, Any]) -> dict[str, Any]:
        """The JSON answer; waits while the server is away or busy.

        Raises Invalid when the server says the request is wrong, Unavailable after 90 s without it.
        """
        import orjson

        data, end = orjson.dumps(body), time.monotonic() + MAX_WAIT_SECONDS
        while True:
            status, answer = self._try(path, data)
            if status == 200:
                content: dict[str, Any] = orjson.loads(answer)
                return content
            if status and status not in BUSY:
                raise Invalid(f"the server refused {path}: {answer.decode(errors='replace')[:500]}")
            if time.monotonic() > end:
                raise Unavailable(
                    f"the server has not answered {path} for {MAX_WAIT_SECONDS:.0f} s.",
                    hint="Start it with `pilothouse server` and look into its log.",
                )
            time.sleep(PAUSE_SECONDS)

    def _try(self, path: str, data: bytes) -> tuple[int, bytes]:
        """Status and body; status 0 when there was no answer."""
        try:
            connection = self._connection()
            connection.request("POST", path, data, {"Content-Type": "application/json"})
            answer = connection.getresponse()
            return answer.status, answer.read()
        except (OSError, http.client.HTTPException):
            self.close()
            return 0, b""

    def _connection(self) -> http.client.HTTPConnection:
        if self._open is None:
            server = find(self.run_folder, "server")
            if server is None:
                raise ConnectionRefusedError("no server runs")
            self._open = http.client.HTTPConnection(
                "127.0.0.1", server.port, timeout=TIMEOUT_SECONDS
            )
        return self._open

    def close(self) -> None:
        """Close the connection; the next post opens another."""
        if self._open is not None:
            with suppress(OSError):
                self._open.close()
        self._open = None

    def predict(
        self,
        deployment: str,
        columns: Mapping[str, tuple[str, Sequence[Any]]],
        ids: Sequence[str],
        event_ms: Sequence[int],
    ) -> int:
        """Ask for predictions of rows given by column as (datatype, values); how many came back."""
        body = {
            "inputs": [
                {"name": name, "shape": [len(ids)], "datatype": kind, "data": values}
                for name, (kind, values) in columns.items()
            ],
            "parameters": {"prediction_ids": ids, "event_time": event_ms},
            "outputs": [{"name": "prediction_id"}],
        }
        answer = self.post(f"/v2/models/{quote(deployment)}/infer", body)
        return len(answer["outputs"][0]["data"])

    def label(
        self, deployment: str, ids: Sequence[str], labels: Sequence[Any], at_ms: Sequence[int]
    ) -> int:
        """Send labels; how many were sent."""
        body = {"ids": ids, "labels": labels, "at": at_ms}
        self.post(f"/deployments/{quote(deployment)}/labels", body)
        return len(ids)
