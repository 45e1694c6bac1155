"""Artifacts over the protocol: up, down, listed; nothing climbs, nothing runs in a browser."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator

import pytest

from harness.tracking_calls import Caller
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
            assert headers["content-disposition"] == f"attachment; filename={path}"
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


def test_a_place_with_a_query_keeps_it_at_the_end(caller: Caller) -> None:
    location = "s3://b/p?x=1&y=2"
    made = caller.post("experiments/create", name="queried", artifact_location=location)
    number = made["experiment_id"]
    told = caller.get("experiments/get", experiment_id=number)["experiment"]
    assert told["artifact_location"] == location
    run = caller.run(number)
    where = f"s3://b/p/{run}/artifacts?x=1&y=2"
    assert caller.get("runs/get", run_id=run)["run"]["info"]["artifact_uri"] == where
    claim = f"attributes.artifact_uri = '{where}'"
    found = caller.post("runs/search", experiment_ids=[number], filter=claim)
    assert [each["info"]["run_id"] for each in found["runs"]] == [run]
    info = caller.post("logged-models", experiment_id=number, name="m")["model"]["info"]
    assert info["artifact_uri"] == f"s3://b/p/models/{info['model_id']}/artifacts?x=1&y=2"
    caller.post("registered-models/create", name="m")
    of_run = {"source": f"runs:/{run}/model", "run_id": run}
    for source in ({"source": location}, of_run):
        caller.post("model-versions/create", name="m", **source)
    uris = [
        caller.get("model-versions/get-download-uri", name="m", version=version)["artifact_uri"]
        for version in "12"
    ]
    assert uris == [location, f"s3://b/p/{run}/artifacts/model?x=1&y=2"]
    for climbing in ("s3://b/../p?x=1", "s3://b/p?x=../y", "s3://b/p#x"):
        fields = {"name": climbing, "artifact_location": climbing}
        assert caller.refused("POST", "experiments/create", json=fields)[0] == 400


def test_what_mlflows_own_pages_ask_for_is_answered(caller: Caller) -> None:
    pages, run = "/ajax-api/2.0/mlflow", caller.run()
    upload = f"{pages}/upload-artifact?run_uuid={run}&path=a/b.txt"
    assert caller.send("POST", upload, content=b"hello").status_code == 200
    assert caller.send("GET", f"/get-artifact?run_uuid={run}&path=a/b.txt").content == b"hello"
    for query, words in (
        ("", "run_uuid"),
        (f"run_uuid={run}", "path"),
        (f"run_uuid={run}&path=x", "data"),
        (f"run_uuid={run}&path=../x", "Invalid path"),
    ):
        assert words in caller.refused("POST", f"{pages}/upload-artifact?{query}")[2]
    model = caller.post("logged-models", experiment_id="0", name="m")["model"]["info"]["model_id"]
    root = f"{FILES}/0/models/{model}/artifacts"
    assert caller.send("PUT", f"{root}/MLmodel", content=b"flavors: {}").status_code == 200
    file = f"{pages}/logged-models/{model}/artifacts/files"
    answer = caller.send("GET", f"{file}?artifact_file_path=MLmodel")
    assert answer.content == b"flavors: {}"
    assert answer.headers["content-type"].startswith("text/plain")
    assert caller.send("GET", f"{file}?artifact_file_path=..%2fx").status_code == 400
    words = {"name": "rows", "digest": "abc", "source_type": "local", "source": "here"}
    tags = [{"key": "mlflow.data.context", "value": "training"}]
    caller.post("runs/log-inputs", run_id=run, datasets=[{"dataset": words, "tags": tags}])
    found = caller.post(f"{pages}/experiments/search-datasets", experiment_ids=["0"])
    summary = {"experiment_id": "0", "name": "rows", "digest": "abc", "context": "training"}
    assert found == {"dataset_summaries": [summary]}
