"""The routes of governance: what was in production when and why, and what changed."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

from fastapi import APIRouter, Query, Response
from fastapi.responses import FileResponse
from starlette.background import BackgroundTask

from pilothouse.governance.event_sources import KINDS
from pilothouse.http.serialisation import json_answer, records
from pilothouse.workspace import Workspace

Instant = Annotated[
    datetime | None,
    Query(description="An instant in ISO 8601, in UTC unless it says; by default now."),
]
Since = Annotated[
    datetime | None, Query(description="An instant in ISO 8601, in UTC unless it says.")
]
Kinds = Annotated[
    Sequence[str], Query(description="Of these kinds, by default of all: " + ", ".join(KINDS) + ".")
]
Page = Annotated[int, Query(ge=1)]
Size = Annotated[int, Query(ge=1, le=1_000)]


def routes(workspace: Workspace) -> APIRouter:
    """The routes over a workspace."""
    router = APIRouter(prefix="/api", tags=["governance"])

    def events(
        model: str | None,
        kinds: Sequence[str],
        since: datetime | None,
        until: datetime | None,
        page: int,
        size: int,
    ) -> Response:
        first, end = _in_utc(since), _in_utc(until)
        frame = workspace.governance.timeline(
            model, kinds=kinds, since=first, until=end, page=page, size=size
        )
        return json_answer(records(frame))

    @router.get("/production", summary="What was in production at a time, and why.")
    def production(at: Instant = None, model: str | None = None) -> Response:
        return json_answer(workspace.governance.in_production(_in_utc(at), model))

    @router.get("/models/{model}/timeline", summary="What happened to a model, newest first.")
    def timeline(
        model: str,
        kind: Kinds = (),
        since: Since = None,
        until: Since = None,
        page: Page = 1,
        size: Size = 50,
    ) -> Response:
        frame = workspace.governance.timeline(
            model, kinds=kind, page=page, size=size, since=_in_utc(since), until=_in_utc(until)
        )
        return json_answer(records(frame))

    @router.get("/evidence-pack", summary="What decisions rested on, as one archive (zip).")
    def evidence_pack(
        model: str = "", version: int | None = None, since: Since = None, until: Since = None
    ) -> Response:
        return _pack(workspace, model, version, _in_utc(since), _in_utc(until))

    @router.get("/maturity", summary="The level of the workspace, and the verdict of every check.")
    def maturity() -> Response:
        return json_answer(workspace.governance.maturity().to_json())

    @router.get("/changes", summary="What changed in all models, without routine work.")
    def changes(
        kind: Kinds = (), since: Since = None, until: Since = None, page: Page = 1, size: Size = 50
    ) -> Response:
        frame = workspace.governance.timeline(
            kinds=kind, page=page, size=size, since=_in_utc(since), until=_in_utc(until)
        )
        return json_answer(records(frame))

    return router


def _pack(
    workspace: Workspace,
    model: str,
    version: int | None,
    since: datetime | None,
    until: datetime | None,
) -> Response:
    """The archive, made for this request and deleted once it is sent."""
    folder = Path(tempfile.mkdtemp(prefix="pilothouse-pack-"))
    try:
        path = folder / f"evidence-{model or 'workspace'}.zip"
        workspace.governance.evidence_pack(path, model, version, since=since, until=until)
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    delete = BackgroundTask(shutil.rmtree, folder, ignore_errors=True)
    return FileResponse(path, media_type="application/zip", filename=path.name, background=delete)


def _in_utc(at: datetime | None) -> datetime | None:
    return at.replace(tzinfo=UTC) if at is not None and at.tzinfo is None else at
