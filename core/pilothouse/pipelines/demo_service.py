"""What every demo does: its best model is promoted, deployed and monitored; it is timed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from pilothouse.deployments import Deployments
from pilothouse.deployments.controller.trial import try_version
from pilothouse.jobs import JobContext, Progress
from pilothouse.pipelines.api import Pipelines
from pilothouse.pipelines.version_measurement import measure_before
from pilothouse.registry import Registry
from pilothouse.registry.tables import PRODUCTION
from pilothouse.storage import Store


def put_into_service(
    store: Store, progress: Progress, model: str, deployment: str, run: str
) -> dict[str, Any]:
    """Register a run, promote it to production, deploy it and wait until it answers; idempotent."""
    version = Registry(store, try_version).register(model, run)
    return serve(store, progress, model, deployment, version.version) | {"run": run}


def serve(
    store: Store, progress: Progress, model: str, deployment: str, version: int
) -> dict[str, Any]:
    """Promote a version to production, deploy it and wait until it answers; idempotent."""
    registry, deployments = Registry(store, try_version), Deployments(store)
    if registry.champion(model) is None:
        measure_before(store, progress, model, version, PRODUCTION)
        registry.promote(model, version, PRODUCTION, "the best of the candidates")
    progress(0.3, f"launching {model}@{version}")
    if deployment not in set(deployments.deployments()["name"]):
        deployments.launch(deployment, model, version, "the champion goes into service")
    deployments.wait_until_ready(deployment)
    Pipelines(store).monitor(deployment)
    return {"version": version}


def with_seconds(job: JobContext, run: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    """What a demo's workflow answers, and how long it took; what was stopped in between counts."""
    began = job.step("note the time", lambda: job.store.now().timestamp())
    totals = run()
    ended = job.step("note the end", lambda: job.store.now().timestamp())
    return {**totals, "seconds": round(ended - began, 1)}
