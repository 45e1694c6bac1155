"""Where a secret is, in place of the secret: a variable of the environment or a file."""

from __future__ import annotations

import os
import re
from pathlib import Path

from pilothouse.kit.errors import NotFound

FORM = re.compile(r"env:\w+|file:.+")
REQUIREMENT = "must be env:NAME or file:PATH"


def is_reference(text: str) -> bool:
    """Whether a text says where a secret is."""
    return FORM.fullmatch(text) is not None


def secret_at(reference: str) -> str:
    """The secret at a reference; it is never part of a message. Raises NotFound."""
    kind, _, name = reference.partition(":")
    if kind == "env":
        if name not in os.environ:
            raise NotFound(
                f"the environment variable {name} is not set.",
                hint="Set it for the worker and for the process that asks.",
            )
        return os.environ[name]
    try:
        return Path(name).read_text(encoding="utf-8").strip()
    except OSError as missing:
        raise NotFound(f"the secret file {name} cannot be read: {missing.strerror}.") from missing
