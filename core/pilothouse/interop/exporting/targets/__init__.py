"""Targets of exports, one module each: a pure plan from a version to files of another system."""

from __future__ import annotations

from typing import Protocol

from pilothouse.interop.exporting.plan import ExportPlan
from pilothouse.interop.exporting.subject import ExportSubject
from pilothouse.kit.parameters import Parameter, Params
from pilothouse.kit.plugins import Plugins


class ExportTarget(Protocol):
    """A system that versions are exported to."""

    @property
    def title(self) -> str:
        """Its name: "Kubernetes"."""
        ...

    @property
    def description(self) -> str:
        """What is written and what it needs, in a sentence or two."""
        ...

    @property
    def parameters(self) -> tuple[Parameter, ...]:
        """What may be chosen. None needs a choice."""
        ...

    def refusal(self, subject: ExportSubject) -> str:
        """Why it cannot take this version, as a clause; empty when it can."""
        ...

    def plan(self, subject: ExportSubject, options: Params) -> ExportPlan:
        """The files, what they carry over, and all that they do not; the same for the same values.

        NOTES.md is added to them. What a deployment has and the files have no field for is said
        in `left_out`. Raises Invalid for options that contradict each other.
        """
        ...


export_targets: Plugins[ExportTarget] = Plugins(__name__, "export target")
