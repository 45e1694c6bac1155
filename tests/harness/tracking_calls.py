"""For tests and benchmarks of the tracking protocol: its calls as bare HTTP."""

from __future__ import annotations

from typing import Any

import httpx

API = "/api/2.0/mlflow/"


class Caller:
    """Calls of the protocol as bare HTTP."""

    def __init__(self, url: str) -> None:
        self.http = httpx.Client(base_url=url, timeout=60, trust_env=False)

    def send(self, method: str, path: str, /, **words: Any) -> httpx.Response:
        """The bare answer."""
        return self.http.request(method, path if path.startswith("/") else API + path, **words)

    def get(self, path: str, /, **params: Any) -> dict[str, Any]:
        """The JSON of a GET that must succeed."""
        return self._good(self.send("GET", path, params=params))

    def post(self, path: str, /, **fields: Any) -> dict[str, Any]:
        """The JSON of a POST that must succeed."""
        return self._good(self.send("POST", path, json=fields))

    def patch(self, path: str, /, **fields: Any) -> dict[str, Any]:
        """The JSON of a PATCH that must succeed."""
        return self._good(self.send("PATCH", path, json=fields))

    def delete(self, path: str, /, **fields: Any) -> dict[str, Any]:
        """The JSON of a DELETE that must succeed."""
        return self._good(self.send("DELETE", path, json=fields))

    def refused(self, method: str, path: str, /, **words: Any) -> tuple[int, str, str]:
        """Status, code and message of a call that is refused."""
        answer = self.send(method, path, **words)
        response = answer.json()
        return answer.status_code, response["error_code"], response["message"]

    def experiment(self, name: str = "exp") -> str:
        """A new experiment's id."""
        return str(self.post("experiments/create", name=name)["experiment_id"])

    def run(self, experiment: str = "0", **fields: Any) -> str:
        """A new run's id."""
        made = self.post("runs/create", experiment_id=experiment, start_time=1, **fields)
        return str(made["run"]["info"]["run_id"])

    @staticmethod
    def _good(answer: httpx.Response) -> dict[str, Any]:
        assert answer.status_code == 200, answer.text
        response: dict[str, Any] = answer.json()
        return response
