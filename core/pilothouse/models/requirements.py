"""Which of the requirements that a client recorded are needed to load a model and to predict."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence

from pilothouse.models.package import ModelPackage

RUNNER_REQUIREMENTS = ("orjson>=3.10.12",)
# Clients record whatever was imported while they logged: these are never needed to predict.
NEEDLESS = frozenset({"mlflow", "mlflow-skinny", "mlflow-tracing", "psutil", "pytest"})
# Builds of one library under several names. The recorded one is taken, and no other put for it: an
# index may lack the smaller build, and there is none for some platforms.
SAME_IMPORT = {
    "xgboost-cpu": "xgboost",
    "tensorflow-cpu": "tensorflow",
    "mlflow-skinny": "mlflow",
}
# Recorded with nearly every model of an author who has them installed.
OFTEN_NEEDLESS = frozenset({"torch", "torchvision", "tensorflow", "keras"})
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
    used = {library_of(name) for name in (*(package.facts.get("libraries") or ()), *always)}
    taken = None if libraries is None else {library_of(name) for name in libraries}
    lines: dict[str, str] = {}
    for line in package.requirements:
        name, text = _requirement(line)
        library = library_of(name)
        if not name or not _is_needed(library, taken, used):
            continue
        # Clients record tensorflow beside tensorflow-cpu, which is what the author installed.
        if library not in lines or name in SAME_IMPORT:
            lines[library] = text

    for name in always:
        lines.setdefault(library_of(name), name)
    return tuple(lines.values())


def library_of(name: str) -> str:
    """The name of a library, whichever of its builds a distribution is."""
    plain = normalised(name)
    return SAME_IMPORT.get(plain, plain)


def normalised(name: str) -> str:
    """A distribution's name as indexes compare it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def _is_needed(library: str, taken: Collection[str] | None, used: Collection[str]) -> bool:
    if library in used:
        return True
    if taken is not None:
        return library in taken
    return library not in NEEDLESS and library not in OFTEN_NEEDLESS


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
