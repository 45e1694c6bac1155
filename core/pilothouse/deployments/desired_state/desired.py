"""What a file says of a deployment, and what applying it changes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from pilothouse.deployments.access import key_ring
from pilothouse.deployments.access.key_ring import CallLimits
from pilothouse.deployments.autoscaling import ONE_PROCESS, ProcessLimits
from pilothouse.deployments.feature_rule import NOTHING_LOOKED_UP, FeatureSettings
from pilothouse.deployments.log_rules.rules import KEPT_FOR_EVER, LogRules

RUNNING, STOPPED = "running", "stopped"
ADDED, CHANGED, SAME = "added", "changed", "same"
UNLIMITED = "no limit"
NO_STAGE = NO_FEATURES = "none"  # in a file
NEVER = 0.0  # minutes without a request after which it sleeps, in a file


@dataclass(frozen=True)
class DesiredStrategy:
    """How another version takes over: the strategy of a rollout, and its settings."""

    kind: str
    settings: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class DesiredDeployment:
    """A deployment as a file names it; what is None is not said there and stays as it is.

    The version is a number, or the alias of one. With `max_replicas` above `replicas`, the load
    sets the number of processes between them. `sleep_after_minutes` is 0 for never. `stage` is that
    whose address it answers, "none" for no stage; `features` without a store look nothing up.
    """

    name: str
    model: str
    version: int | None = None
    alias: str = ""
    replicas: int | None = None
    max_replicas: int | None = None
    state: str | None = None
    limits: CallLimits | None = None
    log: LogRules | None = None
    sleep_after_minutes: float | None = None
    stage: str | None = None
    features: FeatureSettings | None = None
    strategy: DesiredStrategy | None = None

    def to_json(self) -> dict[str, Any]:
        """Its entry in a file, without what is not said."""
        value: dict[str, Any] = {"name": self.name, "model": self.model}
        value |= {"alias": self.alias} if self.alias else {"version": self.version}
        value |= {"replicas": self.replicas, "max_replicas": self.max_replicas, "state": self.state}
        value |= {"sleep_after_minutes": self.sleep_after_minutes, "stage": self.stage}
        if self.limits is not None:
            value["limits"] = {k: v for k, v in asdict(self.limits).items() if v is not None}
        if self.log is not None:
            value["log"] = self.log.to_json()
        if self.features is not None:
            value["features"] = self.features.to_json() if self.features.store else NO_FEATURES
        return {name: part for name, part in value.items() if part is not None}


@dataclass(frozen=True)
class DeploymentState:
    """What a file can say of a deployment, as it is or is to become."""

    version: int
    processes: ProcessLimits = ONE_PROCESS
    state: str = RUNNING
    limits: CallLimits = key_ring.UNLIMITED
    log: LogRules = KEPT_FOR_EVER
    sleep_after_minutes: float | None = None
    stage: str = ""
    features: FeatureSettings = NOTHING_LOOKED_UP

    def after(self, desired: DesiredDeployment, version: int) -> DeploymentState:
        """The state once a file is applied; `version` is the number that it names."""
        sleep = desired.sleep_after_minutes
        stage = self.stage if desired.stage is None else desired.stage
        return DeploymentState(
            version=version,
            processes=_processes(self.processes, desired),
            state=self.state if desired.state is None else desired.state,
            limits=self.limits if desired.limits is None else desired.limits,
            log=self.log if desired.log is None else desired.log,
            sleep_after_minutes=self.sleep_after_minutes if sleep is None else sleep or None,
            stage="" if stage == NO_STAGE else stage,
            features=self.features if desired.features is None else desired.features,
        )

    def lines(self) -> list[str]:
        """Its parts, a line each."""
        limits = self.limits
        needs_key = "by its keys" if limits.needs_key is None else str(limits.needs_key).lower()
        rate = UNLIMITED if limits.per_second is None else f"{limits.per_second:g}"
        sleep = self.sleep_after_minutes
        return [
            f"version: {self.version}",
            f"replicas: {self.processes.text}",
            f"state: {self.state}",
            f"stage: {self.stage or NO_STAGE}",
            f"sleeps: {'never' if sleep is None else f'after {sleep:g} minutes'}",
            f"needs key: {needs_key}",
            f"requests at once: {limits.max_concurrent or UNLIMITED}",
            f"requests a second: {rate}",
            f"burst: {limits.burst or 'those of a second'}",
            *self.log.lines(),
            f"features: {self.features.text}",
        ]


def _processes(before: ProcessLimits, desired: DesiredDeployment) -> ProcessLimits:
    """The limits that a file says; another number for a fixed one stays fixed."""
    least = before.least if desired.replicas is None else desired.replicas
    if desired.max_replicas is not None:
        return ProcessLimits(least, max(least, desired.max_replicas))
    return ProcessLimits(least, least if before.is_fixed else max(least, before.most))


@dataclass(frozen=True)
class DeploymentChange:
    """What a file changes of one deployment: `kind` is added, changed or same.

    `lines` are the changed parts: `- ` before and `+ ` after; `steps` says what is done for it.
    """

    name: str
    kind: str
    lines: tuple[str, ...] = ()
    steps: tuple[str, ...] = ()

    @property
    def text(self) -> str:
        """The change for people."""
        body = [*self.lines, *self.steps]
        return "\n".join([f"{self.name}: {self.kind}", *(f"  {line}" for line in body)])


def change(
    name: str,
    before: DeploymentState | None,
    after: DeploymentState,
    strategy: DesiredStrategy | None = None,
) -> DeploymentChange:
    """What a deployment becomes, another version by a strategy; `before` is None for a new one."""
    if before is None:
        lines = tuple(f"+ {line}" for line in after.lines())
        return DeploymentChange(name, ADDED, lines, ("it is launched",))
    if before == after:
        return DeploymentChange(name, SAME)
    pairs = zip(before.lines(), after.lines(), strict=True)
    changed = [part for old, new in pairs if old != new for part in (f"- {old}", f"+ {new}")]
    return DeploymentChange(name, CHANGED, tuple(changed), _steps(before, after, strategy))


def _steps(
    before: DeploymentState, after: DeploymentState, strategy: DesiredStrategy | None
) -> tuple[str, ...]:
    steps = []
    if before.version != after.version and strategy is not None:
        steps.append(f"a rollout ({strategy.kind}) of version {after.version} begins")
    elif before.version != after.version:
        steps.append(f"version {after.version} takes over once it is ready")
    if before.state != after.state:
        steps.append("it is stopped" if after.state == STOPPED else "it is resumed")
    return tuple(steps)
