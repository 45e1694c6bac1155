"""What every kind of measurement promises: it describes itself, and refuses with a reason."""

from __future__ import annotations

from typing import Any

from pilothouse.kit.errors import Conflict, PilothouseError
from pilothouse.pipelines.measurements import MeasurementKind

REASON = "nothing is known of this version"


class _Any(dict[str, Any]):
    """Parameters of any name."""

    def __missing__(self, name: str) -> str:
        return "late@1"


class _Unknown:
    """A version of which nothing can be read."""

    def __getattr__(self, name: str) -> Any:
        raise Conflict(REASON)


def check_measurement(name: str, kind: MeasurementKind) -> None:
    """Raise AssertionError, with what is wrong, unless the kind keeps every promise."""
    assert kind.title.strip() == kind.title != "", f"{name} needs a title"
    assert kind.description.endswith("."), f"{name} needs a description: a sentence"
    version: Any = _Unknown()
    try:
        kind.measure(version, _Any())
    except PilothouseError as refused:
        reason = refused.message
    else:
        reason = ""
    assert REASON in reason, (
        f"{name} must say why a version of which nothing is known is not measured"
    )
