"""The source of a model version: resolved to files here, or refused.

A source must be inside the run or the logged model that the request names: otherwise whoever may
register a version could read any file through it.
"""

from __future__ import annotations

import re
from urllib.parse import unquote

from sqlmodel import Session

from pilothouse.experiments import late_writes
from pilothouse.experiments.tables import LoggedModel, Run
from pilothouse.interop.mlflow import logged_models, omitted, run_serialisation
from pilothouse.interop.mlflow.errors import absent, invalid
from pilothouse.interop.mlflow.experiments import join_location
from pilothouse.interop.model_source import ModelSource
from pilothouse.registry.logged_folders import files_of_model, files_of_run
from pilothouse.registry.tables import Alias, ModelVersion, ModelVersionOrigin

SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*):(.*)", re.DOTALL)
ARTIFACT_SCHEME = "mlflow-artifacts"
HOSTS = ("http", "https", "ftp", "sftp")
# What clients write in place of a source when they register a prompt.
PROMPTS = ("dummy-source", "prompt-template")
PLAIN = ("runs", "models", ARTIFACT_SCHEME)  # a query or a fragment means nothing in these
RUNS = re.compile(r"/+([^/]+)(?:/(.*))?")
REGISTERED = re.compile(r"/+([^/@]+)(?:/(\d+)|@([^/]+))/?")
MAX_UNQUOTINGS = 10


def resolve(session: Session, source: str, run_id: str, model_id: str) -> ModelSource:
    """Resolve a source. Raises the protocol's error when it is not allowed."""
    match = SCHEME.fullmatch(source)
    if source in PROMPTS:
        raise invalid(omitted.PROMPTS)
    if match is None or match[1].lower() == "file" or len(match[1]) == 1:
        raise _local_path(source)
    scheme, path = match[1].lower(), match[2]
    if escapes_root(path) or not path.strip("/"):
        raise _not_absolute(source)
    if scheme in (*PLAIN, *HOSTS) and ("?" in path or "#" in path):
        raise _not_absolute(source)
    if scheme == "runs":
        return _of_run(session, source, path, run_id)
    if scheme == "models":
        return _of_model(session, source, path, run_id, model_id)
    if scheme == ARTIFACT_SCHEME:
        return _of_location(session, source, run_id, model_id)
    return _external(source, scheme, path, run_id, model_id)


def escapes_root(path: str) -> bool:
    """Whether the path, fully unquoted, leads above its root."""
    for _ in range(MAX_UNQUOTINGS):
        plain = unquote(path)
        if plain == path:
            return ".." in re.split(r"[/\\]", path) or "\0" in path
        path = plain
    return True


def _of_run(session: Session, source: str, path: str, run_id: str) -> ModelSource:
    parts = RUNS.fullmatch(path)
    if parts is None:
        raise _wrong_owner(source, "run_id")
    run = session.get(Run, parts[1])
    if run is None and session.get(Run, run_id) is None:
        # Both are runs of another server: there are no files here that this could expose.
        return ModelSource(source, source, run_id)
    if run is None or run.id != run_id:
        raise _wrong_owner(source, "run_id")
    inside = (parts[2] or "").strip("/")
    location = _below(run_serialisation.root_of(session, run), inside)
    files, rests_on = files_of_run(session, run_id, inside), ((run_id, inside),)
    return ModelSource(source, location, run_id, files=files, rests_on=rests_on)


def _of_model(session: Session, source: str, path: str, run_id: str, model_id: str) -> ModelSource:
    parts = RUNS.fullmatch(path)
    registered = REGISTERED.fullmatch(path)
    if registered is not None:
        return _of_version(session, source, registered, run_id)
    if parts is None or parts[1] != model_id:
        raise _wrong_owner(source, "model_id")
    model = session.get(LoggedModel, model_id)
    if model is None or model.archived_at is not None:
        raise absent(f"Logged model with ID '{model_id}' not found.")
    inside = (parts[2] or "").strip("/")
    location = _below(logged_models.root_of(session, model), inside)
    files, rests_on = files_of_model(session, model_id, inside), ((model_id, inside),)
    return ModelSource(source, location, run_id or model.run_id, model_id, files, rests_on)


def _of_version(session: Session, source: str, match: re.Match[str], run_id: str) -> ModelSource:
    """A copy of a version: it rests on the same runs and logged models."""
    model, number = match[1], match[2]
    if number is None:
        alias = session.get(Alias, (model, match[3]))
        number = "0" if alias is None else str(alias.version)
    version = session.get(ModelVersion, (model, int(number)))
    if version is None:
        raise absent(f"Model Version (name={model}, version={number}) not found")
    origin_row = session.get(ModelVersionOrigin, (model, int(number)))
    rests_on = late_writes.held_sources(session, f"{model}@{number}")
    if origin_row is None:
        location, run = location_of(session, version, origin_row), run_id or version.run_id or ""
        return ModelSource(source, location, run, rests_on=rests_on)
    run = run_id or origin_row.run
    return ModelSource(source, origin_row.location, run, origin_row.logged_model, rests_on=rests_on)


def location_of(
    session: Session, version: ModelVersion, origin_row: ModelVersionOrigin | None
) -> str:
    """The artifact location of a version; of one that was trained here, below its run."""
    if origin_row is not None:
        return origin_row.location
    run = session.get(Run, version.run_id) if version.run_id else None
    return (
        _below(run_serialisation.root_of(session, run), "model") if run else version.import_source
    )


def _of_location(session: Session, source: str, run_id: str, model_id: str) -> ModelSource:
    run, model = session.get(Run, run_id), session.get(LoggedModel, model_id)
    if (
        run is not None
        and (inside := _inside(source, run_serialisation.root_of(session, run))) is not None
    ):
        files = files_of_run(session, run_id, inside)
        return ModelSource(source, source, run_id, files=files, rests_on=((run_id, inside),))
    if model is not None:
        inside = _inside(source, logged_models.root_of(session, model))
        if inside is not None:
            files, run_of = files_of_model(session, model_id, inside), run_id or model.run_id
            return ModelSource(source, source, run_of, model_id, files, ((model_id, inside),))
    raise _wrong_owner(source, "model_id" if model_id and not run_id else "run_id")


def _inside(source: str, root: str) -> str | None:
    """The rest of the source below a root, None when it is elsewhere."""
    plain = re.sub(r"^(mlflow-artifacts:)/+", r"\1/", source).rstrip("/")
    if plain == root:
        return ""
    return plain.removeprefix(root + "/") if plain.startswith(root + "/") else None


def _below(root: str, inside: str) -> str:
    return join_location(root, inside) if inside else root


def _external(source: str, scheme: str, path: str, run_id: str, model_id: str) -> ModelSource:
    """A location that this server never opens: it is stored for clients that do."""
    if scheme in HOSTS:
        raise invalid(
            f"'source' cannot use the '{scheme}' scheme: the '{scheme}' scheme addresses a host "
            "other than the tracking server's configured artifact storage, so the server would "
            "connect to the host named in the URI."
        )
    if path.startswith("//") and "/" not in re.split(r"[?#]", path)[0].strip("/"):
        raise _not_absolute(source)
    return ModelSource(source, source, run_id, model_id)


def _local_path(source: str) -> Exception:
    return invalid(
        f"Invalid model version source: '{source}'. To use a local path as a model version source, "
        "the run_id request parameter has to be specified and the local path has to be contained "
        "within the artifact directory of the run specified by the run_id."
    )


def _not_absolute(source: str) -> Exception:
    return invalid(
        f"Invalid model version source: '{source}'. If supplying a source as an http, https, local "
        "file path, ftp, objectstore, or mlflow-artifacts uri, an absolute path must be provided "
        "without relative path references present. Please provide an absolute path."
    )


def _wrong_owner(source: str, parameter: str) -> Exception:
    return invalid(
        f"Invalid model version source: '{source}'. The {parameter} request parameter must "
        "identify the resource that contains the source."
    )
