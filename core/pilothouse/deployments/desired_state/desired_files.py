"""The desired state as YAML: written, and read with every fault named by field and line."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pilothouse.deployments.access.call_rules import check_limits
from pilothouse.deployments.access.key_ring import CallLimits
from pilothouse.deployments.autoscaling import ProcessLimits
from pilothouse.deployments.commands import MAX_REPLICAS, check_replicas
from pilothouse.deployments.desired_state.desired import (
    NO_FEATURES,
    RUNNING,
    STOPPED,
    DesiredDeployment,
    DesiredStrategy,
)
from pilothouse.deployments.desired_state.scaling import check_process_limits
from pilothouse.deployments.desired_state.sleep_rule import check_sleep
from pilothouse.deployments.feature_rule import NOTHING_LOOKED_UP, FeatureSettings
from pilothouse.deployments.log_rules.rules import LogRules, check_rules
from pilothouse.deployments.rollouts.rollout_preview import checked_plan
from pilothouse.kit import names
from pilothouse.kit.errors import Invalid, NotFound
from pilothouse.kit.yaml_file import FaultReader, Path, file_error, read_yaml

FIELDS = (
    *("name", "model", "version", "alias", "replicas", "state", "limits", "log", "strategy"),
    *("sleep_after_minutes", "max_replicas", "stage", "features"),
)
STRATEGY_FIELDS = ("kind", "settings")
LOG_FIELDS = ("keep_days", "drop", "hash", "share")
FEATURE_FIELDS = ("store", "service", "features", "full_names", "seconds")
LIMIT_FIELDS = ("needs_key", "max_concurrent", "per_second", "burst")
STATES = (RUNNING, STOPPED)


def to_yaml(deployments: Sequence[DesiredDeployment]) -> str:
    """The file that `from_yaml` reads back."""
    import yaml

    value = {"deployments": [deployment.to_json() for deployment in deployments]}
    return yaml.safe_dump(value, sort_keys=False, allow_unicode=True, default_flow_style=False)


def from_yaml(text: str) -> tuple[DesiredDeployment, ...]:
    """The deployments of a file. Raises Invalid with every fault, its field and its line."""
    reader = _Reader(read_yaml(text))
    deployments = reader.deployments()
    if reader.faults:
        raise file_error(reader.faults)
    return tuple(deployments)


class _Reader(FaultReader):
    """Reads the deployments of a file."""

    def deployments(self) -> list[DesiredDeployment]:
        root = self.document.value
        entries = root.get("deployments") if isinstance(root, dict) else None
        if not isinstance(entries, list) or not entries:
            self.fault((), "the file needs a list under `deployments`")
            return []
        self.refuse_unknown(root, (), ("deployments",))
        deployments = [self._deployment(e, ("deployments", i)) for i, e in enumerate(entries)]
        for index, deployment in enumerate(deployments):
            if deployment.name in [other.name for other in deployments[:index]]:
                self.fault(("deployments", index, "name"), f"{deployment.name!r} is there twice")
        return deployments

    def _deployment(self, value: Any, path: Path) -> DesiredDeployment:
        if not isinstance(value, dict):
            self.fault(path, "must be an object")
            return DesiredDeployment("", "")
        self.refuse_unknown(value, path, FIELDS)
        version, alias = value.get("version"), value.get("alias", "")
        if (version is None) == (not alias):
            self.fault((*path, "version"), "needed, or `alias` in its place")
        if alias and not isinstance(alias, str):
            self.fault((*path, "alias"), "must be a text")
        state = value.get("state")
        if state is not None and state not in STATES:
            self.fault((*path, "state"), f"must be {' or '.join(STATES)}")
        return DesiredDeployment(
            name=self._name(value, path),
            model=self.text(value, path, "model"),
            version=self._whole(value, path, "version", low=1),
            alias=str(alias),
            replicas=self._replicas(value, path),
            max_replicas=self._max_replicas(value, path),
            state=state,
            limits=self._limits(value.get("limits"), (*path, "limits")),
            log=self._log(value.get("log"), (*path, "log")),
            sleep_after_minutes=self._sleep(value, (*path, "sleep_after_minutes")),
            stage=self._stage(value, path),
            features=self._features(value.get("features"), (*path, "features")),
            strategy=self._strategy(value.get("strategy"), (*path, "strategy")),
        )

    def _strategy(self, value: Any, path: Path) -> DesiredStrategy | None:
        if value is None:
            return None
        if isinstance(value, str):
            value = {"kind": value}
        if not isinstance(value, dict):
            self.fault(path, "must be a strategy's name, or an object with kind and settings")
            return None
        self.refuse_unknown(value, path, STRATEGY_FIELDS)
        settings = value.get("settings", {})
        if not isinstance(settings, dict):
            self.fault((*path, "settings"), "must be an object")
            return None
        kind = self.text(value, path, "kind")
        try:
            if not checked_plan(kind, settings, 1).replaces:
                self.fault(path, f"{kind} with these settings does not replace the version")
        except (Invalid, NotFound) as wrong:
            self.fault(path, str(wrong))
        return DesiredStrategy(kind, settings)

    def _name(self, value: Mapping[str, Any], path: Path) -> str:
        name = self.text(value, path, "name")
        problem = names.DEPLOYMENT.problem(name) if name else ""
        if problem:
            self.fault((*path, "name"), problem)
        return name

    def _replicas(self, value: Mapping[str, Any], path: Path) -> int | None:
        replicas = self._whole(value, path, "replicas", low=1)
        try:
            check_replicas(1 if replicas is None else replicas)
        except Invalid as wrong:
            self.fault((*path, "replicas"), wrong.message)
        return replicas

    def _max_replicas(self, value: Mapping[str, Any], path: Path) -> int | None:
        most = self._whole(value, path, "max_replicas", low=1)
        least = value.get("replicas")
        limits = ProcessLimits(least if type(least) is int else 1, most or MAX_REPLICAS)
        try:
            check_process_limits(limits)
        except Invalid as wrong:
            if "most" in wrong.fields:
                self.fault((*path, "max_replicas"), wrong.message)
        return most

    def _sleep(self, value: Mapping[str, Any], path: Path) -> float | None:
        minutes = value.get("sleep_after_minutes")
        if minutes is None:
            return None
        if isinstance(minutes, bool) or not isinstance(minutes, int | float):
            self.fault(path, "must be a number of minutes, 0 for never")
            return None
        try:
            check_sleep(float(minutes) or None)
        except Invalid as wrong:
            self.fault(path, wrong.message)
        return float(minutes)

    def _stage(self, value: Mapping[str, Any], path: Path) -> str | None:
        stage = value.get("stage")
        if stage is not None and not isinstance(stage, str):
            self.fault((*path, "stage"), "must be a stage's name, or none")
            return None
        return stage

    def _features(self, value: Any, path: Path) -> FeatureSettings | None:
        if value is None:
            return None
        if value == NO_FEATURES:
            return NOTHING_LOOKED_UP
        if not isinstance(value, dict):
            self.fault(path, "must be an object with a store, or none")
            return None
        self.refuse_unknown(value, path, FEATURE_FIELDS)
        service, seconds = value.get("service", ""), value.get("seconds", 1.0)
        if not isinstance(service, str):
            self.fault((*path, "service"), "must be a text")
        if isinstance(seconds, bool) or not isinstance(seconds, int | float):
            self.fault((*path, "seconds"), "must be a number")
            seconds = 1.0
        names = value.get("features", [])
        if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
            self.fault((*path, "features"), "must be a list of view:feature")
            names = []
        if not service and not names:
            self.fault((*path, "features"), "needed, or `service` in their place")
        full = value.get("full_names", False)
        if not isinstance(full, bool):
            self.fault((*path, "full_names"), "must be true or false")
        store = self.text(value, path, "store")
        return FeatureSettings(store, tuple(names), str(service), full is True, float(seconds))

    def _limits(self, value: Any, path: Path) -> CallLimits | None:
        if value is None:
            return None
        if not isinstance(value, dict):
            self.fault(path, "must be an object")
            return None
        self.refuse_unknown(value, path, LIMIT_FIELDS)
        needs_key = value.get("needs_key")
        if needs_key is not None and not isinstance(needs_key, bool):
            self.fault((*path, "needs_key"), "must be true or false, or not be there")
            needs_key = None
        rate = value.get("per_second")
        if rate is not None and (isinstance(rate, bool) or not isinstance(rate, int | float)):
            self.fault((*path, "per_second"), "must be a number")
            rate = None
        at_once = self._whole(value, path, "max_concurrent", low=1)
        limits = CallLimits(needs_key, at_once, rate, self._whole(value, path, "burst", low=1))
        try:
            check_limits(limits)
        except Invalid as wrong:
            for field, message in wrong.fields.items():
                self.fault((*path, field), message)
        return limits

    def _log(self, value: Any, path: Path) -> LogRules | None:
        if value is None:
            return None
        if not isinstance(value, dict):
            self.fault(path, "must be an object")
            return None
        self.refuse_unknown(value, path, LOG_FIELDS)
        log_rules = LogRules(
            self._whole(value, path, "keep_days", low=1),
            self._names(value, path, "drop"),
            self._names(value, path, "hash"),
            self._share(value, path),
        )
        try:
            check_rules(log_rules)
        except Invalid as wrong:
            for field, message in wrong.fields.items():
                self.fault((*path, field), message)
        return log_rules

    def _share(self, value: Mapping[str, Any], path: Path) -> float | None:
        share = value.get("share")
        if share is not None and (isinstance(share, bool) or not isinstance(share, int | float)):
            self.fault((*path, "share"), "must be a number above 0 and at most 1")
            return None
        return None if share is None else float(share)

    def _names(self, value: Mapping[str, Any], path: Path, name: str) -> tuple[str, ...]:
        names = value.get(name, [])
        if not isinstance(names, list) or not all(isinstance(part, str) for part in names):
            self.fault((*path, name), "must be a list of names of inputs")
            return ()
        return tuple(sorted(set(names)))

    def _whole(self, value: Mapping[str, Any], path: Path, name: str, *, low: int) -> int | None:
        number = value.get(name)
        if number is None:
            return None
        if type(number) is not int or number < low:
            self.fault((*path, name), f"must be a whole number from {low}")
            return None
        return number
