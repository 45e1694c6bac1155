"""Which of the requirements that a client recorded are needed to load a model and to predict."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence

from pilothouse.models.package import ModelPackage

RUNNER_REQUIREMENTS = ("orjson>=3.10.12",)
# Clients record whatever was imported while they logged: these are never needed to predict.
NEEDLESS = frozenset({"mlflow", "mlflow-skinny", "mlflow-tracing", "psutil", "pytest"})
# The same import and versions, without the libraries of a graphics card.
LIGHTER = {"xgboost": "xgboost-cpu", "tensorflow": "tensorflow-cpu"}
# Recorded with nearly every model of an author who has them installed.
OFTEN_NEEDLESS = frozenset({"torch", "torchvision", "tensorflow", "tensorflow-cpu", "keras"})
FIRST_LIGHTER = {"xgboost-cpu": (2, 1, 1)}
NAME = re.compile(r"\s*([A-Za-z0-9][A-Za-z0-9._-]*)\s*(\[[^\]]*\])?\s*(.*)")
LOCAL_VERSION = re.compile(r"(==\s*[0-9][^;,\s+]*)\+[a-zA-Z0-9.]+")
MAX_LINE = 500


def needed_lines(
    package: ModelPackage, libraries: Collection[str] | None, always: Sequence[str]
) -> tuple[str, ...]:
    """The recorded lines that are needed, each library once; `always` without a line bare.

    With `libraries` only these are taken; None takes all but what is needless. Options such as
    `--index-url` and addresses are dropped: an environment is built from the configured index.
    """
    imported = {normalised(name) for name in package.facts.get("libraries") or ()}
    lines: dict[str, str] = {}
    for line in package.requirements:
        name, text = _requirement(line)
        if name and _is_needed(name, libraries, {*map(normalised, always)} | imported):
            lighter = _lighter(name, text)
            lines.setdefault(lighter[0], lighter[1])

    for name in always:
        lighter_name = LIGHTER.get(name, name)
        if name not in lines and lighter_name not in lines:
            lines[lighter_name] = lighter_name
    return tuple(lines.values())


def normalised(name: str) -> str:
    """A distribution's name as indexes compare it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def _is_needed(name: str, libraries: Collection[str] | None, used: Collection[str]) -> bool:
    if name in used:
        return True
    if libraries is not None:
        return name in libraries
    return name not in NEEDLESS and name not in OFTEN_NEEDLESS


def _requirement(line: str) -> tuple[str, str]:
    """The name and the text of a line; an empty name where it is no plain requirement."""
    text = line.partition(" #")[0].strip()
    match = NAME.fullmatch(text)
    if len(text) > MAX_LINE or not text or text.startswith(("-", "#")) or match is None:
        return "", ""
    if "@" in match[3].partition(";")[0] or "/" in match[3].partition(";")[0]:
        return "", ""
    # A version such as 2.13.0+cpu is in no index.
    return normalised(match[1]), LOCAL_VERSION.sub(r"\1", text)


def _lighter(name: str, text: str) -> tuple[str, str]:
    lighter = LIGHTER.get(name)
    first = FIRST_LIGHTER.get(lighter or "", (0,))
    if lighter is None or _pinned_version(text) < first:
        return name, text
    match = NAME.fullmatch(text)
    return lighter, f"{lighter}{match[3] if match else ''}"


def _pinned_version(text: str) -> tuple[int, ...]:
    match = re.search(r"==\s*([0-9][0-9.]*)", text)
    return tuple(int(part) for part in match[1].split(".") if part) if match else (1 << 30,)
