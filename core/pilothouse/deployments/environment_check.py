"""The check of a version in its environment: it loads, and answers its example."""

from __future__ import annotations

from pathlib import Path

from pilothouse.deployments.controller.trial import inspect_version, try_version
from pilothouse.environments.checking import CheckOutcome
from pilothouse.kit.errors import NotFound, PilothouseError
from pilothouse.registry import trust, versions
from pilothouse.registry.info import VersionInfo
from pilothouse.storage import Store


def check_in_environment(store: Store, subject: str, interpreter: Path) -> CheckOutcome | None:
    """How a version such as `churn@3` runs with an interpreter.

    None when there is nothing to check yet: no such version, or one that may not be loaded. One
    that is not described is loaded and asked for its example all the same.
    """
    version = _version(store, subject)
    if version is None or version.package is None:
        return None
    trust.prepare(store, version)
    with store.read() as session:
        if trust.reason_against(session, store, version):
            return None
    message = _message(store, version, str(interpreter))
    return CheckOutcome(_kind(message), message) if message else CheckOutcome()


def _version(store: Store, subject: str) -> VersionInfo | None:
    model, _, number = subject.rpartition("@")
    try:
        with store.read() as session:
            return versions.find(session, model, number)
    except NotFound:
        return None


def _message(store: Store, version: VersionInfo, interpreter: str) -> str:
    if version.signature.is_described and version.signature.inputs:
        return try_version(store, version, interpreter)
    try:
        inspect_version(store, version, interpreter)
    except PilothouseError as failed:
        return failed.message.rstrip(".")
    return ""


def _kind(message: str) -> str:
    """The kind of failure that a message of a model process is."""
    if "ImportError" in message or "ModuleNotFoundError" in message or "No module" in message:
        return "import_error"
    return (
        "timeout"
        if "in time" in message or "did not answer within" in message
        else ("example_failed")
    )
