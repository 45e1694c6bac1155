"""Flows: what the messages of a connection are; one module a kind, chosen by its name."""

from __future__ import annotations

from typing import Protocol

from sqlmodel import Session

from pilothouse.interop.events.flow_context import FlowContext
from pilothouse.interop.events.messages import IncomingMessage, PreviewedMessage
from pilothouse.kit.parameters import Parameter, Params
from pilothouse.kit.plugins import Plugins
from pilothouse.storage import Store

START = Parameter(
    "start",
    "choice",
    "newest",
    choices=("newest", "earliest"),
    title="Begin with",
    help="What comes after the connection is added, or everything that is there.",
)


class RunningFlow(Protocol):
    """A flow with its connection."""

    def step(self) -> int:
        """Move the next messages; how many. Raises Unavailable, and is then opened again."""
        ...

    def lag(self) -> int | None:
        """How many messages wait; None where that is not known."""
        ...

    def close(self) -> None:
        """End the connection."""
        ...


class Flow(Protocol):
    """A kind of messages, and the direction they go."""

    @property
    def title(self) -> str:
        """Its name for people."""
        ...

    @property
    def description(self) -> str:
        """What it does, in a sentence."""
        ...

    @property
    def direction(self) -> str:
        """Whether messages are read or sent: `in` or `out`."""
        ...

    @property
    def of_deployment(self) -> str:
        """Whether it needs `one` deployment, is about `any` or all of them, or about `none`."""
        ...

    @property
    def parameters(self) -> tuple[Parameter, ...]:
        """How its messages are written: the fields of its form."""
        ...

    def check(self, session: Session, deployment: str, options: Params) -> None:
        """Raise Invalid, Conflict or NotFound when it cannot run for that deployment."""
        ...

    def begin(self, session: Session, store: Store, deployment: str, options: Params) -> int | None:
        """Where a flow out begins in our own log; None for a flow in."""
        ...

    def open(self, context: FlowContext) -> RunningFlow:
        """Connect. Raises Unavailable or NotFound."""
        ...

    def judge(
        self, store: Store, deployment: str, options: Params, messages: list[IncomingMessage]
    ) -> list[PreviewedMessage]:
        """What would become of messages; of a flow out, what would be sent. Nothing is written."""
        ...


flows: Plugins[Flow] = Plugins(__name__, "event flow")
