"""The routes of model cards: as JSON, as Markdown, as one page."""

from __future__ import annotations

from fastapi import APIRouter, Response

from pilothouse.http.serialisation import json_answer
from pilothouse.workspace import Workspace

PATH = "/models/{model}/versions/{version}/card"


def routes(workspace: Workspace) -> APIRouter:
    """The routes over a workspace; a version is a number or an alias."""
    router = APIRouter(prefix="/api", tags=["model cards"])

    @router.get(PATH, summary="The model card of a version or alias.")
    def card(model: str, version: str) -> Response:
        return json_answer(workspace.registry.card(model, version).to_json())

    @router.get(f"{PATH}.md", summary="The card as Markdown for the Hub.")
    def card_markdown(model: str, version: str) -> Response:
        text = workspace.registry.card(model, version).markdown()
        return Response(text, media_type="text/markdown; charset=utf-8")

    @router.get(f"{PATH}.html", summary="The card as one page with charts.")
    def card_page(model: str, version: str) -> Response:
        page = workspace.registry.card(model, version).html()
        return Response(page, media_type="text/html; charset=utf-8")

    return router
