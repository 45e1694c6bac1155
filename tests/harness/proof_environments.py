"""Environments of other programs, each built once in the folder of the variable PROOFS."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from pilothouse.environments.index_config import index_variables
from pilothouse.environments.resolution import LOADS_THEM, OVERRIDES
from pilothouse.environments.uv import find_uv


def proofs_folder() -> Path:
    """Where they are: the folder of the variable, or that of `make proof`."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return Path(os.environ.get("PROOFS") or cache / "pilothouse-proofs")


def plain_variables() -> dict[str, str]:
    """The variables of this process without those that would show it other packages."""
    return {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}


def environment(folder: Path, lines: Sequence[str], base: Path | None = None) -> Path:
    """The interpreter of an environment with these requirements, built when it is not there.

    `base` is another interpreter than that of this process.
    """
    content = "\n".join([*sorted(lines), *([str(base)] if base else [])])
    mark = hashlib.sha256(content.encode()).hexdigest()[:12]
    target = folder / "environments" / mark
    python = target / "bin" / "python"
    if (target / "built").exists():
        return python
    uv = str(find_uv())
    variables = plain_variables() | index_variables(os.environ)
    subprocess.run(
        [uv, "venv", "-q", "--clear", "--python", base or sys.executable, target],
        check=True,
        env=variables,
    )
    command = [uv, "pip", "install", "-q", "--python", str(python), *lines]
    if not any(line.startswith(LOADS_THEM) for line in lines):
        overrides = target / "overrides.txt"
        overrides.write_text("\n".join(OVERRIDES))
        command += ["--override", str(overrides)]
    subprocess.run(command, check=True, env=variables)
    (target / "built").touch()
    return python
