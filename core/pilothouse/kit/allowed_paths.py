"""Which paths of this machine a source may be read from."""

from __future__ import annotations

import os
import re
from pathlib import Path
from urllib.parse import unquote, urlsplit

from pilothouse.kit.errors import Invalid, Refused
from pilothouse.kit.settings import Settings

SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+:")


def local_path(text: str) -> Path:
    """The path that a person typed, as a path or a file:// URL. Raises Invalid for other URLs."""
    text = text.strip()
    if not text or "\0" in text:
        raise Invalid("a path is needed.", fields={"path": "needed"})
    if not SCHEME.match(text):
        return Path(text).expanduser()
    url = urlsplit(text)
    if url.scheme.lower() != "file" or url.netloc not in ("", "localhost"):
        raise Invalid(
            f"{text.split(':')[0]}: addresses are not read here.",
            hint="Give a path on this machine, such as /data/sales or file:///data/sales.",
            fields={"path": "is not a path on this machine"},
        )
    return Path(unquote(url.path))


def check_allowed(settings: Settings, path: Path) -> None:
    """Raise Refused for a path outside of the allowed folders, whatever links lead there.

    The workspace's own folder is always allowed. Without the setting every path is.
    """
    allowed = [Path(part).expanduser() for part in settings.data_folders.split(os.pathsep) if part]
    if not allowed:
        return
    resolved = path.resolve()
    roots = [folder.resolve() for folder in (*allowed, settings.folder)]
    if not any(resolved.is_relative_to(root) for root in roots):
        raise Refused(
            f"{path} lies outside of the folders that data may be read from.",
            hint=f"These are {', '.join(map(str, allowed))} (PILOTHOUSE_DATA_FOLDERS).",
        )
