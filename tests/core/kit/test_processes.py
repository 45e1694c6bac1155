"""Processes find each other, and never a number that was given to another."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import psutil

from pilothouse.kit.processes import announce, find, is_running


def test_a_process_that_announced_itself_is_found(tmp_path: Path) -> None:
    own = announce(tmp_path, "server", 5050)
    assert find(tmp_path, "server") == own
    assert own.url == "http://127.0.0.1:5050"
    assert [path.name for path in tmp_path.iterdir()] == ["server.json"]


def test_nobody_is_found_where_nobody_is(tmp_path: Path) -> None:
    assert find(tmp_path, "server") is None
    (tmp_path / "server.json").write_text("{ half a fi")
    assert find(tmp_path, "server") is None
    (tmp_path / "server.json").write_text('{"pid": 1}')
    assert find(tmp_path, "server") is None


def test_a_process_that_ended_is_gone_even_as_a_zombie(tmp_path: Path) -> None:
    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    assert child.stdin is not None
    started = psutil.Process(child.pid).create_time()
    assert is_running(child.pid, started)
    child.stdin.close()
    psutil.Process(child.pid).status()
    while psutil.Process(child.pid).status() != psutil.STATUS_ZOMBIE:
        pass
    assert not is_running(child.pid, started)
    child.wait()
    assert not is_running(child.pid, started)


def test_another_process_with_the_same_number_is_not_taken_for_it(tmp_path: Path) -> None:
    own = announce(tmp_path, "worker")
    assert is_running(own.pid, own.create_time + 0.5)
    written = json.loads((tmp_path / "worker.json").read_text())
    (tmp_path / "worker.json").write_text(json.dumps(written | {"create_time": 1.0}))
    assert find(tmp_path, "worker") is None
