"""Wheels made by hand, and a package index of them on a loopback port."""

from __future__ import annotations

import json
import threading
import zipfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

JSON = "application/vnd.pypi.simple.v1+json"


def make_wheel(
    folder: Path,
    name: str,
    version: str,
    *,
    requires: Sequence[str] = (),
    tag: str = "py3-none-any",
    size: int = 0,
    module: str = "",
) -> Path:
    """A wheel of one module; `size` bytes of it cannot be compressed away."""
    folder.mkdir(parents=True, exist_ok=True)
    stem = f"{name.replace('-', '_')}-{version}"
    info = f"{stem}.dist-info"
    metadata = "".join(
        [
            f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n",
            *(f"Requires-Dist: {requirement}\n" for requirement in requires),
        ]
    )
    files = {
        f"{name.replace('-', '_')}.py": module or f"__version__ = {version!r}\n",
        f"{info}/METADATA": metadata,
        f"{info}/WHEEL": f"Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: {tag}\n",
    }
    if size:
        files[f"{name.replace('-', '_')}_data.bin"] = "x" * size
    files[f"{info}/RECORD"] = "".join(f"{path},,\n" for path in [*files, f"{info}/RECORD"])
    path = folder / f"{stem}-{tag}.whl"
    with zipfile.ZipFile(path, "w") as wheel:
        for file, content in files.items():
            wheel.writestr(file, content)
    path.with_name(f"{path.name}.metadata").write_text(metadata)
    return path


@dataclass
class PackageIndex:
    """A package index that serves the wheels of a folder; tests make it slow, refuse or silent."""

    folder: Path
    url: str = ""
    status: int = 200
    upload_times: dict[str, str] = field(default_factory=dict)  # by file name
    released: threading.Event = field(default_factory=threading.Event)
    downloads: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        """Downloads are not held back at first."""
        self.released.set()

    def listing(self, project: str) -> bytes | None:
        """The files of a project as the JSON of a package index."""
        stem = project.replace("-", "_")
        files = [
            {
                "filename": path.name,
                "url": f"/files/{path.name}",
                "hashes": {},
                "core-metadata": True,
            }
            | (
                {"upload-time": self.upload_times[path.name]}
                if path.name in self.upload_times
                else {}
            )
            for path in sorted(self.folder.glob(f"{stem}-*.whl"))
        ]
        if not files:
            return None
        answer = {"meta": {"api-version": "1.1"}, "name": project, "files": files}
        return json.dumps(answer).encode()


@contextmanager
def serve_index(folder: Path) -> Iterator[PackageIndex]:
    """Serve the wheels of a folder until the block ends."""
    index = PackageIndex(folder)

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body, kind = _answer(index, self.path)
            if index.status != 200:
                self.send_response(index.status)
                self.end_headers()
            elif body is None:
                self.send_response(404)
                self.end_headers()
            else:
                self.send_response(200)
                self.send_header("Content-Type", kind)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

        do_HEAD = do_GET

        def log_message(self, format: str, *args: object) -> None:
            """Nothing: what is asked is in `downloads`."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    index.url = f"http://127.0.0.1:{server.server_address[1]}/simple"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield index
    finally:
        index.released.set()
        server.shutdown()
        server.server_close()
        thread.join()


def _answer(index: PackageIndex, path: str) -> tuple[bytes | None, str]:
    parts = path.strip("/").split("/")
    if parts[0] == "simple":
        return index.listing(parts[1]), JSON
    file = index.folder / parts[-1]
    if not file.exists():
        return None, ""
    if file.suffix == ".whl":
        index.downloads.append(file.name)
        index.released.wait()
    return file.read_bytes(), "application/octet-stream"
