"""Requests to a gateway in this process, for tests of what it reads and logs."""

from __future__ import annotations

import asyncio
from typing import Any, cast

import httpx

from pilothouse.deployments.gateway.gateway import Gateway
from pilothouse.deployments.gateway.routes import Routes
from pilothouse.workspace import Workspace


class Gate:
    """A real gateway with its routing table, without model processes."""

    def __init__(self, workspace: Workspace) -> None:
        self.routes = Routes(workspace.store)
        self.gateway = Gateway(workspace.folder, self.routes, 10 << 20, 100_000, "0")

    def post(self, path: str, **options: Any) -> httpx.Response:
        async def send() -> httpx.Response:
            await self.routes.refresh()
            transport = httpx.ASGITransport(cast(Any, self.gateway))
            async with httpx.AsyncClient(transport=transport, base_url="http://g") as caller:
                answer = await caller.post(path, **options)
            self.gateway.close()
            return answer

        return asyncio.run(send())
