"""Artifacts over the protocol: listed as JSON, read and written as streams of bytes."""

from __future__ import annotations

import asyncio
import mimetypes
import re
import tempfile
from collections.abc import Callable
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import quote

from sqlmodel import Session, col, select

from pilothouse.experiments.files.writes import StoredFile
from pilothouse.interop.mlflow import artifact_paths, logged_models, run_serialisation, sources
from pilothouse.interop.mlflow.artifact_paths import MODEL, RUN, ArtifactLocation
from pilothouse.interop.mlflow.errors import invalid
from pilothouse.interop.mlflow.ingest import WriteQueue
from pilothouse.interop.mlflow.request_fields import Fields
from pilothouse.interop.mlflow.routing import Call, Route, read_route
from pilothouse.interop.mlflow.runs import run_id_of
from pilothouse.interop.mlflow.version_serialisation import find_version
from pilothouse.kit.asgi import Receive, Scope, Send, read_body
from pilothouse.kit.errors import Invalid, TooLarge
from pilothouse.registry.tables import ModelVersionOrigin
from pilothouse.storage import Store

IN_MEMORY = 1 << 20
CHUNK_SIZE = 1 << 18
MAX_SMALL = 10 << 20
TOKEN = re.compile(r"[\w!#$%&'*+.^`|~-]+", re.ASCII)
CONTENT_TYPES = {"mlmodel": "text/plain", "mlproject": "text/plain"}
INLINE = ("text/plain", "application/json", "image/png", "image/jpeg", "image/gif", "text/csv")
Json = dict[str, Any]
Locate = Callable[[Session], ArtifactLocation]


def _list_of_run(call: Call) -> Json:
    run = run_serialisation.find(call.session, run_id_of(call.fields))
    inside = artifact_paths.clean(call.fields.text("path"))
    files = artifact_paths.below(call.session, ArtifactLocation(RUN, run.id, inside))
    return _listed(run_serialisation.root_of(call.session, run), files, inside)


def _list_of_model(call: Call) -> Json:
    model = logged_models.find(call.session, call.fields.required("model_id"))
    inside = artifact_paths.clean(call.fields.text("artifact_directory_path"))
    files = artifact_paths.below(call.session, ArtifactLocation(MODEL, model.id, inside))
    return _listed(logged_models.root_of(call.session, model), files, inside)


def _listed(root: str, stored: list[StoredFile], inside: str) -> Json:
    files = artifact_paths.listing(stored, inside, relative=False)
    return {"root_uri": root} | ({"files": files} if files else {})


def list_folder(session: Session, path: str) -> Json:
    """What is in a folder below the artifact root, by name."""
    location = artifact_paths.locate(session, path)
    files = artifact_paths.listing(
        artifact_paths.below(session, location), location.inside, relative=True
    )
    return {"files": files} if files else {}


def of_run(fields: Fields) -> Locate:
    """The file that `get-artifact` asks for."""

    def locate(session: Session) -> ArtifactLocation:
        run = run_serialisation.find(session, run_id_of(fields))
        path = artifact_paths.clean(fields.required("path"))
        return ArtifactLocation(RUN, run.id, path, path)

    return locate


def of_model(model_id: str, fields: Fields) -> Locate:
    """A file of a logged model."""

    def locate(session: Session) -> ArtifactLocation:
        model = logged_models.find(session, model_id)
        path = artifact_paths.clean(fields.required("artifact_file_path"))
        return ArtifactLocation(MODEL, model.id, path, path)

    return locate


def of_version(fields: Fields) -> Locate:
    """The file of a model version that `model-versions/get-artifact` asks for."""

    def locate(session: Session) -> ArtifactLocation:
        path = artifact_paths.clean(fields.required("path"))
        version = find_version(session, fields.required("name"), fields.required("version"))
        query = select(ModelVersionOrigin).where(
            col(ModelVersionOrigin.model) == version.model,
            col(ModelVersionOrigin.version) == version.version,
        )
        location = sources.location_of(session, version, session.exec(query).first())
        scheme, _, root = location.partition(":")
        if scheme != sources.ARTIFACT_SCHEME:
            raise invalid(f"The files of this version are not kept here, but at {location}.")
        return artifact_paths.locate(session, f"{root.lstrip('/')}/{path}")

    return locate


def at(path: str) -> Locate:
    """The file at a path below the artifact root."""
    return lambda session: artifact_paths.locate(session, path)


async def send_file(store: Store, locate: Locate, send: Send) -> None:
    """Stream a file out, as an attachment that no browser runs."""
    file, path = await asyncio.to_thread(_opened, store, locate)
    await send({"type": "http.response.start", "status": 200, "headers": _headers(file)})
    with path.open("rb") as source:
        left = file.size
        while left > 0 and (piece := await asyncio.to_thread(source.read, CHUNK_SIZE)):
            left -= len(piece)
            await send({"type": "http.response.body", "body": piece, "more_body": left > 0})
    if file.size == 0:
        await send({"type": "http.response.body", "body": b""})


def _opened(store: Store, locate: Locate) -> tuple[StoredFile, Path]:
    with store.read() as session:
        file = artifact_paths.find(session, locate(session))
    return file, store.artifacts.local_path(file.digest)


def _headers(file: StoredFile) -> list[tuple[bytes, bytes]]:
    name = PurePosixPath(file.path).name
    guessed = mimetypes.guess_type(name)[0] or CONTENT_TYPES.get(
        name.lower(), "application/octet-stream"
    )
    plain = "".join(c if c.isascii() and c.isprintable() and c not in '"\\' else "_" for c in name)
    quoted = name if TOKEN.fullmatch(name) else f'"{plain}"'
    held = f"attachment; filename={quoted}"
    if plain != name:  # RFC 6266: the name in full, for those who read it
        held += f"; filename*=UTF-8''{quote(name, safe='')}"
    kind = guessed if guessed in INLINE or not guessed.startswith("text/") else "text/plain"
    return [
        (b"content-type", kind.encode()),
        (b"content-length", str(file.size).encode()),
        (b"content-disposition", held.encode()),
        (b"x-content-type-options", b"nosniff"),
        (b"content-security-policy", b"sandbox; default-src 'none'"),
    ]


async def receive_file(
    store: Store, ingest: WriteQueue, path: str, scope: Scope, receive: Receive
) -> None:
    """Receive a file, store it by content, and record it once it is complete."""
    artifact_paths.clean(path)
    with tempfile.SpooledTemporaryFile(max_size=IN_MEMORY) as body:
        size = await _receive(body, receive, store.settings.max_artifact_mb << 20)
        digest = await asyncio.to_thread(_put, store, body)

    def name(session: Session) -> None:
        artifact_paths.store_file(
            session, store, artifact_paths.locate(session, path), digest, size
        )

    await asyncio.wrap_future(ingest.submit(name))


async def receive_small(
    store: Store,
    ingest: WriteQueue,
    fields: Fields,
    scope: Scope,
    receive: Receive,
    grow: Callable[[int], None],
) -> None:
    """Receive a small file of a run, which the query names."""
    run_id, path = fields.text("run_uuid"), fields.text("path")
    for field, value in (("run_uuid", run_id), ("path", path)):
        if not value:
            raise invalid(f"Request must specify {field}.")
    inside = artifact_paths.clean(path)
    try:
        body = await read_body(scope, receive, MAX_SMALL, grow)
    except TooLarge:
        raise invalid("Artifact size is too large. Max size is 10MB.") from None
    if not body:
        raise invalid("Request must specify data.")
    digest = await asyncio.to_thread(store.artifacts.put_bytes, body)

    def name(session: Session) -> None:
        run = run_serialisation.find(session, run_id)
        artifact_paths.store_file(
            session, store, ArtifactLocation(RUN, run.id, inside, inside), digest, len(body)
        )

    await asyncio.wrap_future(ingest.submit(name))


async def _receive(body: Any, receive: Receive, limit: int) -> int:
    size = 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise Invalid("the caller hung up.")
        piece = message.get("body", b"")
        size += len(piece)
        if size > limit:
            raise TooLarge(f"the file is larger than {limit >> 20} MB.")
        body.write(piece)
        if not message.get("more_body", False):
            return size


def _put(store: Store, body: Any) -> str:
    body.seek(0)
    return store.artifacts.put_stream(body)


ROUTES: tuple[Route, ...] = (
    read_route("artifacts/list", _list_of_run),
    read_route("logged-models/{model_id}/artifacts/directories", _list_of_model),
)
