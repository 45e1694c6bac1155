"""Redaction: addresses of package indexes and credentials are neither stored nor logged."""

from __future__ import annotations

import re
from collections.abc import Iterable
from urllib.parse import unquote, urlsplit

ADDRESS = re.compile(r"\b[A-Za-z][A-Za-z0-9+.-]*://[^\s'\"`<>]+")
REPLACEMENT = "<address>"
LOOPBACK = ("localhost", "127.0.0.1", "::1")


def redact(text: str, secrets: Iterable[str] = ()) -> str:
    """The text without addresses, and without the given hosts, names and passwords."""
    text = ADDRESS.sub(REPLACEMENT, text)
    for secret in sorted(set(secrets), key=len, reverse=True):
        text = text.replace(secret, REPLACEMENT)
    return text


def secrets_of(values: Iterable[str]) -> set[str]:
    """Hosts, names and passwords in the values of a configuration, to be redacted wherever."""
    secrets: set[str] = set()
    for address in ADDRESS.findall(" ".join(values)):
        parts = urlsplit(address)
        for part in (parts.hostname, parts.username, parts.password):
            if part and len(part) > 2 and part not in LOOPBACK:
                secrets |= {part, unquote(part)}
    return secrets
