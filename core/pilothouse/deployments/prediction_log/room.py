"""Whether the disk of a workspace has room for the prediction log."""

from __future__ import annotations

import shutil
from pathlib import Path

from pilothouse.deployments.prediction_log.journal import MAX_WAITING_BYTES

LEAST_BYTES = 1 << 20


def room_problem(workspace: Path) -> str:
    """What a full disk means for a deployment, for people; empty while there is room."""
    try:
        free = shutil.disk_usage(workspace).free
    except OSError:
        return ""
    if free >= LEAST_BYTES:
        return ""
    most = MAX_WAITING_BYTES >> 20
    return (
        f"The disk is full: requests are answered and their log waits in memory, up to {most} MB; "
        "beyond that they are refused. Labels are refused. Free some space."
    )
