"""Artifacts over the protocol: up, down, listed; nothing climbs, nothing runs in a browser."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator

import pytest

from pilothouse.testing.tracking import Caller
from pilothouse.workspace import Workspace

FILES = "/api/2.0/mlflow-artifacts/artifacts"
CLIMBING = [
    "..%2f..%2fx",
    "%2e%2e/x",
    "%252e%252e/x",
    "%25252e%25252e%25252fx",
    "a/..%5c..%5cx",
    "..%5cx",
    "%2fetc/passwd",
    "C:%5cwindows",
    "a%00b",
    "a/%2e%2e/%2e%2e/b",
]


def put(caller: Caller, run: str, path: str, data: bytes) -> None:
    answer = caller.send("PUT", f"{FILES}/0/{run}/artifacts/{path}", content=data)
    assert answer.status_code == 200, answer.text


def test_a_file_goes_up_and_comes_down_and_is_the_runs(caller: Caller, ours: Workspace) -> None:
    run = caller.run()
    put(caller, run, "dir/a.txt", b"hello")
    put(caller, run, "dir/a.txt", b"hello again")
    put(caller, run, "b 100%25.bin", b"")
    assert caller.send("GET", f"{FILES}/0/{run}/artifacts/dir/a.txt").content == b"hello again"
    assert caller.send("GET", f"{FILES}/0/{run}/artifacts/b 100%25.bin").content == b""
    assert ours.experiments.artifact(run, "dir/a.txt") == b"hello again"
    ours.experiments.log_artifact(run, "ours.json", b"{}")
    told = caller.get("artifacts/list", run_id=run)
    assert told == {
        "root_uri": f"mlflow-artifacts:/0/{run}/artifacts",
        "files": [
            {"path": "b 100%.bin", "is_dir": False, "file_size": 0},
            {"path": "dir", "is_dir": True},
            {"path": "ours.json", "is_dir": False, "file_size": 2},
        ],
    }
    inside = caller.get("artifacts/list", run_id=run, path="dir")["files"]
    assert inside == [{"path": "dir/a.txt", "is_dir": False, "file_size": 11}]
    assert "files" not in caller.get("artifacts/list", run_id=run, path="dir/a.txt")
    assert caller.get(FILES, path=f"0/{run}/artifacts/dir")["files"][0]["path"] == "a.txt"
    assert caller.get(FILES, path=f"0/{run}/artifacts/dir/a.txt") == {}


def test_what_is_not_there_is_404_and_a_folder_is_no_file(caller: Caller) -> None:
    run = caller.run()
    put(caller, run, "dir/a.txt", b"hello")
    status, code, words = caller.refused("GET", f"{FILES}/0/{run}/artifacts/no")
    assert (status, code) == (404, "RESOURCE_DOES_NOT_EXIST")
    assert words == f"No such artifact: '0/{run}/artifacts/no'"
    assert caller.send("GET", f"{FILES}/0/{run}/artifacts/dir").status_code == 400
    assert caller.send("DELETE", f"{FILES}/0/{run}/artifacts/dir").status_code == 200
    assert "files" not in caller.get("artifacts/list", run_id=run)


def test_a_large_file_is_streamed_both_ways(caller: Caller) -> None:
    run, piece = caller.run(), os.urandom(1 << 20)

    def pieces() -> Iterator[bytes]:
        for _ in range(48):
            yield piece

    path = f"{FILES}/0/{run}/artifacts/large.bin"
    assert caller.send("PUT", path, content=pieces()).status_code == 200
    hashed = hashlib.sha256()
    with caller.http.stream("GET", path) as answer:
        assert answer.headers["content-length"] == str(48 << 20)
        for part in answer.iter_bytes():
            hashed.update(part)
    assert hashed.digest() == hashlib.sha256(piece * 48).digest()


@pytest.mark.parametrize("path", CLIMBING)
def test_no_path_leaves_its_place(caller: Caller, path: str) -> None:
    run = caller.run()
    for method in ("GET", "PUT", "DELETE"):
        answer = caller.send(method, f"{FILES}/0/{run}/artifacts/{path}")
        assert answer.status_code == 400, (method, answer.text)
        assert answer.json()["message"] == "Invalid path"
    for target in ("artifacts/list", "/get-artifact"):
        answer = caller.send("GET", f"{target}?run_id={run}&path={path}")
        assert answer.status_code == 400, (target, answer.text)


def test_html_is_handed_out_as_a_file_that_no_browser_runs(caller: Caller) -> None:
    run = caller.run()
    put(caller, run, "page.html", b"<script>alert(1)</script>")
    put(caller, run, "drawing.svg", b"<svg/>")
    for path in ("page.html", "drawing.svg"):
        for target in (
            f"{FILES}/0/{run}/artifacts/{path}",
            f"/get-artifact?run_id={run}&path={path}",
        ):
            headers = caller.send("GET", target).headers
            assert headers["x-content-type-options"] == "nosniff"
            assert headers["content-disposition"] == f'attachment; filename="{path}"'
            assert "sandbox" in headers["content-security-policy"]
    assert headers["content-type"] != "text/html"


def test_files_of_nobody_and_of_a_logged_model(caller: Caller) -> None:
    assert caller.send("PUT", f"{FILES}/loose/f.txt", content=b"x").status_code == 200
    assert caller.send("GET", f"{FILES}/loose/f.txt").content == b"x"
    made = caller.post("logged-models", experiment_id="0", name="lr")["model"]["info"]
    path = f"{FILES}/0/models/{made['model_id']}/artifacts"
    assert caller.send("PUT", f"{path}/MLmodel", content=b"flavors: {}").status_code == 200
    told = caller.get(f"logged-models/{made['model_id']}/artifacts/directories")
    assert told["files"] == [{"path": "MLmodel", "is_dir": False, "file_size": 11}]
    assert caller.send("GET", f"{path}/MLmodel").content == b"flavors: {}"
