"""A gateway in front of a model process that answers given rows; everything else is real."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast
from unittest.mock import Mock

import httpx
import orjson

from pilothouse.deployments.gateway.admission import Admission
from pilothouse.deployments.gateway.bodies import CheckedRequest
from pilothouse.deployments.gateway.deployment_route import DeploymentRoute
from pilothouse.deployments.gateway.gateway import Gateway
from pilothouse.deployments.gateway.routes import Routes
from pilothouse.deployments.gateway.variants import VariantChoice
from pilothouse.deployments.model_server.framing import SUCCESS
from pilothouse.models.signature import Signature
from pilothouse.models.tasks import Row


@dataclass
class AnswersRows:
    """Stands for the connection to a model process and for the routing table."""

    signature: Signature
    rows: list[Row]
    reply: Callable[[list[Row]], bytes] = lambda rows: SUCCESS + orjson.dumps(rows)
    loaded: bool = True
    in_flight: int = 0
    requests: list[Any] = field(default_factory=list)
    admission: Mock = field(default_factory=lambda: Mock(Admission))  # everybody may call

    def __post_init__(self) -> None:
        self.route = DeploymentRoute("d", "m", 3, False, self.signature, ())

    def get(self, _name: str) -> DeploymentRoute:
        return self.route

    async def get_or_refresh(self, _name: str) -> DeploymentRoute:
        return self.route

    def is_ready(self, _name: str) -> bool:
        return True

    async def connection(
        self, _name: str, _deadline: float, _choice: VariantChoice
    ) -> tuple[DeploymentRoute, AnswersRows]:
        return self.route, self

    async def predict(self, request: CheckedRequest, _seconds: float) -> bytes:
        self.requests.append(orjson.loads(request.payload()))
        return self.reply(self.rows)


class Served:
    """A gateway in front of it, and requests to the gateway."""

    def __init__(self, folder: Path, model: AnswersRows) -> None:
        self.folder, self.model = folder, model
        self.gateway = Gateway(folder, cast(Routes, model), 1 << 20, 100, "0")

    def call(self, method: str, path: str, **options: Any) -> httpx.Response:
        async def send() -> httpx.Response:
            transport = httpx.ASGITransport(cast(Any, self.gateway))
            async with httpx.AsyncClient(transport=transport, base_url="http://g") as caller:
                return await caller.request(method, path, **options)

        return asyncio.run(send())

    @property
    def ids(self) -> list[str]:
        return [f"id-{index}" for index in range(len(self.model.rows))]

    def invoke(self, status: int = 200) -> dict[str, Any]:
        records = [{"x": float(index)} for index in range(len(self.model.rows))]
        body = {"dataframe_records": records, "params": {"prediction_ids": self.ids}}
        answer = self.call("POST", "/deployments/d/invocations", json=body)
        assert answer.status_code == status, answer.text
        return cast(dict[str, Any], answer.json())

    def infer(self, *outputs: str, status: int = 200) -> dict[str, Any]:
        count = len(self.model.rows)
        tensor = {"name": "x", "shape": [count], "datatype": "FP64", "data": [1.0] * count}
        body: dict[str, Any] = {"inputs": [tensor], "parameters": {"prediction_ids": self.ids}}
        if outputs:
            body["outputs"] = [{"name": name} for name in outputs]
        answer = self.call("POST", "/v2/models/d/infer", json=body)
        assert answer.status_code == status, answer.text
        if status != 200:
            return cast(dict[str, Any], answer.json())
        return {part["name"]: part for part in answer.json()["outputs"]}
