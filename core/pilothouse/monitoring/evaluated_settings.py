"""What a window was evaluated by, as its stored profile says: a monitor may change afterwards."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, fields, replace
from typing import Any

from pilothouse.monitoring.monitor_config import MonitorConfig

SETTINGS, SOURCE = "settings", "source"
NAMES = tuple(item.name for item in fields(MonitorConfig))


def settings_json(config: MonitorConfig) -> dict[str, Any]:
    """The settings as plain values that `evaluated_config` reads back."""
    return asdict(config)


def evaluated_config(profile: Mapping[str, Any], present: MonitorConfig) -> MonitorConfig:
    """The settings that a window was evaluated by.

    Those that its stored profile lacks, all of an older one, are the monitor's present ones.
    """
    stored = profile.get(SETTINGS) or {}
    own: dict[str, Any] = {name: stored[name] for name in NAMES if name in stored}
    own |= {name: tuple(value) for name, value in own.items() if isinstance(value, list)}  # of JSON
    return replace(present, **own)


def reference_source(profile: Mapping[str, Any]) -> str:
    """Which rows the window's reference was made of; "" in an older profile."""
    return str(profile.get("reference", {}).get(SOURCE, ""))
