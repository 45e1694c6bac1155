"""Models that a run's program logged: folders of the run, and logged models of its own."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlmodel import Session, col, select

from pilothouse.experiments import lifecycle
from pilothouse.experiments.tables import File, LoggedModel, RunArtifact
from pilothouse.kit.errors import Conflict, Invalid
from pilothouse.registry import external_versions, versions
from pilothouse.registry.external_versions import MODEL_FILE
from pilothouse.registry.versions import Origin, VersionSource, metrics_of_run
from pilothouse.storage import Store

RUNNING = "running"


@dataclass(frozen=True)
class LoggedFolder:
    """A folder that holds a model: of a run, or a logged model.

    `name` is what people choose by, `address` where a client of the run's tracker has it.
    """

    name: str
    address: str
    run: str
    files: tuple[Mapping[str, Any], ...]
    depends_on: tuple[tuple[str, str | None], ...]
    logged_model: str = ""


def folders_of_run(session: Session, run_id: str) -> tuple[LoggedFolder, ...]:
    """Every model that a run's program logged, by name. Raises NotFound without the run."""
    lifecycle.require(session, run_id)
    query = select(RunArtifact).where(col(RunArtifact.run_id) == run_id)
    artifacts = session.exec(query.order_by(col(RunArtifact.path))).all()
    tops = [a.path.removesuffix(MODEL_FILE) for a in artifacts if _is_model_file(a.path)]
    own = [_of_run(run_id, top.rstrip("/"), artifacts) for top in tops]
    models = select(LoggedModel).where(
        col(LoggedModel.run_id) == run_id, col(LoggedModel.archived_at).is_(None)
    )
    logged = [_of_model(session, row) for row in session.exec(models.order_by(col(LoggedModel.id)))]
    return tuple(sorted([*own, *(f for f in logged if f.files)], key=lambda f: f.name))


def _is_model_file(path: str) -> bool:
    return path.rpartition("/")[2] == MODEL_FILE


def _of_run(run_id: str, folder: str, artifacts: Any) -> LoggedFolder:
    address = f"runs:/{run_id}/{folder}".rstrip("/")
    files = _below(folder, artifacts)
    return LoggedFolder(folder or "/", address, run_id, files, ((run_id, folder),))


def _of_model(session: Session, model: LoggedModel) -> LoggedFolder:
    name, address = f"{model.name} ({model.id})", f"models:/{model.id}"
    files = files_of_model(session, model.id)
    return LoggedFolder(name, address, model.run_id, files, ((model.id, ""),), model.id)


def files_of_run(session: Session, run_id: str, folder: str = "") -> tuple[Mapping[str, Any], ...]:
    """The files below a folder of a run: `path`, `sha256`, and the number of `bytes`."""
    rows = session.exec(select(RunArtifact).where(col(RunArtifact.run_id) == run_id)).all()
    return _below(folder, rows)


def files_of_model(
    session: Session, model_id: str, folder: str = ""
) -> tuple[Mapping[str, Any], ...]:
    """The files below a folder of a logged model, as `files_of_run` lists them."""
    rows = session.exec(select(File).where(col(File.root) == model_id)).all()
    return _below(folder, rows)


def _below(folder: str, rows: Any) -> tuple[Mapping[str, Any], ...]:
    top = f"{folder}/" if folder else ""
    return tuple(
        {"path": row.path.removeprefix(top), "sha256": row.digest, "bytes": row.size}
        for row in sorted(rows, key=lambda row: row.path)
        if row.path.startswith(top)
    )


def find(session: Session, run_id: str, name: str = "") -> LoggedFolder | None:
    """The folder of that name or address, or the only one; None to take the run's own model.

    Raises NotFound without the run, Conflict while it runs, Invalid when there is no such folder,
    or several and no name.
    """
    run = lifecycle.require(session, run_id)
    if not name and versions.has_own_model(session, run_id):
        return None
    folders = folders_of_run(session, run_id)
    if not name and not folders:
        return None
    if run.status == RUNNING:
        raise Conflict(f"run {run.name!r} is running; register its model when it has ended.")
    fitting = [f for f in folders if not name or name in (f.name, f.address, f.logged_model)]
    if len(fitting) == 1:
        return fitting[0]
    listed = ", ".join(f.name for f in folders) or "none"
    message = f"has no model {name!r}" if name else f"has {len(folders)} models"
    raise Invalid(
        f"run {run.name!r} {message}.", hint=f"Its models: {listed}.", fields={"folder": message}
    )


def version_source(session: Session, store: Store, folder: LoggedFolder) -> VersionSource:
    """The content of a version that is made of a logged folder."""
    origin = Origin(
        source=folder.address,
        location=folder.address,
        run=folder.run,
        logged_model=folder.logged_model,
    )
    return external_versions.version_source(
        store,
        folder.files,
        origin,
        f"logged model: {folder.address}",
        metrics_of_run(session, folder.run),
        run=folder.run or None,
        depends_on=folder.depends_on,
    )
