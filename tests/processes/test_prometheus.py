"""A real Prometheus that scrapes a real server and evaluates the exported rules."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import httpx
import pytest

from harness.programs import free_port, running
from harness.raised_alerts import Ward
from harness.running_instance import server_alone, wait_for
from pilothouse.deployments.tables import Revision
from pilothouse.kit.settings import Settings
from pilothouse.models.signature import Signature, SignatureField
from pilothouse.workspace import open_workspace

PROMETHEUS = shutil.which("prometheus")
CONFIG = """
global: {scrape_interval: 1s, evaluation_interval: 1s}
rule_files: [rules.yml]
scrape_configs: [{job_name: pilothouse, static_configs: [{targets: ["TARGET"]}]}]
"""


@pytest.mark.skipif(PROMETHEUS is None, reason="Prometheus is not installed")
@pytest.mark.timeout(300)
def test_prometheus_scrapes_us_and_raises_the_alert_that_fires(tmp_path: Path) -> None:
    folder = tmp_path / "workspace"
    workspace = open_workspace(settings=Settings(workspace=folder, actor="ada"))
    ward = Ward.of(workspace)
    describe(ward)
    ward.rule("auc", "performance", severity="critical")
    ward.rule("columns", "feature_drift")
    ward.window(performance="fail", feature_drift="fail")
    (tmp_path / "rules.yml").write_text(workspace.monitoring.prometheus_rules())
    address = f"127.0.0.1:{free_port()}"
    with server_alone(folder) as server:
        target = server.removeprefix("http://")
        (tmp_path / "prometheus.yml").write_text(CONFIG.replace("TARGET", target))
        command = [str(PROMETHEUS), f"--config.file={tmp_path}/prometheus.yml"]
        command += [f"--storage.tsdb.path={tmp_path}/data", f"--web.listen-address={address}"]
        with running(command):
            alerts = wait_for(lambda: raised(address), "the alert is raised")
    workspace.store.engine.dispose()
    (alert,) = alerts  # drift has one cause with it
    assert alert["state"] == "firing"
    labels = {name: alert["labels"][name] for name in ("alertname", "deployment", "severity")}
    assert labels == {"alertname": "churn: auc", "deployment": "churn", "severity": "critical"}


def describe(ward: Ward) -> None:
    """The revision by which a server knows the deployment."""
    signature = Signature((SignatureField("a", "number"),), "late", (0, 1), 1)
    with ward.store.write() as session:
        session.add(
            Revision(
                deployment="churn", seq=1, action="launched", model="", version=1, digest="",
                signature=signature.to_json(), by="ada", at=ward.store.now(),
            )
        )  # fmt: skip


def raised(address: str) -> list[dict[str, Any]]:
    """The alerts of a Prometheus, once it answers."""
    try:
        answer = httpx.get(f"http://{address}/api/v1/alerts")
    except httpx.TransportError:
        return []
    alerts: list[dict[str, Any]] = (
        json.loads(answer.text)["data"]["alerts"] if answer.is_success else []
    )
    return alerts
