"""What the job of an environment does in child processes: resolve, build, remove what is unused."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from sqlmodel import select

from pilothouse.environments import building, folders, states
from pilothouse.environments.failure import EnvironmentFailure
from pilothouse.environments.interpreters import (
    find_interpreter,
    inspect_interpreter,
    installed_packages,
)
from pilothouse.environments.locations import program
from pilothouse.environments.request import NEWEST, OLDEST, EnvironmentRequest
from pilothouse.environments.requests import require
from pilothouse.environments.requirement_lines import unmet, with_runner
from pilothouse.environments.resolution import Resolution, requirements_of, resolve
from pilothouse.environments.tables import RESOLVING, ModelEnvironment
from pilothouse.environments.uv import Uv
from pilothouse.jobs import Progress
from pilothouse.storage import Store


def resolve_environment(
    store: Store, progress: Progress, *, environment: str, rebuild: bool = False
) -> dict[str, Any]:
    """Resolve the request of an environment; the id of the environment that has the result.

    One that is built already is not resolved again, unless it is to be rebuilt.
    """
    with store.read() as session:
        row = require(session, environment)
        requested = EnvironmentRequest.from_json(row.request)
        path, old = program(store, row), row.hash
        if path is not None and path.exists() and not rebuild:
            return {"environment": row.id}
        name = row.id

    with states.recorded_failure(store, name):
        states.set_state(store, name, RESOLVING)
        if store.settings.environment_interpreter and requested.kind in ("locked", "verbatim"):
            interpreter = Path(store.settings.environment_interpreter)
            return _use_installed(store, name, requested, interpreter, "named")
        if requested.kind == "house":
            return _use_installed(store, name, requested, Path(sys.executable), "house")
        if requested.kind == "named":
            return _use_installed(store, name, requested, Path(requested.interpreter), "named")
        result = _resolve(store, progress, name, requested)
        _remove_replaced(store, old)
        return result


def build_environment(
    store: Store, progress: Progress, *, environment: str, rebuild: bool = False
) -> dict[str, Any]:
    """Build a resolved environment, unless it is there; the same id."""
    with store.read() as session:
        row = require(session, environment)
        name, path = row.id, program(store, row)
        is_there = path is not None and path.exists() and not (rebuild and row.hash)
        resolution = Resolution(row.lock, row.python, row.platform, tuple(row.notes))
        base = Path(row.interpreter)
    if is_there:
        return {"environment": name}

    with states.recorded_failure(store, name):
        uv = Uv(store, folders.cache(store))
        size = building.build(store, uv, resolution, base, progress, anew=rebuild)
        states.set_built(store, name, size)
    return {"environment": name, "packages": resolution.packages, "bytes": size.bytes}


def _resolve(
    store: Store, progress: Progress, name: str, requested: EnvironmentRequest
) -> dict[str, Any]:
    if not requested.is_supported:
        oldest, newest = (".".join(map(str, version)) for version in (OLDEST, NEWEST))
        raise EnvironmentFailure(
            f"the model needs Python {requested.minor}; models run on {oldest} to {newest}.",
            kind="unsupported_python",
        )
    requirements_of(requested)  # unreadable lines are reported before anything is looked for
    uv = Uv(store, folders.cache(store))
    interpreter = find_interpreter(store, uv, requested.minor)
    resolution = resolve(
        uv,
        requested,
        interpreter,
        wheels=store.settings.environment_wheels,
        tick=lambda: progress(0.5, "resolving the requirements"),
    )
    return {"environment": states.set_resolved(store, name, resolution, interpreter)}


def _remove_replaced(store: Store, old: str | None) -> None:
    """Remove the folder of the hash that an environment had before, when no other one has it."""
    if old is None:
        return
    with store.read() as session:
        query = select(ModelEnvironment.id).where(ModelEnvironment.hash == old)
        if session.exec(query).first() is not None:
            return
    with folders.locked(store, old):
        folders.remove(store, old)


def _use_installed(
    store: Store, name: str, requested: EnvironmentRequest, path: Path, kind: str
) -> dict[str, Any]:
    """Use an interpreter as it is, if it has what is required.

    Raises EnvironmentFailure for what it lacks. Other versions are noted: whether the model answers
    with them is what its check says.
    """
    requirements = requirements_of(requested)
    interpreter, installed = inspect_interpreter(path), installed_packages(path)
    absent, differing = unmet(with_runner(requirements.lines), installed, interpreter.markers)
    if absent:
        raise EnvironmentFailure(
            f"{_name(path, kind)} has no {', '.join(absent)}.", kind="bad_interpreter"
        )
    notes = [*requirements.notes]
    if differing:
        notes.append(f"Installed in other versions than required: {', '.join(differing)}.")
    states.set_built(
        store,
        name,
        None,
        kind=kind,
        interpreter=str(path),
        python=interpreter.minor,
        platform=interpreter.platform,
        packages=len(installed),
        lock="\n".join(f"{n}=={version}" for n, version in sorted(installed.items())),
        notes=notes,
    )
    return {"environment": name}


def _name(path: Path, kind: str) -> str:
    return "Pilothouse's own environment" if kind == "house" else str(path)
