"""The routes of pipelines: their versions, and runs that programs start, watch and steer."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Query, Response
from pydantic import BaseModel, ConfigDict, Field

from pilothouse.http.serialisation import json_answer, records
from pilothouse.kit.errors import Conflict
from pilothouse.kit.yaml_file import MAX_BYTES
from pilothouse.pipelines.definitions.definition_info import PipelineInfo, PipelineRunInfo
from pilothouse.workspace import Workspace

MAX_SIZE = 1_000
CREATED, ACCEPTED = 201, 202
WRITING: dict[int | str, dict[str, Any]] = {
    404: {"description": "There is no such pipeline, version, run or step."},
    409: {"description": "Its present state forbids it."},
    413: {"description": "The body is too large."},
    422: {"description": "The request cannot be used; `fields` names the wrong parts."},
}
READING: dict[int | str, dict[str, Any]] = {code: WRITING[code] for code in (404, 422)}


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid")


class FileRequest(_Body):
    """A pipeline's file: YAML, or Python that builds it."""

    text: str = Field(max_length=MAX_BYTES, description="The file's text.")
    filename: str = Field("pipeline.yaml", max_length=200, description="Its suffix is the format.")


class RunRequest(_Body):
    """What a run is started with; what is left out has its default."""

    parameters: dict[str, Any] = Field({}, description="The pipeline's parameters, by name.")
    version: int | None = Field(None, ge=1, description="By default the newest.")


class ForkRequest(_Body):
    """Where a fork begins."""

    step: str = Field(description="The first step that is done anew.")
    version: int | None = Field(None, ge=1, description="By default that of the forked run.")


class ReasonRequest(_Body):
    """Why, for the audit log."""

    reason: str = Field("", max_length=2_000)


def routes(workspace: Workspace) -> APIRouter:
    """The routes over a workspace."""
    router = APIRouter(prefix="/api", tags=["pipelines"])
    _definitions(router, workspace)
    _start(router, workspace)
    _runs(router, workspace)
    _steer(router, workspace)
    return router


def _definitions(router: APIRouter, workspace: Workspace) -> None:
    pipelines = workspace.pipelines

    @router.get("/pipelines", summary="Every pipeline.")
    def listing(limit: int = Query(100, ge=1, le=10_000)) -> Response:
        return json_answer(records(pipelines.pipelines().head(limit)))

    @router.post(
        "/pipelines",
        summary="Register a pipeline's file; the same content is the same version.",
        status_code=CREATED,
        responses=WRITING,
    )
    def register(body: FileRequest) -> Response:
        info = pipelines.register_text(body.text, body.filename)
        return json_answer(_facts(info), 200 if info.existed else CREATED)

    @router.get("/pipelines/{name}", summary="A pipeline's steps.", responses=READING)
    def show(name: str, version: int | None = Query(None, ge=1)) -> Response:
        return json_answer(_facts(pipelines.pipeline(name, version)))

    @router.get("/pipelines/{name}/source", summary="Its file, as text.", responses=READING)
    def source(name: str, version: int | None = Query(None, ge=1)) -> Response:
        return Response(pipelines.source(name, version), media_type="text/plain")

    @router.delete("/pipelines/{name}", summary="Remove a pipeline.", responses=WRITING)
    def remove(name: str, reason: str = Query("", max_length=2_000)) -> Response:
        pipelines.remove(name, reason)
        return json_answer({"removed": name})


def _start(router: APIRouter, workspace: Workspace) -> None:
    pipelines = workspace.pipelines

    @router.post(
        "/pipelines/{name}/runs",
        summary="Start a run with parameters.",
        status_code=ACCEPTED,
        responses=WRITING,
    )
    def start(name: str, body: RunRequest) -> Response:
        return _accepted(pipelines.run(name, body.parameters, body.version))

    @router.get("/pipelines/{name}/runs", summary="Its runs, newest first.", responses=READING)
    def runs_of(
        name: str, page: int = Query(1, ge=1), size: int = Query(50, ge=1, le=MAX_SIZE)
    ) -> Response:
        pipelines.pipeline(name)
        return json_answer(records(pipelines.runs(name, page=page, size=size)))


def _runs(router: APIRouter, workspace: Workspace) -> None:
    pipelines = workspace.pipelines

    @router.get("/pipeline-runs", summary="Runs of all pipelines, newest first.")
    def runs(page: int = Query(1, ge=1), size: int = Query(50, ge=1, le=MAX_SIZE)) -> Response:
        return json_answer(records(pipelines.runs(page=page, size=size)))

    @router.get("/pipeline-runs/{run}", summary="A run with each step.", responses=READING)
    def run(run: str) -> Response:
        return json_answer(_run_facts(pipelines.run_details(run)))

    @router.get(
        "/pipeline-runs/{run}/steps/{step}/log",
        summary="The last 200 kB of a step's log, as text.",
        responses=READING,
    )
    def step_log(run: str, step: str) -> Response:
        return Response(pipelines.step_log(run, step), media_type="text/plain")


def _steer(router: APIRouter, workspace: Workspace) -> None:
    @router.post(
        "/pipeline-runs/{run}/cancel",
        summary="Cancel a run: queued at once, running at its next step.",
        status_code=ACCEPTED,
        responses=WRITING,
    )
    def cancel(run: str, body: ReasonRequest | None = None) -> Response:
        job = _job_of(workspace, run)
        workspace.jobs.cancel(job, body.reason if body else "")
        return _accepted(run)

    @router.post(
        "/pipeline-runs/{run}/retry",
        summary="Continue a failed or cancelled run as a new one.",
        status_code=ACCEPTED,
        responses=WRITING,
    )
    def retry(run: str, body: ReasonRequest | None = None) -> Response:
        job = _job_of(workspace, run)
        return _accepted(workspace.jobs.retry(job, body.reason if body else ""))

    @router.post(
        "/pipeline-runs/{run}/fork",
        summary="Start a run that begins at a step of this one.",
        status_code=ACCEPTED,
        responses=WRITING,
    )
    def fork(run: str, body: ForkRequest) -> Response:
        return _accepted(workspace.pipelines.fork(run, body.step, body.version))


def _job_of(workspace: Workspace, run: str) -> str:
    """The job that does a run. Raises NotFound, Conflict for a run of another program."""
    details = workspace.pipelines.run_details(run)
    if details.job_id is None:
        raise Conflict(
            f"the run {details.key!r} is led by another program.",
            hint="Cancel or repeat it there.",
        )
    return details.job_id


def _accepted(run: str) -> Response:
    answer = json_answer({"run": run}, ACCEPTED)
    answer.headers["location"] = f"/api/pipeline-runs/{run}"
    return answer


def _facts(info: PipelineInfo) -> dict[str, Any]:
    return info.definition.to_json() | {
        "version": info.version,
        "newest": info.newest,
        "existed": info.existed,
        "filename": info.filename,
        "digest": info.digest,
        "created_at": info.created_at,
        "created_by": info.created_by,
        "schedules": info.schedules,
    }


def _run_facts(info: PipelineRunInfo) -> dict[str, Any]:
    return {
        "run": info.id,
        "pipeline": info.definition.name,
        "version": info.version,
        "status": info.status,
        "parameters": info.parameters,
        "key": info.key,
        "forked_from": info.forked_from,
        "from_step": info.from_step,
        "forkable": info.forkable,
        "requested_by": info.requested_by,
        "created_at": info.created_at,
        "steps": info.steps,
        "edges": info.definition.edges,
    }
