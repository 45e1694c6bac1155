"""A real instance that logs as JSON lines: each line of each of its processes is one."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from harness.running_instance import run_instance
from harness.serving import trained, workspace_of
from pilothouse.deployments import Deployments


@pytest.mark.proof
@pytest.mark.timeout(300)
def test_each_line_of_every_process_is_an_ecs_record(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "workspace"
    with workspace_of(folder, trained()) as store:
        deployments = Deployments(store)
        deployments.launch("flights", "late", 1)
        monkeypatch.setenv("PILOTHOUSE_LOG_FORMAT", "ecs")
        with run_instance(folder):
            deployments.wait_until_ready("flights")
            lines = deployments.logs("flights")
    assert "loading late version 1" in lines
    assert not lines.startswith("{")
    datasets = set()
    for file in (folder / "logs").rglob("*.log"):
        if file.parent.name == "jobs":  # a person reads it on the job's page
            continue
        for line in file.read_text().splitlines():
            fields = json.loads(line)
            assert {"@timestamp", "log.level", "message", "ecs.version"} <= set(fields), line
            datasets.add(fields["event.dataset"])
            if fields["event.dataset"] == "pilothouse.model":
                labels = {"deployment": "flights", "model": "late", "version": "1"}
                assert fields["labels"] == labels
    assert datasets >= {"pilothouse.server", "pilothouse.model"}
