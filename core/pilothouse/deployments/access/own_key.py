"""The key by which a workspace's own processes call its server: the form, notebooks, commands.

It is a file that only the owner of the workspace reads, who may do everything anyway.
"""

from __future__ import annotations

import os
import secrets
from contextlib import suppress
from pathlib import Path

from pilothouse.kit.folders import PRIVATE_FILE

FILE = "own.key"


def ensure_own_key(run_folder: Path) -> str:
    """The key, which is made when there is none."""
    path = run_folder / FILE
    with suppress(FileExistsError):
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, PRIVATE_FILE)
        with open(descriptor, "w", encoding="utf-8") as file:
            file.write(secrets.token_urlsafe(32))
    return read_own_key(run_folder)


def read_own_key(run_folder: Path) -> str:
    """The key; empty when there is none, as before the server's first start."""
    try:
        return (run_folder / FILE).read_text(encoding="utf-8").strip()
    except OSError:
        return ""
