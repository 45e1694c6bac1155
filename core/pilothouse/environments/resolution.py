"""Resolving a request: from requirements to a lock, at the date of the model."""

from __future__ import annotations

import hashlib
import json
import logging
import tempfile
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from pilothouse.environments.failure import EnvironmentFailure
from pilothouse.environments.interpreters import Interpreter
from pilothouse.environments.request import EnvironmentRequest
from pilothouse.environments.requirement_lines import (
    RequirementList,
    needed,
    read_requirements,
    with_runner,
)
from pilothouse.environments.uv import NO_DATES, Tick, Uv

# Libraries of graphics cards that wheels such as XGBoost's bring along (469 MB) and load only on a
# machine with such a card. The marker never holds, so that they are left out.
OVERRIDES = tuple(f"nvidia-nccl-{cuda}; sys_platform == 'never'" for cuda in ("cu12", "cu13"))
LOADS_THEM = "torch"  # its wheel for such cards imports nothing without them, on any machine
# What may be otherwise without the date: the index may have got a package after the model was
# logged, or may not say when.
DATE_FAILURES = ("no_such_version", "no_such_package", "no_wheel", "conflict")
log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Resolution:
    """Exact versions for one Python on one platform."""

    lock: str
    python: str
    platform: str
    notes: tuple[str, ...] = ()

    @property
    def hash(self) -> str:
        """Names the folder: what has the same lock, Python and platform shares it."""
        text = json.dumps([self.lock, self.python, self.platform])
        return hashlib.sha256(text.encode()).hexdigest()[:16]

    @property
    def packages(self) -> int:
        """How many packages it has."""
        return len(self.lock.splitlines())


def requirements_of(request: EnvironmentRequest) -> RequirementList:
    """The requirements of a request as they are resolved.

    Raises EnvironmentFailure for unreadable lines and for packages that only conda has.
    """
    if request.conda and request.kind in ("locked", "verbatim"):
        named = ", ".join(request.conda[:5])
        raise EnvironmentFailure(f"uv does not install conda packages: {named}.", kind="conda_only")
    requirements = read_requirements(request.requirements)
    return needed(requirements, request.imports) if request.kind == "locked" else requirements


def resolve(
    uv: Uv,
    request: EnvironmentRequest,
    interpreter: Interpreter,
    *,
    wheels: str = "",
    tick: Tick | None = None,
) -> Resolution:
    """Resolve a request for an interpreter; with `wheels`, from a folder of wheels alone.

    Raises EnvironmentFailure.
    """
    requirements = requirements_of(request)
    lines = with_runner(requirements.lines)
    with tempfile.TemporaryDirectory(prefix="pilothouse-resolve-") as folder:
        overrides = Path(folder) / "overrides.txt"
        overrides.write_text("\n".join(OVERRIDES), encoding="utf-8")
        arguments = [
            *("pip", "compile", "-", "--python", str(interpreter.path)),
            *("--python-version", interpreter.minor, "--only-binary", ":all:"),
            *("--no-header", "--no-annotate", *wheel_arguments(wheels)),
        ]
        text = "\n".join(lines)
        date = None if wheels else request.logged_at
        lock, note = _compile(uv, [*arguments, "--override", str(overrides)], text, date, tick)
        if _names(lock, LOADS_THEM):  # whether it does is known once everything is resolved
            lock, note = _compile(uv, arguments, text, date, tick)
    return Resolution(
        lock=_sorted_lock(lock),
        python=interpreter.minor,
        platform=interpreter.platform,
        notes=(*requirements.notes, *((note,) if note else ())),
    )


def wheel_arguments(wheels: str) -> tuple[str, ...]:
    """What makes uv take packages from a folder alone. Raises EnvironmentFailure without it."""
    if not wheels:
        return ()
    if not Path(wheels).is_dir():
        hint = "Correct PILOTHOUSE_ENVIRONMENT_WHEELS."
        raise EnvironmentFailure(f"the folder of wheels {wheels} is missing.", hint=hint)
    return ("--no-index", "--find-links", wheels)


def _compile(
    uv: Uv, arguments: list[str], text: str, date: datetime | None, tick: Tick | None
) -> tuple[str, str]:
    """The lock and a note. What cannot be resolved at the model's date is tried without it."""
    if date is None:
        return uv.run(arguments, text=text, tick=tick).result, ""
    instant = date.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    try:
        output = uv.run([*arguments, "--exclude-newer", instant], text=text, tick=tick)
    except EnvironmentFailure as refused:
        if refused.kind not in DATE_FAILURES:
            raise
        log.info("not to be resolved at %s; trying without the date", instant)
        try:
            lock = uv.run(arguments, text=text, tick=tick).result
        except EnvironmentFailure as without:
            raise without from refused
        return lock, (
            f"Versions are the newest that fit, not those of {instant[:10]}: the package index "
            f"did not have all of them at that date, or does not say when they were uploaded."
        )
    note = ""
    if NO_DATES in output.messages:
        note = "Files of which the package index does not say when they were uploaded are not used."
    return output.result, note


def _names(lock: str, package: str) -> bool:
    """Whether a lock has a package."""
    return any(line.partition("==")[0].strip() == package for line in lock.splitlines())


def _sorted_lock(text: str) -> str:
    """Lines in one order, so that equal locks have equal hashes."""
    lines = (line.strip() for line in text.splitlines())
    return "\n".join(sorted(line for line in lines if line and not line.startswith("#")))
