"""Files that say what a model needs: requirements.txt, conda.yaml and python_env.yaml."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import yaml
from packaging.utils import canonicalize_name

MAX_BYTES = 1 << 20
REQUIREMENTS, CONDA, PYTHON_ENV = "requirements.txt", "conda.yaml", "python_env.yaml"
FILES = (REQUIREMENTS, CONDA, PYTHON_ENV)
# Of a conda environment these make the environment itself; uv does that.
CONDA_BASE = frozenset({"python", "pip", "setuptools", "wheel", "uv"})
MINOR = re.compile(r"^\D*(\d+\.\d+)")


@dataclass(frozen=True)
class PackageFiles:
    """Requirement lines, the minor version of Python, and packages that only conda has."""

    requirements: tuple[str, ...] = ()
    python: str = ""
    conda: tuple[str, ...] = ()


def read_package_files(files: Mapping[str, bytes]) -> PackageFiles:
    """What the files of a model say. A file that cannot be read becomes a line that says so.

    Packages come from requirements.txt, without one from the pip part of conda.yaml or from
    python_env.yaml; the Python version from python_env.yaml or conda.yaml. A package of conda.yaml
    that the requirements have too needs no conda.
    """
    python_env, conda = _mapping(files, PYTHON_ENV), _mapping(files, CONDA)
    conda_lines, pip_lines = _conda_parts(conda.get("dependencies"))
    own = [line for line in _strings(python_env.get("dependencies")) if not line.startswith("-r")]

    lines = pip_lines or own
    if REQUIREMENTS in files:
        lines = _text(files[REQUIREMENTS]).splitlines()

    return PackageFiles(
        requirements=tuple(lines),
        python=_minor(str(python_env.get("python", ""))) or _conda_python(conda_lines),
        conda=_only_conda(conda_lines, lines),
    )


def _mapping(files: Mapping[str, bytes], name: str) -> Mapping[str, Any]:
    if name not in files:
        return {}
    try:
        content = yaml.safe_load(_text(files[name]))
    except yaml.YAMLError:
        # A requirement that cannot be read: the build then ends with that state.
        return {"dependencies": [{"pip": [f"({name} cannot be read)"]}]}
    return content if isinstance(content, dict) else {}


def _text(content: bytes) -> str:
    if len(content) > MAX_BYTES:
        return f"(a file of more than {MAX_BYTES >> 20} MB)"
    return content.decode("utf-8-sig", errors="replace")


def _conda_parts(dependencies: object) -> tuple[list[str], list[str]]:
    """The packages of conda, and those of its pip part."""
    packages, pip = _strings(dependencies), []
    for item in dependencies if isinstance(dependencies, list) else []:
        if isinstance(item, dict):
            pip += _strings(item.get("pip"))
    return packages, pip


def _strings(value: object) -> list[str]:
    return [item for item in value if isinstance(item, str)] if isinstance(value, list) else []


def _conda_name(line: str) -> str:
    """`conda-forge::numpy=1.26` is numpy."""
    return canonicalize_name(re.split(r"[=<>!~\s\[]", line.rpartition("::")[2].strip())[0])


def _conda_python(lines: list[str]) -> str:
    return next((_minor(line) for line in lines if _conda_name(line) == "python"), "")


def _only_conda(conda: list[str], requirements: list[str]) -> tuple[str, ...]:
    names = {canonicalize_name(re.split(r"[=<>!~\s\[;@]", r.strip())[0]) for r in requirements}
    return tuple(
        line for line in conda if _conda_name(line) not in CONDA_BASE | names and line.strip()
    )


def _minor(text: str) -> str:
    match = MINOR.match(text)
    return match[1] if match else ""
