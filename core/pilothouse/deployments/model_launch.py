"""What a model process is started with: the version's files, its interpreter, limits and approval.

Deployments, trials and scoring start processes through it, so that a version runs alike everywhere.
"""

from __future__ import annotations

import shutil
import sys
from dataclasses import replace
from pathlib import Path

import psutil

from pilothouse.deployments import version_environments
from pilothouse.deployments.model_server.server import Launch
from pilothouse.kit.settings import Settings
from pilothouse.models.formats import format_of
from pilothouse.registry import trust
from pilothouse.registry.info import VersionInfo
from pilothouse.registry.model_files import write_files
from pilothouse.storage import Store

FILES = "files"
START_SECONDS = 120.0  # of a model that was trained here
MEMORY_SHARE = 0.5  # of the machine, when nothing is set


def launch_of(
    store: Store,
    version: VersionInfo,
    folder: Path,
    *,
    deployment: str,
    socket: str = "",
    python: str | None = None,
) -> Launch:
    """The launch of a version; the files of one from elsewhere are put below `folder`.

    `python` is another interpreter than the version's own. Raises Refused for a version that may
    not be loaded, Unavailable without its files or its interpreter.
    """
    with store.read() as session:
        trust.require_loadable(session, store, version)
    launch = Launch(
        deployment=deployment,
        model=version.model,
        version=version.version,
        artifact="",
        digest=version.digest,
        socket=socket,
        signature=version.signature.to_json(),
        example=[dict(row) for row in version.input_example[:3]],
    )
    if version.package is None:
        artifact = store.artifacts.local_path(version.digest)
        return replace(launch, artifact=str(artifact), example=launch.example[:1])

    files = folder / FILES
    program = version_environments.interpreter(store, version) if python is None else python
    program = "" if program == sys.executable else program
    shutil.rmtree(files, ignore_errors=True)
    write_files(store, version.package, files)
    return replace(
        launch,
        python=program,
        folder=str(files),
        files=dict(version.package.files),
        package=version.package.to_json(),
        approved=is_approved(store, version),
        deadline_seconds=start_seconds(version),
    )


def memory_limit(settings: Settings) -> int:
    """The number of bytes that a model process may take before it is replaced."""
    if settings.model_memory_mb:
        return settings.model_memory_mb << 20
    return int(psutil.virtual_memory().total * MEMORY_SHARE)


def is_approved(store: Store, version: VersionInfo) -> bool:
    """Whether a person approved the own code of a version."""
    with store.read() as session:
        return trust.is_approved(session, version)


def start_seconds(version: VersionInfo) -> float:
    """How long a version may take to load and to answer its example."""
    return START_SECONDS if version.package is None else format_of(version.package).start_seconds
