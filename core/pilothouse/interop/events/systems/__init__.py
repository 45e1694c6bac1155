"""Event systems, where messages are read and written: one module a kind, chosen by its name."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from pilothouse.interop.events.messages import IncomingMessage
from pilothouse.interop.events.positions import StoredPositions
from pilothouse.kit.parameters import Parameter, Params
from pilothouse.kit.plugins import Plugins
from pilothouse.storage import Store


@dataclass(frozen=True)
class Permissions:
    """What the settings of the workspace allow a system."""

    folder: Path
    private_addresses: bool = False


def permissions_of(store: Store) -> Permissions:
    """What a workspace allows: files below its own folder, and private addresses if it says so."""
    return Permissions(store.folder / "events", store.settings.webhook_private_addresses)


class TopicReader(Protocol):
    """Reads messages of all partitions of a topic, each in its order."""

    def poll(self, most: int, seconds: float) -> list[IncomingMessage]:
        """The next messages; none after `seconds`. Raises Unavailable without a connection."""
        ...

    def acknowledge(self) -> None:
        """Tell the system how far we have read, for its tools alone; failures do not matter."""
        ...

    def lag(self) -> int | None:
        """How many messages wait; None where that is not known."""
        ...

    def close(self) -> None:
        """End the connection."""
        ...


class TopicWriter(Protocol):
    """Writes messages, each at least once."""

    def write(self, key: str, value: bytes) -> None:
        """Hand over a message. Raises Invalid for one that is never taken, or Unavailable."""
        ...

    def flush(self) -> None:
        """Wait until all that was handed over is taken. Raises Unavailable when it is not."""
        ...

    def close(self) -> None:
        """End the connection; what was not flushed may be lost."""
        ...


class EventSystem(Protocol):
    """A kind of system that messages are read from or written to."""

    @property
    def title(self) -> str:
        """Its name for people."""
        ...

    @property
    def description(self) -> str:
        """What it is, in a sentence."""
        ...

    @property
    def needs(self) -> str:
        """The package that it imports beside Pilothouse's own, by its import name; "" for none."""
        ...

    @property
    def extra(self) -> str:
        """The extra of Pilothouse that installs that package."""
        ...

    @property
    def reads(self) -> bool:
        """Whether messages can be read from it; every system can be written to."""
        ...

    @property
    def at_once(self) -> int:
        """How many messages are written before it is stored that they were."""
        ...

    @property
    def parameters(self) -> tuple[Parameter, ...]:
        """Where it is and how it is reached: the fields of its form."""
        ...

    def check(self, settings: Params) -> None:
        """Raise Invalid, naming each wrong field; nothing is connected to."""
        ...

    def place(self, settings: Params) -> str:
        """Where the messages are, in a few words and without secrets."""
        ...

    def reader(self, settings: Params, positions: StoredPositions) -> TopicReader:
        """Connect and read on; never called unless it `reads`.

        Raises NotFound without the topic, Unavailable, or Invalid.
        """
        ...

    def writer(self, settings: Params, permissions: Permissions, target: str = "") -> TopicWriter:
        """Connect for writing, to another topic with `target`. Raises as `reader` does."""
        ...

    def newest(self, settings: Params, most: int) -> Sequence[IncomingMessage]:
        """The newest messages, for a look before anything is saved. Raises as `reader` does."""
        ...


systems: Plugins[EventSystem] = Plugins(__name__, "event system")
