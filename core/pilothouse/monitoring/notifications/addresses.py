"""Addresses of channels: Apprise's URLs are secrets, so a row only says where one is.

An address is `env:NAME` (an environment variable of the worker), `file:/path` (a file that only
its owner reads), or `stored:SCHEME`: then the URL is a file of the workspace's folder `secrets`.
"""

from __future__ import annotations

import os
import re
import stat
from ipaddress import ip_address
from pathlib import Path
from urllib.parse import unquote, unquote_plus, urlsplit

from pilothouse.kit.errors import Invalid, PilothouseError, Unavailable
from pilothouse.kit.folders import PRIVATE_FILE, PRIVATE_FOLDER
from pilothouse.kit.network_addresses import is_public
from pilothouse.monitoring.notifications.connections import refusal

ENVIRONMENT, FILE, STORED = "env:", "file:", "stored:"
VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
SCHEME = re.compile(r"[a-z][a-z0-9+.-]*://.+", re.IGNORECASE)
PROTOCOLS = ("json", "jsons", "xml", "xmls", "form", "forms", "mailto", "mailtos")
HINT = "Give env:NAME, file:/path, or a URL of Apprise such as slack://… or json://host/path."


def store_address(folder: Path, channel: str, address: str, *, private: bool) -> str:
    """What is stored of an address; a URL is written to a file that only the owner reads.

    Raises Invalid for what is neither a reference nor a URL, for a file that others can read, and
    without `private` for the URL of an address that is not public: names are looked at when they
    are called, see `connections`.
    """
    address = address.strip()
    if address.startswith(ENVIRONMENT):
        if not VARIABLE.fullmatch(address.removeprefix(ENVIRONMENT)):
            raise _invalid("env: is followed by the name of an environment variable.")
        return address
    if address.startswith(FILE):
        path = address.removeprefix(FILE)
        if not Path(path).is_absolute():
            raise _invalid("file: is followed by a path from the root.")
        try:
            _read(Path(path))
        except Unavailable as unreadable:
            raise _invalid(str(unreadable)) from None
        return address
    if not SCHEME.fullmatch(address):
        raise _invalid("this is neither a reference nor a URL.")
    if not private and (literal := _inner_address(address)):
        raise Invalid(refusal(literal), fields={"address": "is not public"})
    _write(_secret_file(folder, channel), address)
    return f"{STORED}{address.partition('://')[0].lower()}"


def discard(folder: Path, channel: str) -> None:
    """Delete the stored URL of a channel, if there is one."""
    _secret_file(folder, channel).unlink(missing_ok=True)


def read_url(folder: Path, channel: str, address: str) -> str:
    """The secret URL behind a stored address. Raises Unavailable, saying what is missing."""
    if address.startswith(ENVIRONMENT):
        name = address.removeprefix(ENVIRONMENT)
        if not os.environ.get(name, "").strip():
            raise Unavailable(
                f"the environment variable {name} is not set for the worker.",
                hint="Set it where Pilothouse is started, and start it again.",
            )
        return os.environ[name].strip()
    if address.startswith(FILE):
        return _read(Path(address.removeprefix(FILE)))
    return _read(_secret_file(folder, channel))


def redact(message: str, url: str) -> str:
    """The message without the URL and without its parts that may be secrets.

    The host is none in a URL of a protocol; in those of a service, a token may take its place.
    Receivers are sent parts decoded, so a message may have them so.
    """
    parsed = urlsplit(url)
    host = (parsed.hostname or "") if parsed.scheme.lower() in PROTOCOLS else ""
    written = [url, *re.split(r"[:/@?&=]+", url.partition("://")[2])]
    parts = {read(part) for part in written for read in (str, unquote, unquote_plus)}
    for part in sorted(parts, key=len, reverse=True):
        if len(part) > 3 and part.lower() != host:
            message = message.replace(part, "***")
    return message


def _inner_address(url: str) -> str:
    """The host of a protocol's URL when it is written as an address that is not public."""
    try:
        parsed = urlsplit(url)
        host = (parsed.hostname or "") if parsed.scheme.lower() in PROTOCOLS else ""
        address = "127.0.0.1" if host == "localhost" else str(ip_address(host))
    except ValueError:  # a name
        return ""
    return "" if is_public(address) else address


def _secret_file(folder: Path, channel: str) -> Path:
    return folder / "secrets" / f"channel-{channel}"


def _write(path: Path, url: str) -> None:
    path.parent.mkdir(mode=PRIVATE_FOLDER, exist_ok=True)
    partial = path.with_suffix(".part")
    partial.unlink(missing_ok=True)
    with open(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, PRIVATE_FILE), "w") as file:
        file.write(url)
    os.replace(partial, path)


def _read(path: Path) -> str:
    """The first line of a file that nobody but its owner can read. Raises Unavailable."""
    try:
        if stat.S_IMODE(path.stat().st_mode) & 0o077:
            raise Unavailable(f"{path} can be read by others.", hint=f"Run: chmod 600 {path}")
        lines = path.read_text(encoding="utf-8").split("\n")
    except (OSError, UnicodeDecodeError) as broken:
        reason = broken.strerror if isinstance(broken, OSError) else "it is not text"
        raise Unavailable(
            f"{path} cannot be read: {reason}.", hint="Restore it, or give another address."
        ) from None
    if not lines[0].strip():
        raise Unavailable(f"{path} is empty.", hint="Its first line is the URL of the channel.")
    return lines[0].strip()


def _invalid(message: str) -> PilothouseError:
    return Invalid(f"this address cannot be used: {message}", hint=HINT, fields={"address": HINT})
