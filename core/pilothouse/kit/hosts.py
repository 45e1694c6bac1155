"""Who may talk to our processes: pages at loopback names, of this address or of ones named.

A page of another site reaches loopback under a name of its own (DNS rebinding) or from its own
origin. Each process looks at `Host` and at `Origin` before it does anything else.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from functools import lru_cache
from urllib.parse import urlsplit

LOOPBACK = frozenset({"127.0.0.1", "localhost", "[::1]"})
HTTP_PORT = 80


def refusal(
    headers: Iterable[tuple[bytes, bytes]],
    ports: Collection[int] = (),
    names: Collection[str] = (),
) -> str:
    """Why a request is refused; empty when it may come in.

    `ports` are those on loopback whose pages may talk to this process beside its own pages; `names`
    are hosts of a proxy before it, whose pages are then its own.
    """
    host = origin = ""
    for key, value in headers:
        lowered = key.lower()
        if lowered == b"host":
            host = value.decode("latin-1")
        elif lowered == b"origin":
            origin = value.decode("latin-1")
    name, port = _split_port(host)
    if name in names and port is not None:
        scheme, _, address = origin.partition("://")
        if not origin or (scheme in ("http", "https") and _split_port(address)[0] == name):
            return ""
        return f"pages of {origin} may not talk to this server."
    if name not in LOOPBACK or port is None:
        return f"{host!r} is not a name of this server."
    if origin and not _is_allowed_origin(origin, {port, *ports}):
        return f"pages of {origin} may not talk to this server."
    return ""


def _is_allowed_origin(origin: str, ports: Collection[int]) -> bool:
    scheme, separator, address = origin.partition("://")
    name, port = _split_port(address)
    return separator != "" and scheme == "http" and name in LOOPBACK and port in ports


@lru_cache(maxsize=256)  # PERF: every request names a host, and clients name few
def _split_port(address: str) -> tuple[str, int | None]:
    """A name and its port, 80 when none is said; None for what is no port."""
    try:
        parts = urlsplit(f"//{address}")
        port = HTTP_PORT if parts.port is None else parts.port
    except ValueError:
        return address, None
    bare = address.rsplit(":", 1)[0] if parts.port is not None else address
    return bare.lower(), port
