"""Proof of object storage: moto's server is read, and a gateway with one version of listings.

    python tests/proofs/objects.py [FOLDER]

More objects than one page lists are registered, refreshed and compared with what was put there,
directly and through a gateway that answers only the first version of ListObjects, as Pachyderm's
does.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

from prove import environment, plain_variables

from harness.programs import free_port
from pilothouse.kit.errors import NotFound
from pilothouse.kit.settings import Settings
from pilothouse.storage import open_store
from pilothouse.storage.migrate import migrate
from pilothouse.workspace import Workspace

PACKAGES = ("s3fs>=2024.10", "moto[server]>=5")
OBJECTS = 1_205
START_SECONDS = 60.0
SECOND_VERSION = ("list-type", "continuation-token", "start-after", "fetch-owner")


def main(folder: Path) -> int:
    """Prove it; the number of what differs."""
    python = environment(folder, PACKAGES)
    [packages] = (python.parent.parent / "lib").glob("python*/site-packages")
    sys.path.append(str(packages))  # behind our own, which they go together with
    os.environ |= {"LAKE_ID": "reader", "LAKE_KEY": "hidden"}
    with tempfile.TemporaryDirectory(prefix="objects-") as scratch, moto(python) as server:
        store = open_store(Settings(workspace=Path(scratch) / "workspace", actor="ada"))
        migrate(store)
        workspace = Workspace(store)
        with first_version_only(server) as gateway:
            for name, endpoint in (("direct", server), ("gateway", gateway)):
                started = time.perf_counter()
                check(workspace, name, endpoint, server)
                seconds = time.perf_counter() - started
                sys.stdout.write(
                    f"{name:10} {OBJECTS} objects, refreshed, equal: {seconds:.1f} s\n"
                )
    return 0


def check(workspace: Workspace, name: str, endpoint: str, server: str) -> None:
    """Register, refresh and compare one bucket's objects. Raises AssertionError."""
    put(server, name, "")
    for number in range(OBJECTS):
        put(server, f"{name}/sales/{number:05}.csv", f"id,town\n{number},Bonn\n")
    put(server, f"{name}/one.csv", "id,town\n7,Cork\n")
    settings = {"endpoint": endpoint, "region": "us-east-1", "key_id": "env:LAKE_ID",
                "secret": "env:LAKE_KEY"}  # fmt: skip
    data = workspace.data
    preview = data.preview_from("s3", {**settings, "path": f"s3://{name}/one.csv"})
    assert preview.frame["town"].tolist() == ["Cork"], preview.frame
    version = data.register_from(name, "s3", {**settings, "path": f"s3://{name}/sales"})
    assert version.rows == OBJECTS, version.rows
    assert data.frame(name)["id"].tolist() == list(range(OBJECTS))
    assert data.source_state(name) == "unchanged"
    assert data.refresh(name).existed
    put(server, f"{name}/sales/{OBJECTS:05}.csv", f"id,town\n{OBJECTS},Lyon\n")
    assert data.source_state(name) == "changed"
    assert data.refresh(name).rows == OBJECTS + 1
    try:
        data.preview_from("s3", {**settings, "path": "s3://absent/one.csv"})
    except NotFound:
        return
    raise AssertionError("a bucket that is not there was read")


def put(server: str, path: str, text: str) -> None:
    """Put an object, or make a bucket."""
    keys = "AWS4-HMAC-SHA256 Credential=a/20260101/us-east-1/s3/aws4_request, Signature=b"
    headers = {"Authorization": keys, "Content-Type": "text/csv"}
    request = urllib.request.Request(f"{server}/{path}", text.encode(), headers, method="PUT")
    urllib.request.urlopen(request, timeout=30).close()


@contextmanager
def moto(python: Path) -> Iterator[str]:
    """The address of moto's server."""
    port = free_port()
    program = "from moto.server import main; import sys; main(sys.argv[1:])"
    process = subprocess.Popen(
        [python, "-c", program, "-H", "127.0.0.1", "-p", str(port)],
        env=plain_variables(),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    address, limit = f"http://127.0.0.1:{port}", time.monotonic() + START_SECONDS
    try:
        while time.monotonic() < limit:
            try:
                urllib.request.urlopen(f"{address}/moto-api/", timeout=5).close()
                break
            except urllib.error.URLError:
                time.sleep(0.2)
        yield address
    finally:
        process.terminate()
        process.wait(20)


@contextmanager
def first_version_only(server: str) -> Iterator[str]:
    """A gateway before a store that does not know the second version of ListObjects."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            parts = urlsplit(self.path)
            pairs = parse_qsl(parts.query, keep_blank_values=True)
            query = urlencode([pair for pair in pairs if pair[0] not in SECOND_VERSION])
            kept = {name: self.headers[name] for name in ("Authorization", "Range")
                    if name in self.headers}  # fmt: skip
            request = urllib.request.Request(f"{server}{parts.path}?{query}", headers=kept)
            try:
                answer = urllib.request.urlopen(request, timeout=30)
            except urllib.error.HTTPError as refused:
                answer = refused
            with answer:
                body = answer.read()
                self.send_response(answer.status or 500)
                for name, value in answer.headers.items():
                    if name.lower() not in ("transfer-encoding", "connection", "content-length"):
                        self.send_header(name, value)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

        def log_message(self, *_: Any) -> None: ...

    gateway = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=gateway.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{gateway.server_address[1]}"
    finally:
        gateway.shutdown()
        gateway.server_close()


if __name__ == "__main__":
    proofs = Path(sys.argv[1] if len(sys.argv) > 1 else os.environ["PROOFS"]).resolve()
    proofs.mkdir(parents=True, exist_ok=True)
    sys.exit(main(proofs))
