"""What executors on a cluster share: the connection, made with the first call, and its end."""

from __future__ import annotations

import threading
from abc import ABC, abstractmethod
from typing import Any

from pilothouse.jobs.executor import Interrupted


class ClusterConnection(ABC):
    """One address of a cluster, and the client of its library once a call has needed it."""

    def __init__(self, address: str) -> None:
        self.closed = False
        self._address = address
        self._connecting = threading.Lock()
        self._client: Any = None

    def raise_if_closed(self) -> None:
        """Raise Interrupted once this is closed."""
        if self.closed:
            raise Interrupted

    def close(self) -> None:
        """Give up what runs, and the connection."""
        self.closed = True
        with self._connecting:
            if self._client is not None:
                self._disconnect(self._client)

    def connected(self) -> Any:
        """The client. Raises Unavailable when the cluster is not reached."""
        with self._connecting:
            if self._client is None:
                self._client = self._connect(self._address)
            return self._client

    @abstractmethod
    def _connect(self, address: str) -> Any:
        """A new client. Raises Unavailable without the library, or without an answer."""

    @abstractmethod
    def _disconnect(self, client: Any) -> None:
        """End what runs there for this process, and the connection."""
