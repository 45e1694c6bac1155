"""The routes of rollouts: started, watched and steered by programs."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Response
from pydantic import BaseModel, ConfigDict, Field

from pilothouse.http.serialisation import json_answer, records
from pilothouse.workspace import Workspace

ACCEPTED = 202
WRITING: dict[int | str, dict[str, Any]] = {
    403: {"description": "A version may not be served, or its callers would be refused."},
    404: {"description": "There is no such deployment, version, strategy or rollout."},
    409: {"description": "Its present state forbids it."},
    422: {"description": "The request cannot be used; `fields` names the wrong parts."},
}
READING: dict[int | str, dict[str, Any]] = {code: WRITING[code] for code in (404, 422)}


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid")


class RolloutRequest(_Body):
    """What a rollout tries, and how."""

    versions: list[int] = Field(min_length=1, max_length=26, description="The candidates.")
    strategy: str = Field("canary", max_length=100, description="A strategy's name.")
    settings: dict[str, Any] = Field({}, description="Settings of the strategy, by name.")
    reason: str = Field("", max_length=2_000, description="Why, for the audit log.")


class ContinueRequest(_Body):
    """Why a held rollout goes on, and of several versions the one that stays."""

    version: int | None = Field(None, ge=1)
    reason: str = Field("", max_length=2_000)


class HoldRequest(_Body):
    """Why, for the audit log."""

    reason: str = Field("", max_length=2_000)


def routes(workspace: Workspace) -> APIRouter:
    """The routes over a workspace."""
    router = APIRouter(prefix="/api/deployments/{name}/rollouts", tags=["rollouts"])
    _read(router, workspace)
    _write(router, workspace)
    return router


def _read(router: APIRouter, workspace: Workspace) -> None:
    deployments = workspace.deployments

    @router.get("", summary="Its rollouts, newest first.", responses=READING)
    def listing(name: str) -> Response:
        return json_answer(records(deployments.rollouts(name)))

    @router.get(
        "/{rollout}", summary="One rollout, with its steps and analyses.", responses=READING
    )
    def show(name: str, rollout: str) -> Response:
        return json_answer(deployments.rollout(name, rollout))

    @router.post(
        "/preview", summary="What a rollout would do; nothing is changed.", responses=READING
    )
    def preview(name: str, body: RolloutRequest) -> Response:
        return json_answer(
            deployments.preview_rollout(
                name, body.versions, body.strategy, body.settings, traffic=True
            )
        )


def _write(router: APIRouter, workspace: Workspace) -> None:
    deployments = workspace.deployments

    @router.post("", summary="Start a rollout.", status_code=ACCEPTED, responses=WRITING)
    def start(name: str, body: RolloutRequest) -> Response:
        info = deployments.start_rollout(
            name, body.versions, body.strategy, body.settings, body.reason
        )
        return json_answer(info, ACCEPTED)

    @router.post("/hold", summary="Keep it in its step.", responses=WRITING)
    def hold(name: str, body: HoldRequest) -> Response:
        return json_answer(deployments.hold_rollout(name, body.reason))

    @router.post("/continue", summary="Go on with a held rollout.", responses=WRITING)
    def go_on(name: str, body: ContinueRequest) -> Response:
        return json_answer(deployments.continue_rollout(name, body.reason, version=body.version))

    @router.post("/cancel", summary="End it; the stable version gets all.", responses=WRITING)
    def cancel(name: str, body: HoldRequest) -> Response:
        return json_answer(deployments.cancel_rollout(name, body.reason))
