"""For tests of model formats: a folder of files as a package, and its model in a model process."""

from __future__ import annotations

import hashlib
import os
import subprocess
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import orjson

from harness.serving import wait_for
from pilothouse.deployments.controller.model_processes import ReplicaPaths
from pilothouse.deployments.model_server.framing import PREDICT, STATE, SUCCESS, request
from pilothouse.deployments.model_server.server import Launch
from pilothouse.deployments.model_server.start import start_command
from pilothouse.models.mlmodel_package import package_of_files, read_mlmodel
from pilothouse.models.package import ModelPackage
from pilothouse.models.signature import Signature


def package_of(folder: Path) -> ModelPackage:
    """The package of a folder's files."""
    paths = sorted(path for path in folder.rglob("*") if path.is_file())
    files = {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in paths
    }

    def read_file(path: str) -> bytes:
        return (folder / path).read_bytes()

    return package_of_files(files, read_file, read_mlmodel(files, read_file))


def launch_of(
    folder: Path, signature: Signature, *, approved: bool = False, **changes: Any
) -> Launch:
    """A launch of the model in a folder."""
    package = changes.pop("package", None) or package_of(folder)
    content: dict[str, Any] = {
        "deployment": "trial",
        "model": "odd",
        "version": 1,
        "artifact": "",
        "digest": "",
        "socket": "",
        "signature": signature.to_json(),
        "example": [],
        "folder": str(folder),
        "package": package.to_json(),
        "approved": approved,
        "deadline_seconds": 120.0,
    }
    return Launch(**content | changes)


class ModelProcess:
    """A ready model process."""

    def __init__(self, socket: str) -> None:
        self._socket = socket

    def predict(self, columns: list[list[Any]]) -> list[list[Any]]:
        """Raw rows, as the process answers them."""
        body = orjson.dumps({"rows": len(columns[0]), "columns": columns})
        answer = request(self._socket, PREDICT + body, 60.0)
        assert answer[:1] == SUCCESS, answer
        rows: list[list[Any]] = orjson.loads(answer[1:])
        return rows


@contextmanager
def model_process(folder: Path, launch: Launch) -> Iterator[ModelProcess]:
    """The process of a launch, with its files in `folder`; it is ended afterwards."""
    token = uuid.uuid4().hex
    socket = ReplicaPaths(folder / "run", folder / "logs").socket(token)
    launch = Launch(**{**vars(launch), "socket": socket})
    command = start_command(launch, folder / f"{token}.json", "--token", token)
    log = folder / f"{token}.log"
    with log.open("wb") as out:
        process = subprocess.Popen(
            command.arguments, env=command.variables, stdout=out, stderr=out, cwd=os.sep
        )
    try:
        wait_for(lambda: _is_ready(socket, process, log) or None, 120.0, log)
        yield ModelProcess(socket)
    finally:
        process.terminate()
        process.wait(20)


def _is_ready(socket: str, process: subprocess.Popen[bytes], log: Path) -> bool:
    assert process.poll() is None, log.read_text(errors="replace")
    try:
        return request(socket, STATE, 5.0)[:1] == SUCCESS
    except OSError:
        return False
