"""The routes of governance: what was in production when, and why."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

from fastapi import APIRouter, Query, Response

from pilothouse.http.serialisation import json_answer
from pilothouse.workspace import Workspace

Instant = Annotated[
    datetime | None,
    Query(description="An instant in ISO 8601, in UTC unless it says; by default now."),
]


def routes(workspace: Workspace) -> APIRouter:
    """The routes over a workspace."""
    router = APIRouter(prefix="/api", tags=["governance"])

    @router.get("/production", summary="What was in production at a time, and why.")
    def production(at: Instant = None, model: str | None = None) -> Response:
        return json_answer(workspace.governance.in_production(_in_utc(at), model))

    return router


def _in_utc(at: datetime | None) -> datetime | None:
    return at.replace(tzinfo=UTC) if at is not None and at.tzinfo is None else at
