"""Monitors: one per deployment, with defaults that cover it from its first prediction."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, fields, replace
from typing import TYPE_CHECKING, Any, get_args

from sqlmodel import Session

from pilothouse.activity import record
from pilothouse.data import versions as data_versions
from pilothouse.deployments import commands
from pilothouse.kit.errors import Invalid, NotFound
from pilothouse.kit.parameters import read_params
from pilothouse.monitoring.alert_rules import DEFAULT_RULES, add_rule
from pilothouse.monitoring.monitor_config import DATASET, MonitorConfig, MonitorInfo, Reference
from pilothouse.monitoring.tables import Monitor
from pilothouse.monitoring.windows import PREDICTION, WindowScheme, check_scheme
from pilothouse.storage import Store

if TYPE_CHECKING:
    from pilothouse.monitoring.performance import MonitoredMetric

MAX_GROUP_COLUMNS = 8
OF_INPUTS = ("segment_columns", "fairness_columns")
OF_LENGTH = ("window_length", "window_step")
DEFAULT_SIZE = 1_000  # predictions of a window
SETTINGS = tuple(field.name for field in fields(MonitorConfig))


def ensure_monitor(session: Session, store: Store, deployment: str, **settings: Any) -> MonitorInfo:
    """The deployment's monitor; made with the default rules when there is none yet.

    Raises NotFound without the deployment or a dataset version to compare with, Invalid for a
    setting that makes no sense.
    """
    commands.require(session, deployment)
    existing = session.get(Monitor, deployment)
    if existing is not None:
        return change_monitor(session, store, deployment, settings) if settings else _info(existing)

    config = checked_settings(session, MonitorConfig(), settings)
    _check_inputs(session, deployment, config, settings)
    now = store.now()
    monitor = Monitor(
        deployment=deployment,
        created_at=now,
        created_by=store.actor,
        updated_at=now,
        **_columns(config),
    )
    session.add(monitor)
    session.flush()
    record(session, store, "monitored", "deployment", deployment, after=_columns(config))

    for rule in DEFAULT_RULES:
        add_rule(session, store, deployment, rule)

    return _info(monitor)


def change_monitor(
    session: Session, store: Store, deployment: str, settings: Mapping[str, Any]
) -> MonitorInfo:
    """Change a monitor's settings; windows are judged by them from their next evaluation on."""
    monitor = require(session, deployment)
    before = _columns(config_of(monitor))
    config = checked_settings(session, config_of(monitor), settings)
    _check_inputs(session, deployment, config, settings)
    after = _columns(config)
    changed = {name: value for name, value in after.items() if before[name] != value}
    if changed:
        for name, value in changed.items():
            setattr(monitor, name, value)
        monitor.updated_at = store.now()
        session.add(monitor)
        session.flush()
        was = {name: before[name] for name in changed}
        record(session, store, "adjusted", "deployment", deployment, before=was, after=changed)

    return _info(monitor)


def require(session: Session, deployment: str) -> Monitor:
    """The monitor's row. Raises NotFound."""
    monitor = session.get(Monitor, deployment)
    if monitor is None:
        commands.require(session, deployment)
        raise NotFound(
            f"nobody monitors {deployment!r} yet.", hint="Open its monitoring to begin with it."
        )
    return monitor


def monitor_info(session: Session, deployment: str) -> MonitorInfo:
    """A deployment's monitor. Raises NotFound."""
    return _info(require(session, deployment))


def scheme_of(session: Session, deployment: str) -> WindowScheme:
    """How a deployment's event time is cut into windows; by default without a monitor."""
    monitor = session.get(Monitor, deployment)
    return (config_of(monitor) if monitor else MonitorConfig()).scheme


def monitored(session: Session, deployment: str) -> tuple[MonitoredMetric, ...]:
    """The metrics that the windows of the version that serves are held to. Raises NotFound."""
    from pilothouse.monitoring.performance import monitored_metrics  # loads numpy

    config = monitor_info(session, deployment).config
    model, version = serving(session, deployment)
    signature = commands.signature_of(session, deployment, model, version)
    return monitored_metrics(signature, config.tolerances)


def serving(session: Session, deployment: str) -> tuple[str, int]:
    """The model version that a deployment serves, or will. Raises NotFound."""
    row = commands.require(session, deployment)
    return row.model, row.serving_version or row.version


def checked_settings(
    session: Session, config: MonitorConfig, settings: Mapping[str, Any]
) -> MonitorConfig:
    """The config with these settings changed. Raises Invalid for one that makes no sense."""
    unknown = [name for name in settings if name not in SETTINGS]
    if unknown:
        raise Invalid(
            f"a monitor has no setting {', '.join(unknown)}.",
            hint=f"Known: {', '.join(SETTINGS)}.",
            fields=dict.fromkeys(unknown, "unknown"),
        )

    new = replace(config, **_window_settings(config, settings), **_with_tuples(settings))
    if new.give_up_after == math.inf:  # as a command says it
        new = replace(new, give_up_after=None)
    check_scheme(new.scheme)
    _check_size(new)
    _check_hours(new)
    _check_reference(new)
    if new.reference == DATASET and {"reference", "reference_dataset"} & settings.keys():
        # The name alone means the newest version: windows need one that stays.
        pinned = data_versions.require(session, new.reference_dataset).ref
        new = replace(new, reference_dataset=pinned)
    _check_tests(new)
    _check_tolerances(new)

    for name in ("min_rows", "min_labelled", "reference_rows", "reference_windows"):
        if getattr(new, name) < 1:
            raise Invalid(f"{name} must be at least 1.", fields={name: "below 1"})

    for name in ("min_coverage", "drifted_share"):
        if not 0 <= getattr(new, name) <= 1:
            raise Invalid(f"{name} is a share between 0 and 1.", fields={name: "not a share"})

    if not 0 < new.false_discovery_rate <= 0.5:
        raise Invalid(
            "false_discovery_rate is a share above 0, up to 0.5.",
            fields={"false_discovery_rate": "not such a share"},
        )

    return new


def _window_settings(config: MonitorConfig, settings: Mapping[str, Any]) -> dict[str, Any]:
    """The length and the step that follow where they are not given.

    Windows of predictions do not overlap. A number of them is no number of days, nor the reverse.
    """
    explicit = {name: settings[name] for name in OF_LENGTH if name in settings}
    was, period = config.period == PREDICTION, settings.get("period", config.period)
    if period == PREDICTION:
        length = explicit.get("window_length", config.window_length if was else DEFAULT_SIZE)
        implied = {"window_length": length, "window_step": length}
    else:
        implied = {"window_length": 1, "window_step": 1} if was else {}
    return {name: value for name, value in implied.items() if name not in explicit}


def _check_size(config: MonitorConfig) -> None:
    if config.scheme.is_counted and config.window_length < config.min_rows:
        raise Invalid(
            f"windows of {config.window_length:,} predictions have fewer than the "
            f"{config.min_rows:,} rows (min_rows) that can be judged.",
            hint="Give longer windows, or lower min_rows.",
            fields={"window_length": "below min_rows"},
        )


def _check_hours(config: MonitorConfig) -> None:
    if not 0 <= config.evaluate_after < math.inf:
        raise Invalid(
            "evaluate_after is a number of hours from 0.",
            fields={"evaluate_after": "not such a number"},
        )
    limit = config.give_up_after
    if limit is not None and not config.evaluate_after <= limit < math.inf:
        raise Invalid(
            "give_up_after is a number of hours, at least evaluate_after.",
            hint="None means that whatever is received makes a window due again.",
            fields={"give_up_after": "too few hours"},
        )


def _with_tuples(settings: Mapping[str, Any]) -> dict[str, Any]:
    """The settings with names of columns as tuples. Raises Invalid for what is no list of names."""
    own = dict(settings)
    for name in OF_INPUTS:
        if name not in own:
            continue
        value = own[name]
        is_list = isinstance(value, list | tuple)
        if not is_list or not all(isinstance(column, str) for column in value):
            raise Invalid(f"{name} is a list of names.", fields={name: "not a list of names"})
        own[name] = tuple(dict.fromkeys(value))
        if len(own[name]) > MAX_GROUP_COLUMNS:
            message = f"{name} has at most {MAX_GROUP_COLUMNS} columns."
            raise Invalid(message, fields={name: "too many"})
    return own


def _check_inputs(
    session: Session, deployment: str, config: MonitorConfig, settings: Mapping[str, Any]
) -> None:
    """Raise Invalid for a changed setting that names no input by which rows can be grouped."""
    changed = [name for name in OF_INPUTS if settings.get(name)]
    if not changed:
        return
    from pilothouse.monitoring.row_groups import can_group  # loads numpy

    signature = commands.signature_of(session, deployment, *serving(session, deployment))
    possible = [field.name for field in signature.inputs if can_group(field)]
    for name in changed:
        unknown = [column for column in getattr(config, name) if column not in possible]
        if unknown:
            raise Invalid(
                f"rows cannot be grouped by {', '.join(unknown)}.",
                hint=f"Inputs that are no times: {', '.join(possible)}.",
                fields={name: "no such input"},
            )


def _check_reference(config: MonitorConfig) -> None:
    if config.reference not in get_args(Reference):
        raise Invalid(
            f"{config.reference!r} is nothing that windows are compared with.",
            hint=f"Known: {', '.join(get_args(Reference))}.",
            fields={"reference": "unknown"},
        )
    if config.reference == DATASET and not config.reference_dataset:
        raise Invalid(
            "name the dataset version that windows are compared with.",
            hint="Such as reference_dataset='flights@2'.",
            fields={"reference_dataset": "needed"},
        )


def _check_tests(config: MonitorConfig) -> None:
    from pilothouse.monitoring.drift import drift_tests
    from pilothouse.monitoring.fairness_checks import fairness_kinds
    from pilothouse.monitoring.quality import quality_checks
    from pilothouse.monitoring.service_checks import SERVICE_CHECKS

    for name, limits in config.limits.items():
        if name in fairness_kinds():
            read_params(f"the check {name}", fairness_kinds()[name].parameters, limits)
        elif name in SERVICE_CHECKS:
            read_params(f"the check {name}", SERVICE_CHECKS[name].parameters, limits)
        elif name in quality_checks.names():
            read_params(f"the check {name}", quality_checks.get(name).parameters, limits)
        else:
            read_params(f"the drift test {name}", drift_tests.get(name).parameters, limits)
    for kind, name in config.primary.items():
        if kind not in drift_tests.get(name).kinds:
            raise Invalid(
                f"the test {name!r} does not weigh a {kind}.", fields={"primary": "unfit test"}
            )


def _check_tolerances(config: MonitorConfig) -> None:
    from pilothouse.models.tasks import tasks

    existing = {metric.key for _, task in tasks.items() for metric in task.metrics}
    for metric, tolerance in config.tolerances.items():
        if metric not in existing:
            raise Invalid(f"no task has the metric {metric!r}.", fields={"tolerances": "unknown"})
        if not isinstance(tolerance, int | float) or not 0 <= tolerance < math.inf:
            raise Invalid(
                f"the tolerance of {metric} must be a number from 0.",
                fields={"tolerances": "not a number from 0"},
            )


def _columns(config: MonitorConfig) -> dict[str, Any]:
    columns = asdict(config)
    return {n: list(v) if isinstance(v, tuple) else v for n, v in columns.items()}


def config_of(monitor: Monitor) -> MonitorConfig:
    """The settings of a monitor's row."""
    stored = {name: getattr(monitor, name) for name in SETTINGS}
    # A monitor from before a setting existed has no value for it: then the default counts.
    present = {name: value for name, value in stored.items() if value is not None}
    return MonitorConfig(**_with_tuples(present))


def _info(monitor: Monitor) -> MonitorInfo:
    return MonitorInfo(
        monitor.deployment,
        config_of(monitor),
        monitor.created_at,
        monitor.created_by,
        monitor.updated_at,
    )
