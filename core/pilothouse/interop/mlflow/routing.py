"""A route: method, path and handler, and whether the handler writes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from sqlmodel import Session

from pilothouse.interop.mlflow.ingest import RunPoints
from pilothouse.interop.mlflow.request_fields import Fields
from pilothouse.storage import Store


@dataclass(frozen=True)
class Call:
    """One request as its handler sees it; `found` is what was found outside beforehand."""

    session: Session
    store: Store
    fields: Fields
    prepared: Any = None


Handler = Callable[[Call], dict[str, Any]]
Prepare = Callable[[Store, Fields], Any]
PointReader = Callable[[Fields], RunPoints | None]


@dataclass(frozen=True)
class Route:
    """Where a handler answers. `{name}` in a path is one part, handed in as a field.

    What asks other machines is done `outside`, beforehand: no transaction waits for them.
    `logs` reads the points of a request that does nothing but log them.
    """

    methods: tuple[str, ...]
    path: str
    handler: Handler
    writes: bool = True
    prepare: Prepare | None = None
    points: PointReader | None = None


def read_route(path: str, handler: Handler, *methods: str) -> Route:
    """A route whose handler only reads; by GET, unless said otherwise."""
    return Route(methods or ("GET",), path, handler, writes=False)


def write_route(path: str, handler: Handler, method: str = "POST") -> Route:
    """A route whose handler writes."""
    return Route((method,), path, handler)
