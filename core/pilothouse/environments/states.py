"""The states that a build goes through, written by its job."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sqlmodel import Session, select

from pilothouse.activity import record
from pilothouse.environments.failure import KINDS, EnvironmentFailure
from pilothouse.environments.folders import FolderSize
from pilothouse.environments.interpreters import Interpreter
from pilothouse.environments.requests import KIND, fail, job_has_ended, require, uses_of
from pilothouse.environments.resolution import Resolution
from pilothouse.environments.tables import BUILDING, BUILT, IN_PROGRESS, ModelEnvironment
from pilothouse.kit.errors import Cancelled, PilothouseError
from pilothouse.kit.io_errors import FULL, to_unavailable
from pilothouse.storage import Store


@contextmanager
def recorded_failure(store: Store, environment: str) -> Iterator[None]:
    """Write the failure of this part of a build into the environment's row, and raise it again."""
    try:
        yield
    except Cancelled:
        set_failed(store, environment, "interrupted", "the build was cancelled.")
        raise
    except EnvironmentFailure as failure:
        set_failed(store, environment, failure.kind, failure.message, failure.hint)
        raise
    except (PilothouseError, OSError) as broken:
        set_failed(store, environment, *_broken(broken))
        raise


def _broken(error: BaseException) -> tuple[str, str, str]:
    """Kind, message and hint of an error that is not of the environment itself."""
    refused = error if isinstance(error, PilothouseError) else to_unavailable(error)
    if refused is None:
        return "other", f"{type(error).__name__}: {error}", KINDS["other"].hint
    kind = "disk_full" if refused.message == FULL[0] else "other"
    return kind, refused.message, refused.hint


def set_failed(store: Store, environment: str, kind: str, message: str, hint: str = "") -> None:
    """Write a failure, unless the environment has been built by another job meanwhile."""
    with store.write() as session:
        row = require(session, environment)
        if row.state not in IN_PROGRESS:
            return
        fail(row, kind, message, hint or KINDS[kind].hint)
        row.updated_at = store.now()
        session.add(row)
        after = {"failure": kind, "message": message}
        record(session, store, "failed", KIND, row.id, after=after)


def set_state(store: Store, environment: str, state: str, **values: Any) -> None:
    """Write a state of a build that goes on."""
    with store.write() as session:
        row = require(session, environment)
        row.state, row.failure, row.message, row.hint = state, "", "", ""
        for name, value in values.items():
            setattr(row, name, value)
        row.updated_at = store.now()
        session.add(row)


def set_resolved(
    store: Store, environment: str, resolution: Resolution, interpreter: Interpreter
) -> str:
    """Write the lock; the id of the environment that has its hash, which may be another one.

    What was requested under this id uses that one from now on.
    """
    with store.write() as session:
        row = require(session, environment)
        query = select(ModelEnvironment).where(ModelEnvironment.hash == resolution.hash)
        first = session.exec(query).first()
        if first is not None and first.id != row.id:
            _join(session, store, row, first)
            return first.id

        row.kind = row.request["kind"]  # one that was installed elsewhere may be built anew
        row.hash, row.lock, row.packages = resolution.hash, resolution.lock, resolution.packages
        row.python, row.platform = resolution.python, resolution.platform
        row.interpreter, row.notes = str(interpreter.path), list(resolution.notes)
        if row.state != BUILT:
            row.state, row.updated_at = BUILDING, store.now()
        session.add(row)
        return row.id


def _join(session: Session, store: Store, row: ModelEnvironment, first: ModelEnvironment) -> None:
    """Make a row another name of the one that has the folder, with all that uses it."""
    for use in uses_of(session, row.id):
        use.environment = first.id
        session.add(use)
    for other in session.exec(select(ModelEnvironment).where(ModelEnvironment.same_as == row.id)):
        other.same_as = first.id
        session.add(other)
    if first.state != BUILT and job_has_ended(session, first.job):
        first.state, first.job, first.updated_at = BUILDING, row.job, store.now()
        first.failure = first.message = first.hint = ""
        session.add(first)
    row.same_as, row.hash, row.updated_at = first.id, None, store.now()
    session.add(row)


def set_built(store: Store, environment: str, size: FolderSize | None, **values: Any) -> None:
    """Write that an environment is whole; `size` of one that Pilothouse has built."""
    with store.write() as session:
        row = require(session, environment)
        was_built = row.state == BUILT
        row.state, row.failure, row.message, row.hint = BUILT, "", "", ""
        if size is not None:
            row.bytes, row.own_bytes = size.bytes, size.own_bytes
        for name, value in values.items():
            setattr(row, name, value)
        row.updated_at = row.used_at = store.now()
        row.built_at = row.built_at if was_built else store.now()
        session.add(row)
        if not was_built:
            after = {"python": row.python, "packages": row.packages, "bytes": row.bytes}
            record(session, store, "built", KIND, row.id, after=after)
