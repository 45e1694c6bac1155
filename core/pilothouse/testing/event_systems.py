"""What every event system and every flow of events promises."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pilothouse.interop.events.flows import Flow
from pilothouse.interop.events.systems import EventSystem, Permissions
from pilothouse.kit.errors import PilothouseError
from pilothouse.kit.optional_packages import require_package
from pilothouse.kit.parameters import Params
from pilothouse.testing.parameters import check_described


def check_event_system(name: str, system: EventSystem) -> None:
    """Raise AssertionError, with what is wrong, unless the system keeps every promise."""
    check_described(name, system)
    assert not system.extra or system.needs, f"{name}: an extra installs a package that it needs"
    assert system.at_once > 0, f"{name}: it writes nothing at once"
    assert any(item.required for item in system.parameters), f"{name}: nothing is needed"
    settings = Params({p.name: "" if p.required else p.default for p in system.parameters})
    assert _refusal(system, settings), f"{name} writes to nowhere, or does not say what is wrong"


def check_event_flow(name: str, flow: Flow) -> None:
    """Raise AssertionError, with what is wrong, unless the flow keeps every promise."""
    check_described(name, flow)
    assert flow.direction in ("in", "out"), f"{name}: its direction is in or out"
    assert flow.of_deployment in ("one", "any", "none"), f"{name}: it is about one, any or none"
    names: list[Any] = [item.name for item in flow.parameters]
    assert "start" in names, f"{name}: it says where it begins"


def _refusal(system: EventSystem, settings: Params) -> str:
    """Why nothing can be written; empty when it was."""
    try:
        require_package(system)
        system.check(settings)
        system.writer(settings, Permissions(Path("/nowhere"))).close()
    except PilothouseError as refused:
        return str(refused)
    return ""
