"""Predictions that were made elsewhere: sent by file and over HTTP, judged like those made here.

The metrics of each window are held against scikit-learn's on the same rows.
"""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta

import numpy as np
import pandas as pd
import pytest
from sklearn import metrics

from harness.gateway_calls import Gate
from pilothouse.deployments.api import Deployments
from pilothouse.deployments.controller.controller import Controller
from pilothouse.deployments.gateway.external_columns import PredictionColumns
from pilothouse.deployments.log_rules.rules import LogRules
from pilothouse.deployments.prediction_log import log
from pilothouse.kit.errors import Conflict, Invalid, NotFound
from pilothouse.models.tasks import tasks
from pilothouse.monitoring.api import Monitoring
from pilothouse.registry.description import Description
from pilothouse.storage import Store
from pilothouse.workspace import Workspace

MONDAY = datetime(2026, 1, 5, tzinfo=UTC)
WEEK = timedelta(days=7)
NUMBER = Description(
    "regression", target="price", unit="EUR", inputs={"area": "number", "town": "string"}
)
CLASSES = Description("multiclass", classes=("low", "mid", "high"), target="kind")


def prices(seed: int, rows: int = 400, *, week: int = 0, error: float = 1.0) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    area = rng.normal(100, 10, rows)
    price = 2 * area + rng.normal(0, 1, rows)
    return pd.DataFrame(
        {
            "order": [f"{week}-{row}" for row in range(rows)],
            "event_time": [MONDAY + week * WEEK + timedelta(minutes=row) for row in range(rows)],
            "area": area,
            "town": rng.choice(["Bern", "Köln"], rows),
            "prediction": price + error * rng.normal(0, 5, rows),
            "price": price,
        }
    )


COLUMNS = PredictionColumns("order", {"predict": "prediction"}, "event_time", "price")


def judge(workspace: Workspace, name: str, week: int) -> str:
    start = MONDAY + week * WEEK
    return Monitoring(workspace.store).evaluate(name, start, start + WEEK)


@pytest.fixture
def gate(workspace: Workspace) -> Iterator[Gate]:
    return Gate(workspace)


WRITERS: dict[str, Callable[[pd.DataFrame], bytes]] = {
    "rows.csv": lambda frame: frame.to_csv(index=False).encode(),
    "rows.parquet": lambda frame: _parquet(frame),
    "rows.jsonl": lambda frame: frame.to_json(
        orient="records", lines=True, date_format="iso"
    ).encode(),
}


def _parquet(frame: pd.DataFrame) -> bytes:
    buffer = io.BytesIO()
    frame.to_parquet(buffer, index=False)
    return buffer.getvalue()


@pytest.mark.parametrize("filename", WRITERS)
def test_a_file_is_logged_and_its_window_has_scikit_learns_metrics(
    workspace: Workspace, filename: str
) -> None:
    workspace.deployments.add_external("prices", description=NUMBER)
    frame = prices(1)
    result = workspace.deployments.record_predictions(
        "prices", WRITERS[filename](frame), filename, COLUMNS
    )
    assert (result.rows, result.accepted, result.refused, result.labels) == (400, 400, 0, 400)
    logged = workspace.deployments.predictions("prices")
    assert logged["town"].tolist() == frame["town"].tolist()
    assert np.allclose(logged["out.predict"], frame["prediction"])
    assert logged["latency_ms"].isna().all()

    monitoring = Monitoring(workspace.store)
    monitoring.monitor("prices", reference_rows=400)
    info = monitoring.window(judge(workspace, "prices", 0))
    assert (info.rows, info.labelled, info.metric) == (400, 400, "mae")
    assert info.value == pytest.approx(
        metrics.mean_absolute_error(frame["price"], frame["prediction"])
    )
    assert info.metrics["r2"] == pytest.approx(
        metrics.r2_score(frame["price"], frame["prediction"])
    )


def test_a_worse_model_elsewhere_fires_and_its_report_is_drawn(workspace: Workspace) -> None:
    workspace.deployments.add_external("prices", description=NUMBER)
    monitoring = Monitoring(workspace.store)
    monitoring.monitor("prices", reference_rows=400)
    for week, error in enumerate((1.0, 1.0, 3.0, 3.0)):
        frame = prices(week, week=week, error=error)
        workspace.deployments.record_predictions("prices", frame, columns=COLUMNS)
        info = monitoring.window(judge(workspace, "prices", week))
        assert info.value == pytest.approx(
            metrics.mean_absolute_error(frame["price"], frame["prediction"])
        )
        assert info.performance_status == ("ok" if error == 1 else "fail")
        assert info.version_ref == ""
    assert monitoring.alerts("firing")["name"].tolist() == ["performance"]
    drift = monitoring.results(info.id)
    assert set(drift[drift["signal"] == "feature_drift"]["column"]) == {"", "area", "town"}
    assert not monitoring.drift_ranking(info.id).empty


def test_an_input_that_is_no_longer_sent_is_found_for_four_windows(workspace: Workspace) -> None:
    workspace.deployments.add_external("prices", description=NUMBER)
    monitoring = Monitoring(workspace.store)
    monitoring.monitor("prices", reference_rows=400)
    statuses = []
    for week in range(7):
        frame = prices(week, week=week)
        sent = frame if week < 2 else frame.drop(columns="town")
        workspace.deployments.record_predictions("prices", sent, columns=COLUMNS)
        results = monitoring.results(judge(workspace, "prices", week))
        absent = results[results["check"] == "absent_inputs"]
        statuses.append((absent["status"].item(), absent["message"].item()))
        missing = results[(results["check"] == "missing") & (results["column"] == "town")]
        assert missing["status"].tolist() == (["ok"] if week < 2 else ["fail"] if week < 6 else [])
    gone = ("warn", "no row has town")
    assert statuses == [("ok", ""), ("ok", ""), gone, gone, gone, gone, ("ok", "")]


def test_classes_with_late_labels_agree_with_scikit_learn(workspace: Workspace, gate: Gate) -> None:
    workspace.deployments.add_external("kinds", description=CLASSES)
    monitoring = Monitoring(workspace.store)
    monitoring.monitor("kinds", reference_rows=300)
    rng = np.random.default_rng(3)
    names = np.array(["low", "mid", "high"])
    truth = rng.integers(0, 3, 300)
    raw = rng.dirichlet((1, 1, 1), 300) + np.eye(3)[truth] * 0.4
    raw /= raw.sum(axis=1, keepdims=True)
    records = [
        {"id": f"k{row}", "event_at": "2026-01-06T10:00:00Z"}
        | {f"p.{name}": value for name, value in zip(names, raw[row].tolist(), strict=True)}
        for row in range(300)
    ]
    answer = gate.post("/deployments/kinds/predictions", json={"predictions": records})
    assert answer.json()["accepted"] == 300
    before = monitoring.window(judge(workspace, "kinds", 0))
    assert (before.labelled, before.value) == (0, None)

    body = {"ids": [f"k{row}" for row in range(300)], "labels": names[truth].tolist()}
    assert gate.post("/deployments/kinds/labels", json=body).json() == {
        "accepted": 300,
        "unknown": 0,
    }
    info = monitoring.window(judge(workspace, "kinds", 0))
    called = names[raw.argmax(axis=1)]
    assert info.value == pytest.approx(metrics.f1_score(names[truth], called, average="macro"))
    order = ["high", "low", "mid"]
    assert info.metrics["log_loss"] == pytest.approx(
        metrics.log_loss(names[truth], raw[:, [2, 0, 1]], labels=order)
    )
    assert info.metrics["accuracy"] == pytest.approx(metrics.accuracy_score(names[truth], called))


def test_bad_rows_are_counted_and_the_others_logged(workspace: Workspace, gate: Gate) -> None:
    workspace.deployments.add_external("prices", description=NUMBER)
    good = {"id": "a", "event_at": 1_767_600_000_000, "predict": 1.5, "area": 3, "town": 7}
    lines = [
        json.dumps(good),
        "{not json",
        "[1]",
        json.dumps(good | {"id": ""}),
        json.dumps(good | {"id": "b", "predict": "much"}),
        json.dumps(good | {"id": "c", "event_at": 17}),
        json.dumps(good | {"id": "d", "area": "wide"}),
        json.dumps(good | {"id": "e", "label": "nothing"}),
        json.dumps(good | {"id": "f", "label": 2}),
        json.dumps(good),
    ]
    answer = gate.post(
        "/deployments/prices/predictions",
        content="\n".join(lines),
        headers={"content-type": "application/x-ndjson"},
    )
    report = answer.json()
    assert answer.status_code == 200, report
    counts = {key: value for key, value in report.items() if key != "problems"}
    assert counts == {
        "rows": 10,
        "accepted": 3,
        "repeated": 1,
        "refused": 6,
        "labels": 1,
        "refused_labels": 1,
    }
    assert [problem["row"] for problem in report["problems"]] == [2, 3, 4, 5, 6, 7, 8]
    by_row = {p["row"]: (p["column"], p["message"]) for p in report["problems"]}
    assert by_row[5] == ("predict", "'much' is not a number")
    assert by_row[7][0] == "area"
    logged = workspace.deployments.predictions("prices")
    assert logged["prediction_id"].tolist() == ["a", "e", "f"]
    assert logged["town"].tolist() == ["7", "7", "7"]
    assert workspace.deployments.labels("prices")["label"].tolist() == [2.0]


def test_a_stray_cell_of_a_csv_costs_its_row_only(workspace: Workspace) -> None:
    workspace.deployments.add_external("prices", description=NUMBER)
    frame = prices(1, 60).astype({"prediction": object, "area": object})
    frame.loc[3, "prediction"], frame.loc[5, "area"] = "much", "wide"
    content = frame.to_csv(index=False).encode()
    result = workspace.deployments.record_predictions("prices", content, "rows.csv", COLUMNS)
    assert (result.accepted, result.refused) == (58, 2)
    assert [(p.row, p.column) for p in result.problems] == [(4, "prediction"), (6, "area")]
    logged = workspace.deployments.predictions("prices")
    assert logged["area"].tolist() == pytest.approx(
        frame.drop(index=[3, 5])["area"].astype(float).tolist()
    )
    preview = workspace.deployments.preview_predictions(content, "rows.csv")
    assert preview.types["prediction"] == "string"
    assert preview.values["town"] == ["Bern", "Köln"]


def test_what_was_logged_is_not_logged_again(workspace: Workspace) -> None:
    workspace.deployments.add_external("prices", description=NUMBER)
    frame = prices(1)
    record = workspace.deployments.record_predictions
    assert record("prices", frame.head(300), columns=COLUMNS).accepted == 300
    again = record("prices", frame, columns=COLUMNS)
    assert (again.accepted, again.repeated, again.labels) == (100, 300, 400)
    segments = (log.journal_folder(workspace.folder, "prices")).glob("*.sealed")
    assert sum(path.read_bytes().count(b'"q"') for path in segments) == 2
    assert len(workspace.deployments.predictions("prices")) == 400
    assert record("prices", frame, columns=COLUMNS).accepted == 0


def test_a_large_body_is_read_in_the_reader_process(workspace: Workspace, gate: Gate) -> None:
    workspace.deployments.add_external("prices", description=NUMBER)
    rows = 20_000
    records = [
        {"id": f"r{row}", "event_at": 1_767_600_000_000, "predict": row / 7, "area": row}
        for row in range(rows)
    ]
    body = {"predictions": records, "columns": None}
    assert gate.post("/deployments/prices/predictions", json=body).json()["accepted"] == rows
    body["predictions"] = [*records, records[0] | {"id": "new"}]
    again = gate.post("/deployments/prices/predictions", json=body).json()
    assert (again["accepted"], again["repeated"]) == (1, rows)
    logged = workspace.deployments.predictions("prices")
    assert len(logged) == rows + 1
    assert logged["area"].iloc[:3].tolist() == [0.0, 1.0, 2.0]


def test_what_is_served_elsewhere_is_not_asked_and_has_no_processes(
    workspace: Workspace, gate: Gate
) -> None:
    deployments = workspace.deployments
    info = deployments.add_external("prices", description=NUMBER, reason="the batch job")
    assert (info.status, info.version_ref, info.replicas) == ("external", "", ())
    Controller(workspace.store).tick()
    assert deployments.deployment("prices").replicas == ()
    answer = gate.post("/deployments/prices/invocations", json={"inputs": {"area": [1.0]}})
    assert answer.status_code == 409
    assert "served elsewhere" in answer.json()["error"]
    for refused in (deployments.stop, deployments.resume, deployments.roll_back):
        with pytest.raises(Conflict, match="served elsewhere"):
            refused("prices")
    with pytest.raises(Conflict, match="no registered version"):
        deployments.switch_version("prices", 2)
    with pytest.raises(Conflict, match="nothing to wait for"):
        deployments.wait_until_ready("prices")
    with pytest.raises(Conflict, match="already"):
        deployments.add_external("prices", description=NUMBER)


def test_what_is_needed_is_said(workspace: Workspace) -> None:
    deployments = workspace.deployments
    with pytest.raises(Invalid, match="what is predicted"):
        deployments.add_external("x")
    with pytest.raises(NotFound):
        deployments.add_external("x", "absent", 1)
    with pytest.raises(Invalid, match="classes"):
        deployments.add_external("x", description=Description("multiclass"))
    deployments.add_external("prices", description=NUMBER)
    with pytest.raises(Invalid, match="no column holds the id; no column holds the output"):
        deployments.record_predictions("prices", b"a,b\n1,2\n", "rows.csv")
    with pytest.raises(Invalid, match="none of the 1 rows can be used: row 1"):
        deployments.record_predictions("prices", b"id,prediction\n1,\n", "rows.csv")


@pytest.mark.parametrize("task", sorted(tasks.names()))
def test_every_task_can_be_sent_in(workspace: Workspace, task: str) -> None:
    plugin = tasks.get(task)
    example = plugin.example.signature
    description = Description(
        task,
        target=example.target,
        classes=example.classes,
        positive=example.positive or None,
        levels=example.levels,
        outputs=[(output.name, output.type) for output in example.outputs],
        gives=example.gives,
    )
    info = workspace.deployments.add_external("d", description=description)
    decided = plugin.decide(example, plugin.example.rows)
    sent = [column.name for column in plugin.sent_columns(info.signature)]
    frame = pd.DataFrame({name: decided[name] for name in sent})
    frame["prediction_id"] = [f"p{row}" for row in range(len(frame))]
    frame["label"] = list(plugin.example.labels)
    names, columns = workspace.deployments.prediction_columns("d", frame)
    assert set(columns.outputs.values()) == set(sent) <= set(names)
    result = workspace.deployments.record_predictions("d", frame)
    assert (result.accepted, result.labels, result.problems) == (4, 4, ())
    logged = workspace.deployments.predictions("d")
    for column in plugin.columns(info.signature):
        name = log.output_column(column.name)
        assert logged[name].tolist() == pytest.approx(decided[column.name])


def test_rows_of_a_registered_version_may_leave_inputs_out(registered: Store) -> None:
    deployments, monitoring = Deployments(registered), Monitoring(registered)
    info = deployments.add_external("late", "late", 1)
    assert (info.version_ref, info.serving_version) == ("late@1", 1)
    monitoring.monitor("late", reference_rows=2_500)
    rows, rng = 5_000, np.random.default_rng(1)
    scores = rng.uniform(size=rows)
    frame = pd.DataFrame({"prediction_id": [f"a{row}" for row in range(rows)], "score": scores})
    frame["event_time"] = MONDAY
    frame["label"] = (rng.uniform(size=rows) < scores).astype(int)
    assert deployments.record_predictions("late", frame).accepted == rows
    window = monitoring.window(monitoring.evaluate("late", MONDAY, MONDAY + WEEK))
    assert window.value == pytest.approx(metrics.roc_auc_score(frame["label"], scores))
    assert window.version_ref == "late@1"
    assert (window.status, window.columns) == ("ok", 0)

    deployments.switch_version("late", 2, "rolled out there")
    assert deployments.deployment("late").serving_version == 2
    later = frame.assign(prediction_id=[f"b{row}" for row in range(rows)])
    assert deployments.record_predictions("late", later).accepted == rows
    assert deployments.predictions("late")["version"].value_counts().to_dict() == {1: rows, 2: rows}


def test_inputs_are_dropped_and_hashed_however_they_come(workspace: Workspace, gate: Gate) -> None:
    workspace.deployments.add_external("prices", description=NUMBER)
    workspace.deployments.set_log_rules("prices", LogRules(None, ("area",), ("town",)), "people")
    row = {"id": "sent", "predict": 1.0, "area": 120.0, "town": "Bern"}
    answer = gate.post("/deployments/prices/predictions", json={"predictions": [row]})
    assert answer.status_code == 200
    frame = prices(1, rows=3).assign(town="Bern")
    workspace.deployments.record_predictions("prices", frame, columns=COLUMNS)
    logged = log.predictions(workspace.folder, "prices")
    assert len(logged) == 4
    assert not {"area", "town"} & set(logged.columns)
    assert logged["hashed.town"].nunique() == 1
    assert logged["hashed.town"].notna().all()
    assert workspace.deployments.count_erasure("prices", column="town", value="Bern").waiting == 4
