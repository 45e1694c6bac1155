"""A route: method, path and handler, and whether the handler writes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from sqlmodel import Session

from pilothouse.interop.mlflow.ingest import RunPoints
from pilothouse.interop.mlflow.request_fields import Fields
from pilothouse.kit.errors import Refused
from pilothouse.registry.info import VersionInfo
from pilothouse.storage import Store


@dataclass(frozen=True)
class Call:
    """One request as its handler sees it; `prepared` is the result of the route's `prepare`."""

    session: Session
    store: Store
    fields: Fields
    prepared: Any = None


# A refusal that a handler returns, in place of raising it, leaves what it has recorded.
Answer = dict[str, Any] | Refused
Handler = Callable[[Call], Answer]
Prepare = Callable[[Store, Fields], Any]
PointReader = Callable[[Fields], RunPoints | None]
GatedMove = Callable[[Session, Fields], VersionInfo | None]


@dataclass(frozen=True)
class Route:
    """Methods, path and handler. `{name}` in a path is one part, handed in as a field.

    `prepare` runs before the transaction: what calls other machines belongs there.
    `points` reads the points of a request that only logs points; None for other requests.
    `gated` reads which version a request moves through gates, None when it moves none: that version
    is tried before the transaction.
    """

    methods: tuple[str, ...]
    path: str
    handler: Handler
    writes: bool = True
    prepare: Prepare | None = None
    points: PointReader | None = None
    gated: GatedMove | None = None


def read_route(path: str, handler: Handler, *methods: str) -> Route:
    """A route whose handler only reads; GET unless other methods are given."""
    return Route(methods or ("GET",), path, handler, writes=False)


def write_route(path: str, handler: Handler, method: str = "POST") -> Route:
    """A route whose handler writes."""
    return Route((method,), path, handler)
