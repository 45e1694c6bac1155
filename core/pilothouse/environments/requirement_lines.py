"""Requirement lines: read strictly, without addresses, and reduced to what a model needs."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from packaging.requirements import InvalidRequirement, Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name

from pilothouse.environments.failure import EnvironmentFailure
from pilothouse.environments.redaction import redact

MAX_LINES = 2_000
# The model process runs on the standard library and this.
RUNNER = ("orjson",)
# MLflow lists what its author's process had imported. To predict with the library itself, none of
# these is needed unless the file or its format says so.
NEVER_NEEDED = frozenset({"mlflow", "mlflow-skinny", "mlflow-tracing", "psutil", "pytest"})
SELDOM_NEEDED: Mapping[str, frozenset[str]] = {
    "torch": frozenset({"torch"}),
    "torchvision": frozenset({"torchvision"}),
    "torchaudio": frozenset({"torchaudio"}),
    "tensorflow": frozenset({"tensorflow", "keras"}),
    "tensorflow-cpu": frozenset({"tensorflow", "keras"}),
}
# pandas keeps text in a library that it does not require: a pickle of such a frame names it, and
# what MLflow lists does not.
BESIDE = ("pyarrow",)
# An index, a hash or a switch of pip: which index is asked is decided on this machine, not by the
# file of a model.
IGNORED_OPTIONS = (
    *("-i", "--index-url", "--extra-index-url", "--no-index", "-f", "--find-links"),
    *("--trusted-host", "--pre", "--prefer-binary", "--only-binary", "--no-binary"),
    "--require-hashes",
)
COMMENT = re.compile(r"(^|\s)#.*$")
HASH = re.compile(r"\s--hash[= ]\S+")
# `torch==2.13.0+cpu`: a build that only its own index has. Without it the version is the same.
LOCAL_VERSION = re.compile(r"(==\s*[0-9][^;,\s+]*)\+[A-Za-z0-9._-]+")


@dataclass(frozen=True)
class RequirementList:
    """Requirements that uv is given, and notes about what was left out."""

    lines: tuple[str, ...]
    notes: tuple[str, ...] = ()


def stored_lines(lines: Iterable[str]) -> tuple[str, ...]:
    """The lines as they may be stored: without comments, blank lines and addresses."""
    joined = "\n".join(lines).replace("\\\n", " ").splitlines()
    stripped = (HASH.sub("", COMMENT.sub("", line)).strip() for line in joined)
    return tuple(redact(line) for line in stripped if line)


def read_requirements(lines: Sequence[str]) -> RequirementList:
    """Every line as a requirement, without local versions.

    Raises EnvironmentFailure (unreadable) for a line that is none: an address, a path, a file.
    """
    if len(lines) > MAX_LINES:
        raise _unreadable(f"there are {len(lines)} requirements, and {MAX_LINES} are allowed")
    requirements, notes = [], []
    for line in stored_lines(lines):
        option = re.split(r"[=\s]", line, maxsplit=1)[0]
        if option in IGNORED_OPTIONS:
            notes.append(f"{option} of the model's requirements was ignored: packages come from "
                         "the index that this machine is configured with.")  # fmt: skip
            continue
        requirements.append(str(_requirement(line)))
        if requirements[-1] != str(_parsed(line)):
            notes.append(f"{line} was taken without its local version.")
    return RequirementList(tuple(dict.fromkeys(requirements)), tuple(dict.fromkeys(notes)))


def needed(requirements: RequirementList, imports: Iterable[str]) -> RequirementList:
    """Without what the author's process had imported and the model does not need.

    With what its file imports and MLflow does not list. `imports` are top-level modules that the
    model's file or its format names.
    """
    modules = frozenset(imports)
    lines, dropped = [], []
    for line in requirements.lines:
        name = canonicalize_name(Requirement(line).name)
        users = SELDOM_NEEDED.get(name, frozenset())
        if name.replace("-", "_") in modules or users & modules:
            lines.append(line)
        elif name in NEVER_NEEDED or name in SELDOM_NEEDED:
            dropped.append(name)
        else:
            lines.append(line)
    names = {canonicalize_name(Requirement(line).name) for line in lines}
    lines += [name for name in BESIDE if name in modules - names]
    note = (f"Left out, because the model does not use them: {', '.join(dropped)}.",)
    return RequirementList(tuple(lines), (*requirements.notes, *(note if dropped else ())))


def with_runner(lines: Sequence[str]) -> tuple[str, ...]:
    """The requirements and those of the model process itself."""
    names = {canonicalize_name(Requirement(line).name) for line in lines}
    return (*lines, *(line for line in RUNNER if line not in names))


def unmet(
    lines: Sequence[str], packages: Mapping[str, str], environment: Mapping[str, str] | None = None
) -> tuple[list[str], list[str]]:
    """Requirements that are absent from installed packages, and those of another version.

    `packages` maps canonical names to versions; `environment` has the values of markers, such as
    `python_version`, of the interpreter that has them.
    """
    absent, differing = [], []
    for line in lines:
        requirement = Requirement(line)
        if requirement.marker and not requirement.marker.evaluate(dict(environment or {})):
            continue
        installed = packages.get(canonicalize_name(requirement.name))
        if installed is None:
            absent.append(line)
        elif not requirement.specifier.contains(installed.partition("+")[0], prereleases=True):
            differing.append(f"{line} (has {installed})")
    return absent, differing


def _requirement(line: str) -> Requirement:
    """The requirement of a line without its local version, such as +cpu."""
    requirement = _parsed(line)
    plain = LOCAL_VERSION.sub(r"\1", str(requirement.specifier))
    requirement.specifier = SpecifierSet(plain)
    return requirement


def _parsed(line: str) -> Requirement:
    if line.startswith("-"):
        raise _unreadable(f"{line!r} is an option, not a requirement")
    try:
        requirement = Requirement(line)
    except InvalidRequirement:
        raise _unreadable(f"{line!r} is not a requirement") from None
    if requirement.url:
        raise _unreadable(f"{requirement.name} is required from an address")
    return requirement


def _unreadable(message: str) -> EnvironmentFailure:
    return EnvironmentFailure(f"{message}.", kind="unreadable")
