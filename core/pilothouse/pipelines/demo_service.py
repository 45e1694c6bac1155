"""What every demo does with its best run: it goes into production, is deployed and monitored."""

from __future__ import annotations

from typing import Any

from pilothouse.deployments import Deployments
from pilothouse.deployments.controller.trial import try_version
from pilothouse.jobs import Progress
from pilothouse.pipelines.api import Pipelines
from pilothouse.registry import Registry
from pilothouse.storage import Store


def put_into_service(
    store: Store, progress: Progress, model: str, deployment: str, run: str
) -> dict[str, Any]:
    """Register a run, promote it to production, deploy it and wait until it answers; idempotent."""
    registry, deployments = Registry(store, try_version), Deployments(store)
    version = registry.register(model, run)
    if registry.champion(model) is None:
        registry.promote(model, version.version, "production", "the best of the candidates")
    progress(0.3, f"launching {model}@{version.version}")
    if deployment not in set(deployments.deployments()["name"]):
        deployments.launch(deployment, model, version.version, "the champion goes into service")
    deployments.wait_until_ready(deployment)
    Pipelines(store).monitor(deployment)
    return {"version": version.version, "run": run}
