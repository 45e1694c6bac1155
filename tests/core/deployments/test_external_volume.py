"""100,000 predictions made elsewhere, by file and over HTTP: the same windows and alert."""

from __future__ import annotations

import io
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn import metrics

from harness.gateway_calls import Gate
from pilothouse.deployments.gateway.external_columns import PredictionColumns
from pilothouse.monitoring.api import Monitoring
from pilothouse.registry.description import Description
from pilothouse.workspace import Workspace

MONDAY = datetime(2026, 1, 5, tzinfo=UTC)
WEEK = timedelta(days=7)
WEEKS, PER_WEEK, BATCH = 10, 10_000, 5_000
WORSE_FROM = 8  # of the weeks from 0
NUMBER = Description("regression", target="price", inputs={"area": "number", "town": "string"})
COLUMNS = PredictionColumns("order", {"predict": "prediction"}, "event_time", "price")
pytestmark = [pytest.mark.proof, pytest.mark.timeout(900)]


@pytest.fixture(scope="module")
def rows() -> pd.DataFrame:
    """Prices of ten weeks, whose prediction is three times as far off in the last two."""
    rng = np.random.default_rng(4)
    week = np.repeat(np.arange(WEEKS), PER_WEEK)
    area = rng.normal(100, 10, len(week))
    price = 2 * area + rng.normal(0, 1, len(week))
    error = np.where(week >= WORSE_FROM, 3.0, 1.0) * rng.normal(0, 5, len(week))
    within = pd.to_timedelta(np.tile(np.arange(PER_WEEK), WEEKS), unit="m")
    return pd.DataFrame(
        {
            "order": [f"order-{row}" for row in range(len(week))],
            "event_time": pd.Timestamp(MONDAY) + pd.to_timedelta(week * 7, unit="D") + within,
            "area": area,
            "town": rng.choice(["Bern", "Köln"], len(week)),
            "prediction": price + error,
            "price": price,
        }
    )


def by_csv(workspace: Workspace, name: str, rows: pd.DataFrame) -> None:
    content = rows.to_csv(index=False).encode()
    report = workspace.deployments.record_predictions(name, content, "rows.csv", COLUMNS)
    assert (report.accepted, report.refused, report.labels) == (len(rows), 0, len(rows))


def by_parquet(workspace: Workspace, name: str, rows: pd.DataFrame) -> None:
    buffer = io.BytesIO()
    rows.to_parquet(buffer, index=False)
    record = workspace.deployments.record_predictions
    report = record(name, buffer.getvalue(), "rows.parquet", COLUMNS)
    assert (report.accepted, report.refused, report.labels) == (len(rows), 0, len(rows))


def by_http(workspace: Workspace, name: str, rows: pd.DataFrame) -> None:
    """Predictions first, and labels later, in requests of some thousand rows."""
    gate = Gate(workspace)
    for part in _parts(rows):
        records = [
            {"id": order, "event_at": at.isoformat(), "predict": predicted, "area": area, "town": t}
            for order, at, predicted, area, t in zip(
                *(part[c] for c in ("order", "event_time", "prediction", "area", "town")),
                strict=True,
            )
        ]
        answer = gate.post(f"/deployments/{name}/predictions", json={"predictions": records})
        assert answer.json()["accepted"] == len(part), answer.text
    for part in _parts(rows):
        body: dict[str, Any] = {"ids": part["order"].tolist(), "labels": part["price"].tolist()}
        answer = gate.post(f"/deployments/{name}/labels", json=body)
        assert answer.json() == {"accepted": len(part), "unknown": 0}


def _parts(rows: pd.DataFrame) -> Iterator[pd.DataFrame]:
    for start in range(0, len(rows), BATCH):
        yield rows.iloc[start : start + BATCH]


def test_each_way_gives_the_same_windows_and_the_alert_of_a_worse_model(
    workspace: Workspace, rows: pd.DataFrame
) -> None:
    monitoring, values = Monitoring(workspace.store), {}
    for name, send in (("csv", by_csv), ("parquet", by_parquet), ("http", by_http)):
        workspace.deployments.add_external(name, description=NUMBER)
        monitoring.monitor(name, reference_rows=PER_WEEK)
        send(workspace, name, rows)
        assert len(workspace.deployments.predictions(name)) == len(rows)
        values[name] = []
        for week in range(WEEKS):
            start = MONDAY + week * WEEK
            window = monitoring.window(monitoring.evaluate(name, start, start + WEEK))
            assert (window.rows, window.labelled) == (PER_WEEK, PER_WEEK)
            assert window.performance_status == ("fail" if week >= WORSE_FROM else "ok")
            values[name].append(window.value)
        assert monitoring.alerts("firing", deployment=name)["name"].tolist() == ["performance"]

    weeks = [rows.iloc[at : at + PER_WEEK] for at in range(0, len(rows), PER_WEEK)]
    expected = [metrics.mean_absolute_error(week["price"], week["prediction"]) for week in weeks]
    assert values == {name: pytest.approx(expected) for name in values}
