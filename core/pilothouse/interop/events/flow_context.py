"""What a running flow is given: its connection, as it was when it was opened."""

from __future__ import annotations

from dataclasses import dataclass

from pilothouse.kit.parameters import Params
from pilothouse.storage import Store


@dataclass(frozen=True)
class FlowContext:
    """What a running flow needs to know of its connection."""

    store: Store
    connection_id: str
    deployment: str
    system: str
    settings: Params
    options: Params
