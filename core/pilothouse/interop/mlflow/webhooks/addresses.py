"""Which addresses a webhook may have: nobody may reach the inner network through one.

A name is resolved once, each of its addresses is checked, and the connection is made to one of
those and to nothing else: a name that resolves differently the second time (DNS rebinding) gains
nothing.
"""

from __future__ import annotations

import ipaddress
import re
import socket
from dataclasses import dataclass
from urllib.parse import SplitResult, urlsplit

from pilothouse.kit.errors import Invalid, Refused, Unavailable
from pilothouse.kit.network_addresses import is_public

SCHEMES = {"https": 443, "http": 80}
MAX_URL_LENGTH = 2048
LABEL = re.compile(r"[A-Za-z0-9_]([A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?")
NUMERIC = re.compile(r"[0-9]+|0[xX][0-9a-fA-F]*")


@dataclass(frozen=True)
class WebhookTarget:
    """The parts of a URL that are needed to call it."""

    scheme: str
    host: str
    port: int
    path: str


def parse(url: str) -> WebhookTarget:
    """Parse a URL. Raises Invalid when it is not allowed for a webhook."""
    if not url.strip():
        raise _invalid(f"Webhook URL cannot be empty or just whitespace: {url!r}")
    if (
        len(url) > MAX_URL_LENGTH
        or not url.isascii()
        or not url.isprintable()
        or set(url) & set(' \\"<>')
    ):
        raise _invalid("Webhook URL must be plain ASCII without spaces and backslashes.")
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as wrong:
        raise _invalid(f"Invalid webhook URL {url!r}: {wrong}") from None
    if parts.scheme not in SCHEMES:
        allowed = ", ".join(SCHEMES)
        raise _invalid(
            f"Invalid webhook URL scheme: {parts.scheme!r}. Allowed schemes are: {allowed}."
        )
    if "@" in parts.netloc:
        raise _invalid("Webhook URL must not include embedded credentials.")
    path = parts.path or "/"
    path_and_query = f"{path}?{parts.query}" if parts.query else path
    return WebhookTarget(
        parts.scheme, _host(parts, url), port or SCHEMES[parts.scheme], path_and_query
    )


def _host(parts: SplitResult, url: str) -> str:
    host = parts.hostname or ""
    if not host:
        raise _invalid(f"Webhook URL must include a hostname: {url!r}")
    if ":" in host or NUMERIC.fullmatch(host.rstrip(".").rpartition(".")[2]):
        try:
            return str(ipaddress.ip_address(host.replace("%", "/")))  # no zone of a link
        except ValueError:
            raise _invalid(
                f"Webhook URL host {host!r} is not a canonical IP address literal."
            ) from None
    labels = host.removesuffix(".").split(".")
    if len(host) > 253 or not all(LABEL.fullmatch(label) for label in labels):
        raise _invalid(f"Webhook URL host {host!r} is no name of a host.")
    return host


def resolve(target: WebhookTarget, *, private: bool) -> list[str]:
    """The IP addresses of a target. `private` allows non-public ones.

    Raises Unavailable when the name has none, Refused when any of them is not public.
    """
    try:
        records = socket.getaddrinfo(target.host, target.port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as wrong:
        message = f"Cannot resolve Webhook URL hostname {target.host!r}: {wrong}"
        raise Unavailable(message) from None
    addresses = list(dict.fromkeys(str(record[4][0]) for record in records))
    for address in addresses:
        if not private and not is_public(address):
            raise Refused(
                "Webhook URL must not resolve to a non-public IP address. "
                f"{target.host!r} resolves to {address}."
            )
    return addresses


def _invalid(message: str) -> Invalid:
    return Invalid(message, fields={"url": "cannot be called"})
