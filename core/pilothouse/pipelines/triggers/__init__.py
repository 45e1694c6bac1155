"""Triggers of a retraining: each looks at what is known of a deployment and says why to retrain.

A retraining policy chooses triggers and their parameters. Triggers are pure, so that a backtest
asks the same ones about the past.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from pilothouse.kit.parameters import Parameter
from pilothouse.kit.plugins import Plugins


@dataclass(frozen=True)
class JudgedWindow:
    """A monitored window: its span of event time, and how its drift and performance were judged."""

    start: datetime
    end: datetime
    drift_status: str
    performance_status: str


@dataclass(frozen=True)
class TriggerFacts:
    """What is known of a deployment when its triggers are asked.

    `last_trained` is when the last retraining began, or else when the champion was registered; a
    request of this trigger that was declined counts as a retraining, one of another trigger does
    not. `windows` are those of the version that serves since then, oldest first. `alerts`
    are the messages of alerts whose rule asks for a retraining and that have not led to one.
    `new_labels` counts labels that were received since then; 0 unless a trigger `counts_labels`.
    """

    now: datetime
    last_trained: datetime
    windows: tuple[JudgedWindow, ...] = ()
    alerts: tuple[str, ...] = ()
    new_labels: int = 0


class Trigger(Protocol):
    """A reason to retrain. Forms and the docs are made from it."""

    @property
    def title(self) -> str:
        """Its name for people: "New labels"."""
        ...

    @property
    def description(self) -> str:
        """When it asks for a retraining, in a sentence or two."""
        ...

    @property
    def counts_labels(self) -> bool:
        """Whether it needs the number of new labels, which takes a look at all of them."""
        ...

    @property
    def parameters(self) -> tuple[Parameter, ...]:
        """What a policy may set of it; each has a default."""
        ...

    def reason(self, facts: TriggerFacts, params: Mapping[str, Any]) -> str:
        """Why to retrain now, on one line and without a full stop; empty when there is no reason.

        It is a pure function of the facts and of all its parameters.
        """
        ...


triggers: Plugins[Trigger] = Plugins(__name__, "retraining trigger")
