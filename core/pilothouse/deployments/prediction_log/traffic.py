"""Traffic of a deployment over time, from the log of its requests."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from pilothouse.deployments.prediction_log import log

if TYPE_CHECKING:
    import pandas as pd

COLUMNS = ("at", "requests", "rows", "p50_ms", "p95_ms", "errors")
STEPS = ((2, "1min"), (12, "5min"), (48, "15min"), (24 * 14, "1h"))


def traffic_frame(workspace: Path, deployment: str, hours: float, now: datetime) -> pd.DataFrame:
    """Requests by time of receipt, in steps that suit the span; steps without requests count 0."""
    import pandas as pd

    step = next((length for limit, length in STEPS if hours <= limit), "1D")
    start = now - timedelta(hours=hours)
    frame = log.requests(workspace, deployment, start, now)
    if frame.empty:
        return pd.DataFrame(columns=list(COLUMNS))
    frame["errors"] = (frame["status"] >= 400).astype("int64")
    frame["answered_ms"] = frame["latency_ms"].where(frame["status"] < 400)
    groups = frame.set_index("received_at").resample(step)
    counts = pd.DataFrame(
        {
            "requests": groups["rows"].size(),
            "rows": groups["rows"].sum(),
            "p50_ms": groups["answered_ms"].quantile(0.5),
            "p95_ms": groups["answered_ms"].quantile(0.95),
            "errors": groups["errors"].sum(),
        }
    )
    return counts.rename_axis("at").reset_index()
