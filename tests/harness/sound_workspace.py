"""A closed workspace with something of every kind in it, which `pilothouse doctor` calls sound."""

from __future__ import annotations

import io
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
import pandas as pd

from harness.policies import set_gates
from pilothouse.deployments.prediction_log import compaction, log
from pilothouse.deployments.prediction_log.journal import Journal
from pilothouse.experiments import late_writes
from pilothouse.experiments.tables import Experiment, Run, RunArtifact
from pilothouse.experiments.trusted_models import record_written
from pilothouse.kit.clock import FixedClock, to_ms
from pilothouse.kit.ids import uuid7s
from pilothouse.kit.settings import Settings
from pilothouse.models.signature import Signature, SignatureField
from pilothouse.monitoring.alert_rules import AlertRuleSpec
from pilothouse.registry.policy import GateRule
from pilothouse.registry.tables import Model, ModelVersion
from pilothouse.storage import Store
from pilothouse.workspace import open_workspace

MONDAY = datetime(2013, 3, 4, tzinfo=UTC)
WEEK = timedelta(days=7)
SIGNATURE = Signature((SignatureField("temp", "number", low=-5, high=30),), "late", (0, 1), 1)
EXAMPLE = {"temp": 12.5}


def add_version(store: Store, number: int) -> None:
    run, now = f"{number:032x}", store.now()
    rows = io.BytesIO()
    rng = np.random.default_rng(number)
    scores = {"temp": rng.random(300), "__score": rng.random(300), "__target": [0, 1, 1] * 100}
    pd.DataFrame(scores).to_parquet(rows, index=False)
    importance = b'{"column": ["temp"], "importance": [0.2]}'
    with store.write() as session:
        session.add(
            Run(id=run, experiment_id=1, name="a", status="finished", created_at=now, user="ada")
        )
        session.flush()
        model = store.artifacts.put_bytes(f"model {number}".encode())
        record_written(session, store, model, run)
        files = {"reference.parquet": rows.getvalue(), "importance.json": importance}
        for path, data in files.items():
            digest = store.artifacts.put_bytes(data)
            session.add(RunArtifact(run_id=run, path=path, digest=digest, size=len(data)))
        session.add(
            ModelVersion(
                model="late",
                version=number,
                run_id=run,
                digest=model,
                signature=SIGNATURE.to_json(),
                input_example=[EXAMPLE],
                metrics={"roc_auc": 0.7 + number / 100},
                dataset="flights@1",
                created_at=now,
                created_by="ada",
            )
        )
        session.flush()
        late_writes.hold_sources(session, f"late@{number}", [(run, "")])


def answer(writer: Journal, rows: int, seed: int) -> None:
    """One answered and labelled request within the first week."""
    rng = np.random.default_rng(seed)
    ids, start = uuid7s(rows, to_ms(MONDAY)), to_ms(MONDAY)
    line: dict[str, Any] = {"at": writer.stamp(), "version": 1, "rows": rows, "ms": 1.5}
    line |= {"status": 200, "ids": ids, "model": "late", "event": [start] * rows}
    line |= {"score": rng.random(rows).tolist(), "columns": {"temp": rng.random(rows).tolist()}}
    writer.predictions(1, SIGNATURE, line)
    labels = {"at": writer.stamp(), "ids": ids, "labels": [0, 1] * (rows // 2)}
    writer.labels(labels | {"times": [start] * rows})


def build(folder: Path) -> None:
    """Make the workspace in a new folder."""
    clock = FixedClock(datetime(2026, 3, 1, 11, tzinfo=UTC))
    opened = open_workspace(settings=Settings(workspace=folder, actor="ada"), clock=clock)
    store, now = opened.store, clock.now()
    frame = pd.DataFrame({"temp": [float(n) for n in range(40)], "late": [0, 1] * 20})
    opened.data.register("flights", frame)
    with store.write() as session:
        session.add(Experiment(id=1, name="late", created_at=now, created_by="ada"))
        session.add(Model(name="late", created_at=now, created_by="ada"))
    run = opened.experiments.start("late")
    opened.experiments.log_params(run, {"depth": 3})
    opened.experiments.log_history(run, "loss", [0, 1, 2], [3.0, 2.0, 1.0])
    opened.experiments.log_artifact(run, "note.txt", b"as it was")
    opened.experiments.finish(run)
    still = opened.experiments.start("late")
    opened.experiments.log_history(still, "loss", [0, 1], [5.0, 4.0])
    for number in (1, 2):
        add_version(store, number)
    with patch("pilothouse.deployments.controller.trial.try_version", lambda *_: ""):
        registry = opened.registry
    rule = GateRule("metric_threshold", {"metric": "roc_auc", "threshold": 0.1})
    set_gates(opened, "production", [rule])
    registry.promote("late", 1, "production", "the first")
    registry.set_alias("late", "shadow", 2, "to be tried")
    registry.edit_card("late", 2, {"licence": "mit"})
    opened.deployments.launch("late", "late", 1, "to be tried")
    opened.monitoring.monitor("late", drifted_share=0.2)
    rule = AlertRuleSpec("any drift", "feature_drift", "drifted_share", "above", 0.0)
    opened.monitoring.add_rule("late", rule)
    writer = Journal(log.journal_folder(folder, "late"))
    answer(writer, 200, 1)
    writer.seal()
    compaction.compact(folder)
    answer(writer, 10, 2)
    writer.seal()
    opened.monitoring.evaluate("late", MONDAY, MONDAY + WEEK)
    with store.engine.connect() as connection:
        connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
    store.engine.dispose()
