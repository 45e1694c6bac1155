"""Paths of files out of untrusted names, and names that are told apart."""

from __future__ import annotations

import re
from collections.abc import Container

UNFIT = re.compile(r"[^\w.\- ]+")
MAX_NAME = 100


def safe_path(name: str) -> str:
    """A path below a folder, whatever the name says: its parts without what no file should have."""
    parts = [UNFIT.sub("_", part).strip()[:MAX_NAME] for part in name.split("/")]
    return "/".join(part for part in parts if part.strip(".")) or "untitled"


def distinct(path: str, taken: Container[str]) -> str:
    """The path, or one with a number before its ending when it is taken."""
    above, slash, name = path.rpartition("/")
    stem, dot, ending = name.rpartition(".")
    if not stem:
        stem, dot, ending = name, "", ""
    number, candidate = 2, path
    while candidate in taken:
        candidate = f"{above}{slash}{stem}-{number}{dot}{ending}"
        number += 1
    return candidate
