"""A screen of the app as a visitor's address opens it, drawn without a browser."""

from __future__ import annotations

import io
import json
import shutil
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
import pandas as pd
import pytest
from streamlit.components.v2 import manifest_scanner
from streamlit.testing.v1 import AppTest

from harness.policies import set_gates
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
from pilothouse.workspace import Workspace, open_workspace

Visit = Callable[..., AppTest]


def script() -> None:
    """What `main.py` does, for the screen that the test asks for."""
    import streamlit as st

    from pilothouse_app.components.errors import error_boundary
    from pilothouse_app.components.links import follow_pending
    from pilothouse_app.components.toasts import show_toasts
    from pilothouse_app.screens import all_screens, pages, parent_list

    st.navigation(pages())
    follow_pending()
    show_toasts()
    wanted = st.session_state["_test_path"]
    with error_boundary(parent_list(wanted)):
        next(render for screen, render in all_screens() if screen.path == wanted)()


@pytest.fixture(scope="session", autouse=True)
def scanned_once() -> Iterator[None]:
    """Each `AppTest` reads the metadata of every installed package; here, the first one does."""
    scan = cache(manifest_scanner.scan_component_manifests)
    with patch.object(manifest_scanner, "scan_component_manifests", scan):
        yield


@pytest.fixture
def visit(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> Visit:
    """`visit("job", id="...")` opens a page with these parameters in its address."""
    monkeypatch.setattr("pilothouse_app.components.workspace.opened", lambda _path: workspace)

    def at(path: str, **params: Any) -> AppTest:
        page = AppTest.from_function(script, default_timeout=30)
        page.session_state["_test_path"] = path
        for name, value in params.items():
            page.query_params[name] = str(value)
        return page.run()

    return at


MONDAY = datetime(2013, 3, 4, tzinfo=UTC)
WEEK = timedelta(days=7)
SIGNATURE = Signature(
    inputs=(
        SignatureField("temp", "number", low=-5, high=30),
        SignatureField("hour", "integer"),
        SignatureField("carrier", "string", categories=("AA", "DL", "UA")),
        SignatureField("gust", "number", required=False),
    ),
    target="late",
    classes=(0, 1),
    positive=1,
)
EXAMPLE = {"temp": 12.5, "hour": 7, "carrier": "DL", "gust": None}
METRICS = {1: {"roc_auc": 0.72, "log_loss": 0.5}, 2: {"roc_auc": 0.74, "log_loss": 0.48}}


def draw(rows: int, seed: int, warmer: float = 0.0) -> pd.DataFrame:
    """Rows as the model sees them, with a score and the truth that follows it."""
    rng = np.random.default_rng(seed)
    chance = rng.beta(2, 4, rows)
    return pd.DataFrame(
        {
            "temp": rng.normal(10 + warmer, 5, rows),
            "hour": rng.integers(5, 23, rows),
            "carrier": rng.choice(["AA", "DL", "UA"], rows),
            "gust": rng.gamma(3, 5, rows),
            "score": chance,
            "late": (rng.random(rows) < chance).astype(int),
        }
    )


def add_version(store: Store, number: int) -> None:
    """A finished run with its held-out rows, and the version made of it."""
    held_out = io.BytesIO()
    frame = draw(1_000, number).rename(columns={"score": "__score", "late": "__target"})
    frame.to_parquet(held_out, index=False)
    importance = {"column": ["temp", "hour"], "importance": [0.2, 0.1]}
    files = {"reference.parquet": held_out.getvalue(),
             "importance.json": json.dumps(importance).encode()}  # fmt: skip
    run, now = f"{number:032x}", store.now()
    with store.write() as session:
        session.add(
            Run(id=run, experiment_id=1, name="a", status="finished", created_at=now, user="ada")
        )
        session.flush()
        record_written(session, store, store.artifacts.put_bytes(b"a model"), run)
        for path, data in files.items():
            kept = store.artifacts.put_bytes(data)
            session.add(RunArtifact(run_id=run, path=path, digest=kept, size=len(data)))
        session.add(
            ModelVersion(
                model="late",
                version=number,
                run_id=run,
                digest=store.artifacts.put_bytes(b"a model"),
                signature=SIGNATURE.to_json(),
                input_example=[EXAMPLE],
                metrics=METRICS[number],
                created_at=now,
                created_by="ada",
            )
        )


def log_week(store: Store, number: int, warmer: float) -> None:
    """A week of answered and labelled predictions."""
    start, frame = MONDAY + number * WEEK, draw(400, 10 + number, warmer)
    ids, now = uuid7s(len(frame), to_ms(start)), pd.Timestamp(store.now())
    frame["prediction_id"] = ids
    answered = frame.drop(columns="late").assign(
        model="late", version=1, event_at=pd.Timestamp(start), received_at=now, latency_ms=4.0
    )
    told = pd.DataFrame({"prediction_id": ids, "label": frame["late"], "label_at": now})
    for tree, rows in (("predictions", answered), ("labels", told.assign(received_at=now))):
        day = store.folder / tree / "late" / f"date={start:%Y-%m-%d}"
        day.mkdir(parents=True)
        rows.to_parquet(day / "0000.parquet", index=False)


@pytest.fixture(scope="session")
def sailed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with two versions, a deployment, three judged weeks and a firing alert."""
    clock = FixedClock(datetime(2026, 3, 1, 11, tzinfo=UTC))
    folder = tmp_path_factory.mktemp("sailed") / "workspace"
    opened = open_workspace(settings=Settings(workspace=folder, actor="ada"), clock=clock)
    store, now = opened.store, clock.now()
    with store.write() as session:
        session.add(Experiment(id=1, name="late", created_at=now, created_by="ada"))
        session.add(Model(name="late", created_at=now, created_by="ada"))
    for number in (1, 2):
        add_version(store, number)
    with patch("pilothouse.deployments.controller.trial.try_version", lambda *_: ""):
        registry = opened.registry
    set_gates(opened, "production", [GateRule("beats_champion")])
    registry.promote("late", 1, "production", "the first")
    opened.deployments.launch("late", "late", 1, "to be tried")
    opened.monitoring.monitor("late", drifted_share=0.2)
    opened.monitoring.add_rule(
        "late", AlertRuleSpec("any drift", "feature_drift", "drifted_share", "above", 0.2)
    )
    for number, warmer in enumerate((0.0, 20.0, 20.0)):
        log_week(store, number, warmer)
        start = MONDAY + number * WEEK
        opened.monitoring.evaluate("late", start, start + WEEK)
    store.engine.dispose()
    return folder


@pytest.fixture
def served(sailed: Path, workspace: Workspace, clock: FixedClock) -> Iterator[Workspace]:
    """A copy of that folder, opened: every page has something to show."""
    folder = workspace.folder.with_name("served")
    shutil.copytree(sailed, folder)
    opened = open_workspace(settings=Settings(workspace=folder, actor="ada"), clock=clock)
    yield opened
    opened.store.engine.dispose()


@pytest.fixture
def tour(served: Workspace, visit: Visit, monkeypatch: pytest.MonkeyPatch) -> Visit:
    """`visit`, to the workspace where everything has been seen once."""
    monkeypatch.setattr("pilothouse_app.components.workspace.opened", lambda _path: served)
    return visit
