"""Trial of a version before it serves: a model process loads it and predicts its example."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

from pilothouse.deployments.controller.model_processes import MODULE
from pilothouse.deployments.model_server.child_environment import environment
from pilothouse.deployments.model_server.server import Launch
from pilothouse.experiments import trusted_models
from pilothouse.kit.errors import PilothouseError
from pilothouse.registry.info import VersionInfo
from pilothouse.storage import Store

DEADLINE_SECONDS = 120  # as long as a deployment waits for its model process
MAX_MESSAGE = 300


def try_version(store: Store, version: VersionInfo) -> str:
    """Why a model process cannot predict the version's example; empty when it can."""
    if not version.signature.is_described:
        return "its signature does not say what its answer means"

    with store.read() as session:
        if not trusted_models.is_written(session, version.digest):
            return trusted_models.WHY

    try:
        artifact = store.artifacts.local_path(version.digest)
    except PilothouseError as refused:
        return str(refused).rstrip(".")

    with tempfile.TemporaryDirectory(prefix="pilothouse-trial-") as folder:
        launch = Launch(
            deployment="trial",
            model=version.model,
            version=version.version,
            artifact=str(artifact),
            digest=version.digest,
            socket="",
            signature=version.signature.to_json(),
            example=[dict(row) for row in version.input_example[:1]],
        )
        return _run(launch, Path(folder) / "launch.json")


def _run(launch: Launch, file: Path) -> str:
    launch.write(file)
    command = [sys.executable, "-P", "-m", MODULE, str(file), "--check"]
    try:
        result = subprocess.run(
            command,
            env=environment(),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=DEADLINE_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return f"it did not answer within {DEADLINE_SECONDS} seconds"

    if result.returncode == 0:
        return ""

    lines = result.stderr.decode(errors="replace").strip().splitlines()
    last = lines[-1] if lines else f"its process ended with {result.returncode}"
    return last.strip().rstrip(".")[:MAX_MESSAGE]
