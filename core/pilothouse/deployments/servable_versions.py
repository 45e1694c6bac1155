"""What is looked at before a version is served: outside of a transaction, as it may take long."""

from __future__ import annotations

from pilothouse.deployments import commands, version_environments
from pilothouse.registry import trust, versions
from pilothouse.registry.info import VersionInfo
from pilothouse.storage import Store


def prepare_to_serve(store: Store, model: str, version: int) -> VersionInfo:
    """Raise what would keep a version from being served.

    The files and the environment of a version from elsewhere are looked at here.
    """
    with store.read() as session:
        info = versions.find(session, model, version)
    trust.prepare(store, info)
    with store.read() as session:
        commands.require_servable(session, store, model, version)
    version_environments.require_ready(store, info)
    return info
