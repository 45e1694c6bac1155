"""The Python API of environments."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sqlmodel import Session, col, select

from pilothouse.environments import collection, folders, requests
from pilothouse.environments.failure import KINDS
from pilothouse.environments.info import (
    CollectedEnvironments,
    EnvironmentInfo,
    EnvironmentUseInfo,
    combined_state,
    use_state,
)
from pilothouse.environments.locations import interpreter_of, program
from pilothouse.environments.request import EnvironmentRequest
from pilothouse.environments.requests import Deployed
from pilothouse.environments.tables import (
    BUILT,
    CHECKING,
    FAILED,
    EnvironmentUse,
    ModelEnvironment,
)
from pilothouse.jobs.logs import read_log
from pilothouse.storage import Store
from pilothouse.storage.service import Service

if TYPE_CHECKING:
    import pandas as pd

COLUMNS = (
    *("id", "state", "kind", "python", "packages", "bytes", "own_bytes", "subjects"),
    *("failure", "message", "used_at", "built_at", "created_at", "created_by", "job"),
)
USE_COLUMNS = ("subject", "state", "failure", "message", "hint", "checked_at")
INTERRUPTED = "its job ended before it was built."


def _none_deployed(session: Session) -> Collection[str]:
    del session
    return ()


class Environments(Service):
    """Environments that models run in: resolved and built by uv, shared, removed when unused.

    A NAME is an environment's id, or a subject that runs in it, such as `churn@3`.
    """

    def __init__(self, store: Store, deployed: Deployed = _none_deployed) -> None:
        super().__init__(store)
        self._deployed = deployed

    def request(self, requested: EnvironmentRequest, subject: str = "") -> EnvironmentInfo:
        """Ask for an environment, for a subject such as `churn@3` or for none.

        One that was requested before is shared. A job builds it and checks the subject in it.
        """
        with self._store.write() as session:
            row = requests.request(session, self._store, requested, subject)
            return self._info(session, row, self._deployed(session))

    def request_files(
        self, files: Mapping[str, bytes], subject: str = "", **values: Any
    ) -> EnvironmentInfo:
        """Ask for the environment of requirements.txt, conda.yaml and python_env.yaml.

        `values` are fields of EnvironmentRequest that the files do not have, such as `logged_at`.
        """
        return self.request(EnvironmentRequest.from_files(files, **values), subject)

    def environments(self) -> pd.DataFrame:
        """Every environment, the newest first: a frame of `COLUMNS`."""
        import pandas as pd

        query = (
            select(ModelEnvironment)
            .where(col(ModelEnvironment.same_as).is_(None))
            .order_by(col(ModelEnvironment.created_at).desc(), col(ModelEnvironment.id))
        )
        with self._store.read() as session:
            deployed = self._deployed(session)
            infos = [self._info(session, row, deployed) for row in session.exec(query)]
        rows = [
            [", ".join(i.subjects) if c == "subjects" else getattr(i, c) for c in COLUMNS]
            for i in infos
        ]
        frame = pd.DataFrame(rows, columns=list(COLUMNS))
        for column in ("used_at", "built_at", "created_at"):
            frame[column] = pd.to_datetime(frame[column], utc=True)
        return frame

    def environment(self, name: str) -> EnvironmentInfo:
        """One environment. Raises NotFound."""
        with self._store.read() as session:
            row = requests.require(session, name)
            return self._info(session, row, self._deployed(session))

    def use(self, subject: str) -> EnvironmentUseInfo | None:
        """How a subject stands with its environment; None when it has requested none."""
        with self._store.read() as session:
            use = session.get(EnvironmentUse, subject)
            if use is None:
                return None
            row = requests.require(session, use.environment)
            return self._use_info(session, row, use)

    def uses(self, name: str) -> pd.DataFrame:
        """What runs in an environment: a frame of `USE_COLUMNS`. Raises NotFound."""
        import pandas as pd

        with self._store.read() as session:
            row = requests.require(session, name)
            infos = [self._use_info(session, row, use) for use in requests.uses_of(session, row.id)]
        rows = [[getattr(info, column) for column in USE_COLUMNS] for info in infos]
        frame = pd.DataFrame(rows, columns=list(USE_COLUMNS))
        frame["checked_at"] = pd.to_datetime(frame["checked_at"], utc=True)
        return frame

    def interpreter(self, name: str) -> Path:
        """The Python that runs in an environment, which counts as used now.

        Raises NotFound, and Unavailable when it is not built or its folder is gone.
        """
        return interpreter_of(self._store, name)

    def log(self, name: str, lines: int = 200) -> str:
        """The last lines of the log of its newest build. Raises NotFound."""
        job = self.environment(name).job
        return read_log(self._store, job, lines) if job else ""

    def rebuild(self, name: str, reason: str = "") -> EnvironmentInfo:
        """Resolve and build an environment anew, and check what runs in it.

        Raises NotFound, and Conflict while it is being built or a deployment uses it.
        """
        with self._store.write() as session:
            row = requests.rebuild(session, self._store, name, self._deployed, reason)
            return self._info(session, row, self._deployed(session))

    def remove(self, name: str, reason: str = "") -> str:
        """Remove an environment with its folder; what ran in it has none afterwards. Its id.

        Raises NotFound, and Conflict while it is being built or a deployment uses it.
        """
        with self._store.write() as session:
            row = requests.remove(session, self._store, name, self._deployed, reason)
            folder, identity = row.hash, row.id
        if folder is not None:
            with folders.locked(self._store, folder):
                folders.remove(self._store, folder)
        return identity

    def collect(self, limit_mb: int | None = None, reason: str = "") -> CollectedEnvironments:
        """Remove the environments that were used longest ago, until all take at most `limit_mb`.

        Without it the limit is the setting `environments_max_mb`. Never removed is one that a
        deployment uses, that is being built, or that was used within the last hour. The lock of a
        removed one is kept, so that it can be built again.
        """
        limit = self._store.settings.environments_max_mb if limit_mb is None else limit_mb
        return collection.collect(
            self._store, self._deployed, limit_bytes=limit << 20, reason=reason
        )

    def disk_bytes(self) -> int:
        """What all environments and their cache take on the disk, each file once."""
        return folders.disk_bytes(self._store)

    def _info(
        self, session: Session, row: ModelEnvironment, deployed: Collection[str]
    ) -> EnvironmentInfo:
        uses = requests.uses_of(session, row.id)
        subjects = tuple(use.subject for use in uses)
        failure, message, hint, state = row.failure, row.message, row.hint, row.state
        if requests.is_lost(session, row):
            state, failure, message = FAILED, "interrupted", INTERRUPTED
            hint = KINDS[failure].hint
        state = combined_state(state, [_checked_state(session, use) for use in uses])
        if state == FAILED and row.state == BUILT:  # built, but a model does not run in it
            failed = next(use for use in uses if _checked_state(session, use) == FAILED)
            failure, hint = failed.failure, failed.hint
            message = f"{failed.subject}: {failed.message}"
        return EnvironmentInfo(
            id=row.id,
            hash=row.hash or "",
            kind=row.kind,
            python=row.python,
            platform=row.platform,
            interpreter=program(self._store, row),
            requirements=tuple(row.request["requirements"]),
            logged_at=EnvironmentRequest.from_json(row.request).logged_at,
            lock=row.lock,
            packages=row.packages,
            bytes=row.bytes,
            own_bytes=row.own_bytes,
            state=state,
            failure=failure,
            message=message,
            hint=hint,
            notes=tuple(row.notes),
            job=row.job,
            subjects=subjects,
            deployed=tuple(sorted(set(subjects) & set(deployed))),
            created_at=row.created_at,
            created_by=row.created_by,
            built_at=row.built_at,
            used_at=row.used_at,
            request=row.request,
        )

    def _use_info(
        self, session: Session, row: ModelEnvironment, use: EnvironmentUse
    ) -> EnvironmentUseInfo:
        state = use_state(row.state, _checked_state(session, use))
        source: ModelEnvironment | EnvironmentUse = use if row.state == BUILT else row
        failure, message, hint = source.failure, source.message, source.hint
        if requests.is_lost(session, row):
            state, failure, message = FAILED, "interrupted", INTERRUPTED
            hint = KINDS[failure].hint
        elif state == FAILED and not failure:
            failure, message, hint = "interrupted", INTERRUPTED, KINDS["interrupted"].hint
        return EnvironmentUseInfo(
            subject=use.subject,
            environment=row.id,
            state=state,
            failure=failure,
            message=message,
            hint=hint,
            interpreter=program(self._store, row),
            checked_at=use.checked_at,
        )


def _checked_state(session: Session, use: EnvironmentUse) -> str:
    """The state of a use; a check whose job ended without a result has failed."""
    if use.state == CHECKING and requests.job_has_ended(session, use.job):
        return FAILED
    return use.state
