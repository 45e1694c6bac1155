"""Measurements of a version for its gates: each is a function of the version and its rows.

One file a kind. A gate names the kind that it judges (`registry.gates.Uses`); figures are plain
values, which are stored with the evidence. What answers rows does so in a model process. Measuring
runs in child processes only.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from pilothouse.kit.plugins import Plugins

if TYPE_CHECKING:
    from pilothouse.pipelines.measured_version import MeasuredVersion


@dataclass(frozen=True)
class MeasurementResult:
    """What a measurement found: its figures, and the rows that it was made on, in words."""

    figures: Mapping[str, Any]
    rows: str = ""


class MeasurementKind(Protocol):
    """Measures one thing of a version."""

    @property
    def title(self) -> str:
        """What is measured, as a person calls it: "Worst slice"."""
        ...

    @property
    def description(self) -> str:
        """How it is measured, in a sentence or two."""
        ...

    def measure(self, version: MeasuredVersion, params: Mapping[str, Any]) -> MeasurementResult:
        """Measure a version. Raises a PilothouseError that says why it cannot be measured."""
        ...


measurement_kinds: Plugins[MeasurementKind] = Plugins(__name__, "measurement")
