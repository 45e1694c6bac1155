"""Logs as JSON lines by the Elastic Common Schema, and read again as text."""

from __future__ import annotations

import json
import logging
import os
import re
import subprocess
import sys
from typing import Any

from pilothouse.kit.logs import EcsFormatter, as_text, labelled

SCRIPT = """
import logging, sys, threading, warnings
from pilothouse.kit import logs

logs.configure("worker", "ecs", shard="7", absent="")
logging.getLogger("pilothouse.jobs").info("line one\\nline two %s", "\\u00e9\\udc80")
print("printed", end=" ")
print("by a library")
warnings.warn("a warning")
try:
    1 / 0
except ZeroDivisionError:
    logging.getLogger("pilothouse.jobs").exception("it failed")
with logs.labelled(job_id="j1"):
    logging.getLogger("pilothouse.jobs").warning("in a job")
thread = threading.Thread(target=lambda: [][0], name="watch")
thread.start()
thread.join()
raise ValueError("the end")
"""


def run(script: str, **variables: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", script]
    return subprocess.run(
        command, env=os.environ | variables, capture_output=True, text=True, check=False
    )


def test_every_line_of_a_process_is_a_record_with_the_fields_of_the_schema() -> None:
    ended = run(SCRIPT)
    assert (ended.returncode, ended.stdout) == (1, "")
    lines = [json.loads(line) for line in ended.stderr.splitlines()]
    for line in lines:
        assert list(line)[:4] == ["@timestamp", "log.level", "message", "ecs.version"]
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", line["@timestamp"])
        assert (line["service.name"], line["event.dataset"]) == ("pilothouse", "pilothouse.worker")
        assert line["process.pid"] > 0
        assert line["labels"]["shard"] == "7"
    by_message = {line["message"]: line for line in lines}
    assert by_message["line one\nline two \u00e9\udc80"]["log.logger"] == "pilothouse.jobs"
    assert by_message["printed by a library"]["log.logger"] == "stdout"
    assert any("UserWarning: a warning" in message for message in by_message)
    failed = by_message["it failed"]
    assert (failed["log.level"], failed["error.type"]) == ("error", "ZeroDivisionError")
    assert failed["error.message"] == "division by zero"
    assert failed["error.stack_trace"].startswith("Traceback (most recent call last)")
    assert by_message["in a job"]["labels"] == {"shard": "7", "job_id": "j1"}
    assert by_message["a thread ended by an error"]["process.thread.name"] == "watch"
    assert lines[-1]["error.message"] == "the end"
    assert lines[-1]["log.level"] == "critical"


def test_processes_that_are_started_log_as_the_one_that_starts_them() -> None:
    child = "from pilothouse.kit import logs; logs.configure_child('worker'); print('a child')"
    ended = run(child, PILOTHOUSE_LOG_FORMAT="ecs")
    assert json.loads(ended.stderr)["message"] == "a child"
    assert run(child, PILOTHOUSE_LOG_FORMAT="text").stdout == "a child\n"


def record(message: str, name: str = "pilothouse", **more: Any) -> logging.LogRecord:
    return logging.LogRecord(name, logging.ERROR, "", 1, message, (), more.get("exc_info"))


def test_a_line_is_read_as_text_again() -> None:
    formatter = EcsFormatter("model", {"deployment": "churn"})
    try:
        raise KeyError("age")
    except KeyError:
        line = formatter.format(record("no column", exc_info=sys.exc_info()))
    text = as_text(line)
    assert re.match(r"\S+Z ERROR   no column\nTraceback \(most recent call last\)", text)
    assert text.endswith("KeyError: 'age'")
    assert as_text(formatter.format(record("as printed", "stdout"))) == "as printed"
    for other in ("plain", '{"@timestamp": "2026', '{"a": 1}'):
        assert as_text(other) == other


def test_labels_nest_and_end_with_their_context() -> None:
    formatter = EcsFormatter("server")
    with labelled(deployment="churn"), labelled(version=3):
        inner = json.loads(formatter.format(record("in")))
    assert inner["labels"] == {"deployment": "churn", "version": "3"}
    assert "labels" not in json.loads(formatter.format(record("out")))
