"""Measuring the skew of a deployment: on demand as a job, and in each window where that is set."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

from sqlmodel import Session, col, select

from pilothouse.deployments import commands, feature_rule_rows
from pilothouse.deployments.log_rules.logged_column_rules import logged_columns
from pilothouse.deployments.prediction_log import log
from pilothouse.experiments.tables import RunInput
from pilothouse.jobs import Progress
from pilothouse.kit.clock import from_ms
from pilothouse.monitoring import monitors
from pilothouse.monitoring.checks import INSUFFICIENT, SERVED_DIFFERS, SKEW, SKEW_LIMITS, Check
from pilothouse.monitoring.monitor_config import MonitorConfig
from pilothouse.monitoring.skew.expected_values import SkewSources, served_values
from pilothouse.monitoring.skew.first_requests import first_requests
from pilothouse.monitoring.skew.skew_report import ServedValues, SkewReport
from pilothouse.monitoring.tables import Monitor
from pilothouse.registry import versions
from pilothouse.storage import Store

if TYPE_CHECKING:
    import pandas as pd

RECENT_ROWS = 5_000
MIN_ROWS = 20
METHOD = "rows served with another value, of those with a counterpart"


def training_dataset(session: Session, model: str, version: int) -> str:
    """The dataset version that a model version's run was trained on; empty without one."""
    if not model:
        return ""
    run_id = versions.require(session, model, version).run_id
    if run_id is None:
        return ""
    query = select(RunInput).where(RunInput.run_id == run_id).order_by(col(RunInput.dataset))
    inputs = list(session.exec(query))
    training = [row.dataset for row in inputs if row.role.startswith("train")]
    return next(iter(training or [row.dataset for row in inputs]), "")


def sources_of(
    session: Session, deployment: str, model: str, version: int, key: str
) -> SkewSources:
    """What the rows of a version can be compared with."""
    logged = logged_columns(session, deployment)
    return SkewSources(
        rule=feature_rule_rows.rule_of(session, deployment),
        dataset=training_dataset(session, model, version),
        key=key,
        hidden=logged.dropped | set(logged.hashed),
    )


def measure(
    store: Store,
    deployment: str,
    *,
    key: str = "",
    start: datetime | None = None,
    end: datetime | None = None,
) -> SkewReport:
    """Measure the version that serves now: its newest rows, or those of events of a time.

    `key` is the column that names a row of its training dataset. Raises NotFound.
    """
    with store.read() as session:
        monitor = session.get(Monitor, deployment)
        config = monitors.config_of(monitor) if monitor else MonitorConfig()
        model, version = monitors.serving(session, deployment)
        signature = commands.signature_of(session, deployment, model, version)
        sources = sources_of(session, deployment, model, version, key or config.skew_key)
    if start is None and end is None:
        frame = log.recent(store.folder, deployment, RECENT_ROWS)
    else:
        frame = log.predictions(store.folder, deployment, start, end)
    if len(frame):
        frame = frame[(frame["model"] == model) & (frame["version"] == version)]
    answered = deployment, model, version
    first = first_requests(store, answered, signature, sources.dataset, config, sources.hidden)
    values = served_values(store, frame.reset_index(drop=True), signature, sources)
    return SkewReport(deployment, model, version, store.now(), values, first)


def measure_job(
    store: Store,
    progress: Progress,
    *,
    deployment: str,
    key: str = "",
    start_ms: int | None = None,
    end_ms: int | None = None,
) -> dict[str, Any]:
    """Measure the skew of a deployment; the report as plain values."""
    progress(0.05, "logged requests are compared with what they should have been")
    start, end = (None if ms is None else from_ms(ms) for ms in (start_ms, end_ms))
    return measure(store, deployment, key=key, start=start, end=end).to_json()


def window_skew(
    store: Store, deployment: str, model: str, version: int, frame: pd.DataFrame, key: str
) -> ServedValues:
    """The rows of a window against what they should have been."""
    with store.read() as session:
        signature = commands.signature_of(session, deployment, model, version)
        sources = sources_of(session, deployment, model, version, key)
    return served_values(store, frame.reset_index(drop=True), signature, sources)


def digest_of(values: ServedValues) -> str:
    """A digest of what was compared: what a window's results rest on."""
    columns = [column.to_json() for column in values.columns]
    text = json.dumps([values.against, values.lack, values.rows, columns], default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def skew_checks(values: ServedValues) -> Sequence[Check]:
    """A result a column, which informs and which rules can watch; one that says why there is none.

    Few rows are compared like many: that a value is another one is no matter of chance.
    """
    if values.lack or values.rows < MIN_ROWS:
        lack = values.lack or f"{values.rows:,} rows have a counterpart; {MIN_ROWS} are needed"
        check = Check(SKEW, SERVED_DIFFERS, "", METHOD, INSUFFICIENT, message=lack)
        return [check]
    return [
        Check(
            SKEW,
            SERVED_DIFFERS,
            column.column,
            METHOD,
            column.status,
            score=column.share,
            warn=SKEW_LIMITS.warn,
            threshold=SKEW_LIMITS.fail,
            n_reference=column.rows,
            n_current=column.rows,
            message=column.text,
        )
        for column in values.columns
    ]
