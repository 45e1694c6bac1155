"""The data of Home, queried from every room; traffic is cached for a few seconds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pandas as pd
import streamlit as st

from pilothouse.experiments.metrics.leading import headline_metrics, primary_columns
from pilothouse.monitoring.tables import OPEN
from pilothouse.monitoring.window_selection import WindowSelection
from pilothouse_app.components.records import records
from pilothouse_app.components.workspace import workspace

if TYPE_CHECKING:
    from pilothouse.attention import Item
    from pilothouse.jobs.api import JobInfo
    from pilothouse.registry.info import VersionInfo
    from pilothouse.workspace import Workspace

LATEST = 8
CHARTED = 100  # windows of each deployment


@dataclass(frozen=True)
class Overview:
    """One look over the workspace."""

    production: list[VersionInfo]
    deployments: pd.DataFrame
    traffic: pd.DataFrame
    alerts: list[dict[str, Any]]
    promotions: list[dict[str, Any]]
    windows: pd.DataFrame
    runs: pd.DataFrame
    jobs: list[JobInfo]
    attention: list[Item]

    @property
    def requests(self) -> int:
        """Requests in the span."""
        return int(self.traffic["requests"].sum()) if len(self.traffic) else 0

    @property
    def rows(self) -> int:
        """Predictions in the span."""
        return int(self.traffic["rows"].sum()) if len(self.traffic) else 0

    @property
    def errors(self) -> int:
        """Requests in the span that were not answered well."""
        return int(self.traffic["errors"].sum()) if len(self.traffic) else 0

    @property
    def p95_ms(self) -> float | None:
        """The newest 95th percentile of latency."""
        if self.traffic.empty:
            return None
        values = self.traffic["p95_ms"].dropna()
        return float(values.iloc[-1]) if len(values) else None


def overview(hours: float) -> Overview:
    """The current state of the workspace, with the traffic of the last hours."""
    ws = workspace()
    deployments = ws.deployments.deployments()
    windows = ws.monitoring.windows(selection=WindowSelection(CHARTED))

    return Overview(
        production=ws.registry.in_production(),
        deployments=_with_health(deployments, windows),
        windows=_most_common_metric(windows),
        traffic=_traffic(ws, list(deployments["name"]), hours),
        alerts=_open_alerts(ws),
        promotions=records(ws.registry.promotions("pending")),
        runs=_latest_runs(ws),
        jobs=ws.jobs.active(),
        attention=ws.attention.items(),
    )


def is_new() -> bool:
    """Whether nothing has happened in this workspace yet."""
    ws = workspace()
    return not (
        ws.experiments.count() or ws.jobs.count() or len(ws.data.datasets())
    )  # fmt: skip


def _latest_runs(ws: Workspace) -> pd.DataFrame:
    """The newest runs, each with the metric that decides for its task as a text."""
    columns = ("name", "status", "trainer", *primary_columns(), "created_at")
    runs = ws.experiments.runs(size=LATEST, columns=columns)
    return runs.assign(metric=headline_metrics(records(runs)))


def _most_common_metric(windows: pd.DataFrame) -> pd.DataFrame:
    """The windows whose deciding metric is the one that most deployments have, where measured."""
    measured = windows[windows["value"].notna()]
    by_metric = measured.groupby("metric")["deployment"].nunique()
    return measured[measured["metric"] == by_metric.idxmax()] if len(by_metric) else measured


def _open_alerts(ws: Workspace) -> list[dict[str, Any]]:
    alerts = ws.monitoring.alerts()
    return records(alerts[alerts["state"].isin(OPEN)])


def _with_health(deployments: pd.DataFrame, windows: pd.DataFrame) -> pd.DataFrame:
    """Each deployment with its version, and the newest window's drift and performance."""
    newest = windows.groupby("deployment").tail(1).set_index("deployment")
    with_status = deployments.join(newest[["drift_status", "performance_status"]], on="name")
    names = zip(with_status["model"], with_status["version"], strict=True)
    return with_status.assign(
        version=[f"{model} {number}" if model else "Not registered" for model, number in names],
        drift=with_status["drift_status"].fillna(""),
        performance=with_status["performance_status"].fillna(""),
    )


def _traffic(ws: Workspace, names: list[str], hours: float) -> pd.DataFrame:
    frames = [_traffic_of(str(ws.folder), name, hours, _ws=ws) for name in names]
    with_rows = [frame for frame in frames if len(frame)]
    if not with_rows:
        return pd.DataFrame(columns=["at", "requests", "rows", "p50_ms", "p95_ms", "errors"])
    together = pd.concat(with_rows).groupby("at", as_index=False)
    return together.agg(
        {"requests": "sum", "rows": "sum", "p50_ms": "max", "p95_ms": "max", "errors": "sum"}
    )


@st.cache_data(ttl=4, max_entries=64, show_spinner=False)
def _traffic_of(folder: str, name: str, hours: float, _ws: Workspace) -> pd.DataFrame:
    # The folder keys the cache; the workspace itself is not kept in it.
    return _ws.deployments.traffic(name, hours)
