"""What every room's verbs stand on: the store, and a name to be read by."""

from __future__ import annotations

from pilothouse.storage.store import Store


class Room:
    """The verbs of one room over a workspace's store."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def __repr__(self) -> str:
        return f"<{type(self).__name__} of {self._store.folder}>"
