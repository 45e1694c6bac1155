"""The environment of a run: interpreter, platform, and the versions of the packages that matter."""

from __future__ import annotations

import os
import platform
import re
import sys
from dataclasses import asdict, dataclass
from importlib.metadata import PackageNotFoundError, version
from typing import Any

# What training and scoring stand on: a figure can change with any of these.
PACKAGES = (
    "pilothouse",
    "numpy",
    "pandas",
    "pyarrow",
    "scipy",
    "scikit-learn",
    "joblib",
    "threadpoolctl",
    "optuna",
    "pandera",
    "cloudpickle",
    "lightgbm",
    "xgboost",
    "catboost",
    "torch",
    "skops",
    "onnxruntime",
)


_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*(?:\[[^\]]*\])?")


@dataclass(frozen=True)
class Environment:
    """Where a run happened."""

    python: str
    implementation: str
    platform: str
    machine: str
    processors: int
    packages: dict[str, str]

    def to_json(self) -> dict[str, Any]:
        """A plain JSON value."""
        return asdict(self)


def capture() -> Environment:
    """The environment of this process; packages that are not installed are left out."""
    return Environment(
        python=platform.python_version(),
        implementation=sys.implementation.name,
        platform=platform.platform(),
        machine=platform.machine(),
        processors=os.cpu_count() or 1,
        packages={name: installed for name in PACKAGES if (installed := _version(name))},
    )


def packages_of(requirements: str) -> dict[str, str]:
    """The packages of a requirements file with what is asked of their versions."""
    packages: dict[str, str] = {}
    for line in requirements.splitlines():
        requirement = line.partition("#")[0].partition(";")[0].strip()
        name = _NAME.match(requirement)
        if name:
            packages[name[0]] = requirement[name.end() :].strip().removeprefix("==")
    return packages


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None
