"""The base of every room's API class."""

from __future__ import annotations

from pilothouse.storage.store import Store


class Service:
    """The commands and queries of one room, over a workspace's store."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def __repr__(self) -> str:
        return f"<{type(self).__name__} of {self._store.folder}>"
