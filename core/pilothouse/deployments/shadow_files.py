"""Where the answers of a shadow are kept: pairs of lines, apart from the prediction log."""

from __future__ import annotations

from pathlib import Path


def shadow_file(workspace: Path, deployment: str, rollout: str) -> Path:
    """The file of pairs of one rollout, one line of JSON each."""
    return workspace / "shadow" / deployment / f"{rollout}.jsonl"
