"""Python interpreters of this machine: looked for, and asked what they are and have."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pilothouse.environments.failure import EnvironmentFailure
from pilothouse.environments.uv import Uv
from pilothouse.storage import Store

SECONDS = 60
PROBE = """
import json, os, platform, sys, sysconfig
print(json.dumps({
    "version": platform.python_version(),
    "implementation": platform.python_implementation(),
    "platform": sysconfig.get_platform(),
    "markers": {
        "os_name": os.name, "sys_platform": sys.platform,
        "platform_machine": platform.machine(), "platform_system": platform.system(),
        "platform_release": platform.release(), "platform_version": platform.version(),
        "python_version": ".".join(platform.python_version_tuple()[:2]),
        "python_full_version": platform.python_version(),
        "implementation_name": sys.implementation.name,
        "implementation_version": platform.python_version(),
        "platform_python_implementation": platform.python_implementation(),
    },
}))
"""
# PERF: read from the names of folders, since the metadata of a large environment takes seconds.
PACKAGES = """
import importlib.metadata, json, re
packages = {}
for d in importlib.metadata.distributions():
    stem = getattr(getattr(d, "_path", None), "name", "")
    name, _, version = stem.rpartition(".")[0].partition("-")
    if not stem.endswith(".dist-info") or not version:
        name, version = d.metadata["Name"] or "", d.version
    packages.setdefault(re.sub(r"[-_.]+", "-", name).lower(), version)
print(json.dumps(packages))
"""


@dataclass(frozen=True)
class Interpreter:
    """A Python that was run: its version, its platform and the values of markers."""

    path: Path
    version: str
    implementation: str
    platform: str
    markers: Mapping[str, str]

    @property
    def minor(self) -> str:
        """Such as 3.11."""
        return ".".join(self.version.split(".")[:2])


def inspect_interpreter(path: Path) -> Interpreter:
    """Run an interpreter and ask. Raises EnvironmentFailure when it is none or does not answer."""
    return Interpreter(path=path, **_ask(path, PROBE))


def installed_packages(path: Path) -> Mapping[str, str]:
    """The version of each package that an interpreter has, by canonical name.

    Raises EnvironmentFailure when it does not answer.
    """
    return _ask(path, PACKAGES)


def _ask(path: Path, code: str) -> dict[str, Any]:
    variables = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
    try:
        result = subprocess.run(
            [str(path), "-I", "-c", code],
            env=variables,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=SECONDS,
            check=False,
        )
        answer = json.loads(result.stdout) if result.returncode == 0 else None
    except subprocess.TimeoutExpired:
        raise _bad(f"{path} did not answer within {SECONDS} seconds") from None
    except OSError as refused:
        raise _bad(f"{path} cannot be run: {refused.strerror}") from refused
    except ValueError:
        answer = None
    if not isinstance(answer, dict):
        raise _bad(f"{path} is not a Python interpreter that can be used")
    return answer


def find_interpreter(store: Store, uv: Uv, minor: str) -> Interpreter:
    """An interpreter of that minor version; its patch version does not matter.

    Pilothouse's own comes first, then those of PILOTHOUSE_ENVIRONMENT_PYTHONS, of pyenv, and what
    uv knows. Raises EnvironmentFailure (no_interpreter).
    """
    if minor == "{}.{}".format(*sys.version_info[:2]):
        return inspect_interpreter(Path(sys.executable))
    for path in _candidates(store, uv, minor):
        try:
            interpreter = inspect_interpreter(path)
        except EnvironmentFailure:
            continue
        if interpreter.minor == minor and interpreter.implementation == "CPython":
            return interpreter
    raise EnvironmentFailure(f"this machine has no Python {minor}.", kind="no_interpreter")


def _candidates(store: Store, uv: Uv, minor: str) -> Iterator[Path]:
    named = store.settings.environment_pythons.split(os.pathsep)
    yield from (Path(text.strip()) for text in named if text.strip())
    # Of pyenv uv sees only the versions that are switched on.
    pyenv = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv") / "versions"
    yield from sorted(pyenv.glob(f"{minor}.*/bin/python{minor}"), reverse=True)
    try:
        output = uv.run(["python", "find", "--no-project", f"cpython@{minor}"])
    except EnvironmentFailure:
        return
    yield Path(output.result.strip())


def _bad(message: str) -> EnvironmentFailure:
    return EnvironmentFailure(f"{message}.", kind="bad_interpreter")
