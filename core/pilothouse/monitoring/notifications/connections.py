"""Which addresses a channel may connect to: those of the public internet, as webhooks may.

Apprise knows a hundred services, each with hosts of its own, follows redirects and resolves names
itself. So the connections are looked at, not the URL: whatever a name resolves to the second time
(DNS rebinding), the address that is connected to is the one that was checked.
"""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from pilothouse.kit.network_addresses import is_public

INTERNET = (socket.AF_INET, socket.AF_INET6)
# The methods of a socket that name the other end, which is their last argument.
METHODS = ("connect", "connect_ex", "sendto")
SETTING = "PILOTHOUSE_WEBHOOK_PRIVATE_ADDRESSES"


class NotPublic(PermissionError):
    """A connection to an address that a channel may not reach."""


def refusal(address: str) -> str:
    """Why a channel may not reach an address, and what allows it."""
    return (
        "Channel URL must not resolve to a non-public IP address. "
        f"It resolves to {address}. {SETTING}=true allows addresses of your own network."
    )


@contextmanager
def public_addresses_only() -> Iterator[list[str]]:
    """Connections of this process end with `NotPublic` unless their address is public.

    The list has the addresses that were refused: a library may turn the error into one of its own.
    For a process that does nothing else meanwhile.
    """
    refused: list[str] = []
    replaced = {name: socket.socket.__dict__.get(name) for name in METHODS}
    for name in METHODS:
        setattr(socket.socket, name, _checked(getattr(socket.socket, name), refused))
    try:
        yield refused
    finally:
        for name, method in replaced.items():
            if method is None:  # inherited from the socket of C
                delattr(socket.socket, name)
            else:
                setattr(socket.socket, name, method)


def _checked(method: Callable[..., Any], refused: list[str]) -> Callable[..., Any]:
    def check(self: socket.socket, *args: Any) -> Any:
        if self.family not in INTERNET:
            return method(self, *args)
        *data, (host, *rest) = args
        ip = _resolved(self, host)
        if not is_public(ip):
            refused.append(ip)
            raise NotPublic(refusal(ip))
        return method(self, *data, (ip, *rest))

    return check


def _resolved(own: socket.socket, host: str) -> str:
    """The address of a host: most callers have resolved its name already."""
    records = socket.getaddrinfo(host, None, own.family, own.type)
    return str(records[0][4][0])
