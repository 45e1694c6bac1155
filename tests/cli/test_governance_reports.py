"""Reports of governance on the command line: the maturity of a workspace, and evidence packs."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path
from typing import Any

from harness.live_windows import promoted
from pilothouse.workspace import Workspace


def test_the_level_is_printed_with_what_is_missing(call: Any, workspace: Workspace) -> None:
    printed = call("maturity", "--missing")
    assert printed.code == 0
    assert printed.out.startswith("Level 0 of 4: Not tracked")
    assert "L1* runs_recorded" in printed.out
    report = json.loads(call("maturity", "--json").out)
    assert len(report["checks"]) == 51
    assert report["level"] == 0


def test_a_check_is_attested_and_listed(call: Any, workspace: Workspace) -> None:
    assert call("governance", "attest", "code_tested", "CI run 812").code == 0
    (statement,) = json.loads(call("governance", "attested", "--json").out)
    assert (statement["check"], statement["text"]) == ("code_tested", "CI run 812")
    refused = call("governance", "attest", "log_intact", "so it is")
    assert refused.code == 2
    assert "evidence only" in refused.err


def test_an_evidence_pack_is_a_file(call: Any, workspace: Workspace, tmp_path: Path) -> None:
    promoted(workspace.store)
    path = tmp_path / "shop.zip"
    info = json.loads(call("evidence-pack", str(path), "--model", "shop", "--json").out)
    with zipfile.ZipFile(path) as archive:
        assert len(archive.namelist()) == info["files"]
        assert "promotions/p1/promotion.json" in archive.namelist()
