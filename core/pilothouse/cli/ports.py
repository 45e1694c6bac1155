"""Ports on loopback: checked before anything is started."""

from __future__ import annotations

import socket

from pilothouse.kit.errors import Unavailable

HOST = "127.0.0.1"


def require_free(port: int, who: str, option: str) -> None:
    """Raise Unavailable, with the port and what to do, when it cannot be listened on."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as door:
        door.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            door.bind((HOST, port))
        except OSError as taken:
            raise Unavailable(
                f"the {who} cannot use port {port}: {taken.strerror}.",
                hint=f"End what holds it, or choose another with {option}.",
            ) from taken
