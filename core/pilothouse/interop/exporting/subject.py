"""What an export is made from: a version, what it runs on, and how a deployment serves it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pilothouse.deployments.access.key_ring import UNLIMITED, CallLimits
from pilothouse.deployments.autoscaling import ONE_PROCESS, ProcessLimits
from pilothouse.deployments.model_server.server import Launch
from pilothouse.deployments.standalone.exported_model import ServerSettings
from pilothouse.models.signature import Signature

MAX_LABEL = 50
DEFAULT_MEMORY_MB = 1024
MEMORY_STEP_MB = 256
MEMORY_FACTOR = 2  # of what a process takes now
COMPATIBLE_PYTHON = (3, 11)  # that the copied modules need


@dataclass(frozen=True)
class CanaryStep:
    """A step of a rollout: the share of the requests that the exported version gets."""

    percent: float
    seconds: int


@dataclass(frozen=True)
class ServingSettings:
    """How a deployment serves: what an export carries over or says that it cannot.

    `processes` are how many it has for each version, by load between two limits or always as many.
    `memory_mb` is what its largest process of the version takes now, 0 when it has none. `canary`
    has the steps of a running canary that tries the exported version; `rollout` is the title of
    the strategy of a running rollout, "" without one. `looked_up` are the inputs that it looks up
    for its callers, `features_of` says where. `stable_version` answers beside it.
    """

    name: str
    processes: ProcessLimits = ONE_PROCESS
    limits: CallLimits = UNLIMITED
    needs_key: bool = False
    sleep_after_minutes: float | None = None
    log_lines: tuple[str, ...] = ()
    looked_up: tuple[str, ...] = ()
    features_of: str = ""
    memory_mb: float = 0.0
    engine: str = ""
    rollout: str = ""
    stable_version: int | None = None
    canary: tuple[CanaryStep, ...] = ()

    @property
    def first_percent(self) -> int:
        """The share of the first step of a canary in whole percent; 0 without one."""
        return min(max(round(self.canary[0].percent), 1), 99) if self.canary else 0


@dataclass(frozen=True)
class ExportSubject:
    """A version with its files, as plain values.

    `launch` has paths relative to the folder `model`, whose files are `model_files`. `lock` pins
    every package with its version; `lock_notes` say what of it is not as here. `server_files` are
    the modules that serve the model. `format_title` and `main_file` say how it is stored, `card` is
    the version's model card as Markdown.
    """

    ref: str
    launch: Launch
    settings: ServerSettings
    model_files: Mapping[str, Path]
    server_files: Mapping[str, bytes]
    python: str
    lock: tuple[str, ...]
    lock_notes: tuple[str, ...] = ()
    format_title: str = ""
    is_own_code: bool = False
    start_seconds: float = 120.0
    deployment: ServingSettings | None = None
    card: str = ""

    @property
    def model(self) -> str:
        """The model's name."""
        return self.launch.model

    @property
    def version(self) -> int:
        """The version's number."""
        return self.launch.version

    @property
    def name(self) -> str:
        """What the exported server calls its deployment."""
        return self.launch.deployment

    @property
    def signature(self) -> Signature:
        """What the model takes and what its answers mean."""
        return Signature.from_json(self.launch.signature)

    @property
    def label(self) -> str:
        """The name as clusters and clouds allow it: small letters, digits and dashes."""
        return label_of(self.name)

    @property
    def example(self) -> dict[str, Any]:
        """The first row of the input example, {} without one."""
        return dict(self.launch.example[0]) if self.launch.example else {}

    @property
    def processes(self) -> ProcessLimits:
        """How many processes the deployment has for each version; one without a deployment."""
        return self.deployment.processes if self.deployment else ONE_PROCESS

    @property
    def canary_percent(self) -> int:
        """The share of the first step of a running canary in whole percent; 0 without one."""
        return self.deployment.first_percent if self.deployment else 0

    @property
    def memory_mb(self) -> int:
        """Memory that is enough: twice what a process takes now, or a plain default."""
        measured = self.deployment.memory_mb if self.deployment else 0.0
        if not measured:
            return DEFAULT_MEMORY_MB
        steps = -(-int(measured * MEMORY_FACTOR) // MEMORY_STEP_MB)
        return max(steps, 1) * MEMORY_STEP_MB

    @property
    def packages(self) -> set[str]:
        """The names of the packages in the lock."""
        return {line.partition("==")[0].strip().lower() for line in self.lock}


def label_of(name: str) -> str:
    """A name as a DNS label that begins with a letter."""
    plain = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")[:MAX_LABEL].rstrip("-")
    return plain if plain[:1].isalpha() else f"model-{plain}".rstrip("-")
