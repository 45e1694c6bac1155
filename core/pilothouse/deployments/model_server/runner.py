"""The folder from which a model process starts in an environment that has no Pilothouse.

It holds copies of the few modules that a process needs. An environment of another model must not
see the packages of this one, so that the folder and nothing else is put on its path.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import sys
import uuid
from collections.abc import Iterator
from pathlib import Path

SCRIPT = "model_process.py"
PARTS = ("models", "deployments/model_server")
FILES = (
    *("__init__.py", "kit/__init__.py", "kit/errors.py", "kit/garbage.py", "kit/logs.py"),
    *("kit/plugins.py", "deployments/__init__.py"),
)
START = """\
from pilothouse.deployments.model_server.server import main

main()
"""


def runner_folder(target: Path) -> Path:
    """A folder in `target` with the runner's modules, named by their content; written when absent.

    `folder / SCRIPT` is what an interpreter runs. Raises OSError.
    """
    sources = dict(_sources())
    digest = hashlib.sha256()
    for path, data in sorted(sources.items()):
        digest.update(path.encode() + b"\0" + hashlib.sha256(data).digest())
    folder = target / digest.hexdigest()[:16]
    if not folder.exists():
        _write(folder, sources)
    return folder


def _sources() -> Iterator[tuple[str, bytes]]:
    package = Path(sys.modules["pilothouse"].__path__[0])
    names = [package / name for name in FILES]
    for part in PARTS:
        names += sorted((package / part).rglob("*.py"))
    for name in names:
        yield f"pilothouse/{name.relative_to(package).as_posix()}", name.read_bytes()
    yield SCRIPT, START.encode()


def _write(folder: Path, sources: dict[str, bytes]) -> None:
    """Write beside, then rename: another process may do the same at the same time."""
    partial = folder.with_name(f"{folder.name}.{uuid.uuid4().hex[:8]}.part")
    for path, data in sources.items():
        file = partial / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(data)
    try:
        os.rename(partial, folder)
    except OSError:
        shutil.rmtree(partial)
        if not folder.exists():
            raise
