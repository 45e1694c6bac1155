"""Trial of a version before it serves: a model process loads it and predicts its example."""

from __future__ import annotations

import subprocess
import tempfile
from pathlib import Path
from typing import Any

import orjson

from pilothouse.deployments.model_launch import launch_of
from pilothouse.deployments.model_server.server import Launch
from pilothouse.deployments.model_server.start import start_command
from pilothouse.kit.errors import PilothouseError, Unavailable
from pilothouse.registry.info import VersionInfo
from pilothouse.storage import Store

DEADLINE_SECONDS = 120.0  # as long as a deployment waits for its model process
MARGIN_SECONDS = 15.0  # a process with a deadline of its own ends itself first
MAX_MESSAGE = 300


def try_version(store: Store, version: VersionInfo, python: str | None = None) -> str:
    """Why a model process cannot predict the version's example; empty when it can.

    `python` is another interpreter than the one that the version runs on.
    """
    if not version.signature.is_described:
        return "its signature does not say what its answer means"
    with tempfile.TemporaryDirectory(prefix="pilothouse-trial-") as folder:
        try:
            launch = launch_of(store, version, Path(folder), deployment="trial", python=python)
        except PilothouseError as refused:
            return refused.message.rstrip(".")
        return try_launch(launch)


def inspect_version(
    store: Store, version: VersionInfo, python: str | None = None
) -> dict[str, Any]:
    """What a version from elsewhere says of itself, and how it answers its example.

    `python` is another interpreter than the one that the version runs on. Raises what `launch_of`
    and `inspect_launch` raise.
    """
    with tempfile.TemporaryDirectory(prefix="pilothouse-trial-") as folder:
        return inspect_launch(
            launch_of(store, version, Path(folder), deployment="trial", python=python)
        )


def try_launch(launch: Launch) -> str:
    """Why a model process cannot answer the launch's example; empty when it can."""
    _, reason = _run(launch, "--check")
    return reason


def inspect_launch(launch: Launch) -> dict[str, Any]:
    """What the model of a launch with a package says of itself, and how it answers its example.

    The keys are those of `model_server/inspection.py`. Raises Unavailable with the reason when its
    process cannot load the model, or does not answer in time.
    """
    output, reason = _run(launch, "--inspect")
    if reason:
        raise Unavailable(f"{launch.model} version {launch.version} cannot be loaded: {reason}.")
    facts: dict[str, Any] = orjson.loads(output.strip().splitlines()[-1])
    return facts


def _run(launch: Launch, option: str) -> tuple[bytes, str]:
    """The output of a process that ends by itself, and why it failed."""
    limit = max(DEADLINE_SECONDS, launch.deadline_seconds + MARGIN_SECONDS)
    with tempfile.TemporaryDirectory(prefix="pilothouse-trial-") as folder:
        command = start_command(launch, Path(folder) / "launch.json", option)
        try:
            result = subprocess.run(
                command.arguments,
                env=command.variables,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                timeout=limit,
                check=False,
            )
        except subprocess.TimeoutExpired:
            return b"", f"it did not answer within {limit:g} seconds"

    if result.returncode == 0:
        return result.stdout, ""
    lines = result.stderr.decode(errors="replace").strip().splitlines()
    last = lines[-1] if lines else f"its process ended with {result.returncode}"
    return b"", last.strip().rstrip(".")[:MAX_MESSAGE]
