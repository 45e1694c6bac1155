"""Why an environment is not there: every kind of failure with its title and the way on."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from pilothouse.kit.errors import Unavailable


@dataclass(frozen=True)
class FailureKind:
    """What people call a kind of failure, and what to do about it."""

    title: str
    hint: str


KINDS: Mapping[str, FailureKind] = {
    "no_such_package": FailureKind(
        "No such package",
        "Correct the requirement, or make the package available: in the package index that pip or "
        "uv is configured with, or as a wheel in the folder of PILOTHOUSE_ENVIRONMENT_WHEELS.",
    ),
    "no_such_version": FailureKind(
        "No such version",
        "Choose a version that the package index has, or add its wheel to the folder of "
        "PILOTHOUSE_ENVIRONMENT_WHEELS.",
    ),
    "no_wheel": FailureKind(
        "No wheel for this Python",
        "Build it for the Python version the model was logged with, or change the version of the "
        "package. Packages are never compiled from source.",
    ),
    "conflict": FailureKind(
        "Requirements conflict", "Change or drop one of the requirements that the message names."
    ),
    "offline": FailureKind(
        "Offline",
        "Build it once with a connection, so that the packages are in the cache, or put their "
        "wheels into the folder of PILOTHOUSE_ENVIRONMENT_WHEELS.",
    ),
    "index_unreachable": FailureKind(
        "Package index unreachable",
        "Look at the connection and at the address in the configuration of pip or uv, then build "
        "it again.",
    ),
    "index_refused": FailureKind(
        "Package index asks for a login",
        "Set the credentials where pip or uv reads them, such as ~/.netrc, then build it again.",
    ),
    "no_interpreter": FailureKind(
        "No such Python",
        "Install that Python, name it in PILOTHOUSE_ENVIRONMENT_PYTHONS, or build the environment "
        "for another Python version.",
    ),
    "bad_interpreter": FailureKind(
        "Interpreter cannot be used",
        "Name the path of a Python 3.10 to 3.14 that has every requirement and orjson.",
    ),
    "unsupported_python": FailureKind(
        "Python too old or too new",
        "Models run on Python 3.10 to 3.14: build it for one of these, as near as can be.",
    ),
    "disk_full": FailureKind(
        "Disk full",
        "Free space on the disk of the workspace; `pilothouse environments collect` removes "
        "environments that nothing uses. Then build it again.",
    ),
    "interrupted": FailureKind("Interrupted", "Build it again."),
    "timeout": FailureKind(
        "Took too long",
        "Build it again, or allow more time with PILOTHOUSE_ENVIRONMENT_TIMEOUT_S.",
    ),
    "unreadable": FailureKind(
        "Unreadable requirements",
        "Write each requirement as a name with versions, such as scikit-learn==1.6.1. A package "
        "from an address or a path is installed from the folder of "
        "PILOTHOUSE_ENVIRONMENT_WHEELS.",
    ),
    "conda_only": FailureKind(
        "Needs conda packages",
        "Name the same packages from the Python package index as requirements, or name the "
        "interpreter of a conda environment that has them.",
    ),
    "import_error": FailureKind(
        "Model cannot be loaded",
        "Change the requirements: the message names the module that is missing or does not fit.",
    ),
    "example_failed": FailureKind(
        "Example fails", "Look at the message and the log; then change the requirements or model."
    ),
    "answers_differ": FailureKind(
        "Answers differ from the logged ones",
        "Build it with the author's own versions: state them as requirements.",
    ),
    "no_uv": FailureKind("uv is missing", "Install it: pip install uv."),
    "other": FailureKind("Failed", "The log has the whole message."),
}
CHECK_FAILURES = ("import_error", "example_failed", "answers_differ", "timeout", "other")


class EnvironmentFailure(Unavailable):
    """An environment cannot be had; `kind` is one of `KINDS`, which has the hint."""

    def __init__(self, message: str, *, kind: str = "other", hint: str = "") -> None:
        super().__init__(message, hint=hint or KINDS[kind].hint)
        self.kind = kind


# What uv 0.6 to 0.13 writes, first match first: a full disk or a refused login explains the rest.
PATTERNS = (
    ("disk_full", r"No space left on device|os error 28|Disk quota exceeded|os error 122"),
    ("offline", r"network (was|is) disabled|not found in the cache"),
    ("index_refused", r"401 Unauthorized|403 Forbidden|\b40[13]\b.*credentials"),
    ("no_interpreter", r"No interpreter found"),
    (
        "index_unreachable",
        r"error sending request|Failed to (fetch|download)|dns error|HTTP status (server|client)",
    ),
    ("unreadable", r"Couldn't parse requirement|Expected .*package name"),
    ("no_wheel", r"no usable wheels|no wheels with a matching|no compatible wheels"),
    ("no_such_version", r"there (is|are) no versions? of|only .* (is|are) available"),
    ("no_such_package", r"was not found in"),
    ("conflict", r"requirements are unsatisfiable|are incompatible|cannot be used"),
)
PRIMARY = re.compile(r"^\s*(error|cause): ?(.*)$")


def classify(output: str) -> EnvironmentFailure:
    """The failure that the messages of uv mean; the message is uv's own explanation."""
    kind = next((name for name, text in PATTERNS if re.search(text, output)), "other")
    if kind == "no_such_version" and re.search(r"depends on|and you require", output):
        kind = _conflict_or_version(output)
    return EnvironmentFailure(_explanation(output), kind=kind)


def _conflict_or_version(output: str) -> str:
    """A chain over several packages is a conflict; a chain over one says that it has no such."""
    return "conflict" if " depends on " in output else "no_such_version"


def _explanation(output: str) -> str:
    """The last cause that uv names, on one line, without what its summary adds to each."""
    lines: list[str] = []
    for line in output.splitlines():
        match = PRIMARY.match(line)
        if match:
            lines.append(match[2].strip())
        elif lines and line.startswith("   ") and line.strip():
            lines[-1] += f" {line.strip()}"
        elif line.startswith("hint:"):
            break
    text = lines[-1] if lines else output.strip() or "uv ended without a message."
    if len(lines) > 1 and lines[0].startswith(("Failed", "Request failed")):
        text = f"{lines[0]}: {text}"
    text = text.removesuffix(", we can conclude that your requirements are unsatisfiable.")
    text = re.sub(r" and you require ([^,]+)$", "", text).strip()
    if text.startswith("Because ") and ", we can conclude" not in text:
        text = text.removeprefix("Because ")
    return f"{text.rstrip('.')}."
