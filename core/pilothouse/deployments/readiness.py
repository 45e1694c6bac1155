"""What is missing before a version can be launched, as a list of steps, each with its way on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from pilothouse.deployments import commands, version_environments
from pilothouse.kit.errors import Refused
from pilothouse.registry import code_audit, load_trials, trust
from pilothouse.registry.info import VersionInfo
from pilothouse.storage import Store

Name = Literal["files", "code", "environment", "description", "example"]
TITLES: dict[Name, str] = {
    "files": "Files that a format can load",
    "code": "Code approved",
    "environment": "Environment",
    "description": "Described",
    "example": "Answers its example",
}


@dataclass(frozen=True)
class ReadinessStep:
    """A step before a launch; `message` says what is missing, and is empty when it is done."""

    name: Name
    title: str
    done: bool
    message: str = ""


def readiness(store: Store, version: VersionInfo) -> tuple[ReadinessStep, ...]:
    """The steps of a version, in the order in which they are taken; the last is only looked up.

    A version that was trained here has the last one only.
    """
    steps: list[ReadinessStep] = []
    if version.import_source:
        steps += _elsewhere(store, version)
    steps.append(_step("description", _reason_against_description(version)))
    with store.read() as session:
        trial = load_trials.find(session, version)
    untried = "it was not tried in a model process yet"
    message = untried if trial is None else trial.message
    steps.append(_step("example", message))
    return tuple(steps)


def _elsewhere(store: Store, version: VersionInfo) -> list[ReadinessStep]:
    if version.package is None:
        return [_step("files", trust.NO_FORMAT)]
    audit = code_audit.audit(store, version.package)
    steps = [_step("files", audit.message)]
    if audit.is_own_code and not audit.message:
        with store.read() as session:
            reason = trust.reason_against(session, store, version)
        steps.append(_step("code", reason))
    steps.append(_step("environment", version_environments.reason_not_ready(store, version)))
    return steps


def _reason_against_description(version: VersionInfo) -> str:
    try:
        commands.require_described(version)
    except Refused as refused:
        return refused.message.rstrip(".")
    return ""


def _step(name: Name, message: str) -> ReadinessStep:
    return ReadinessStep(name, TITLES[name], not message, message)
