"""A deployed model version with a reference, and a log that tests fill window by window."""

from __future__ import annotations

import io
import json
import shutil
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import settings

from pilothouse.deployments.tables import Deployment
from pilothouse.experiments.tables import Experiment, Run, RunArtifact
from pilothouse.jobs import Progress
from pilothouse.kit.clock import FixedClock, to_ms
from pilothouse.kit.ids import uuid7s
from pilothouse.kit.settings import Settings
from pilothouse.models.signature import Signature, SignatureField
from pilothouse.monitoring import Monitoring
from pilothouse.monitoring.evaluate import evaluate_job
from pilothouse.registry.tables import Model, ModelVersion
from pilothouse.storage import Store
from pilothouse.workspace import open_workspace

# A busy machine is not a slow function: properties are about answers, not about milliseconds.
settings.register_profile("monitoring", deadline=None)
settings.load_profile("monitoring")

TODAY = datetime(2026, 3, 1, 12, tzinfo=UTC)  # as the clock of the tests has it
MONDAY = datetime(2013, 3, 4, tzinfo=UTC)
WEEK = timedelta(days=7)
SIGNATURE = Signature(
    inputs=(
        SignatureField("temp", "number"),
        SignatureField("hour", "integer"),
        SignatureField("carrier", "string", categories=("AA", "DL", "UA")),
        SignatureField("weekend", "boolean"),
        SignatureField("fixed", "number"),
        SignatureField("gust", "number", required=False),
        SignatureField("planned", "time"),
    ),
    target="late",
    classes=(0, 1),
    positive=1,
)
IMPORTANCE = {"column": ["hour", "temp", "carrier", "gust"], "importance": [0.2, 0.1, 0.01, -0.01]}


def draw(rows: int, seed: int, *, skill: float = 1.0) -> pd.DataFrame:
    """Rows as a model sees them, with a score and the truth that follows it as well as skill."""
    rng = np.random.default_rng(seed)
    chance = rng.beta(2, 4, rows)
    score = np.clip(skill * chance + (1 - skill) * rng.permutation(chance), 0.01, 0.99)
    return pd.DataFrame(
        {
            "temp": rng.normal(10, 5, rows),
            "hour": rng.integers(5, 23, rows),
            "carrier": rng.choice(["AA", "DL", "UA"], rows, p=[0.5, 0.3, 0.2]),
            "weekend": rng.random(rows) < 0.3,
            "fixed": np.full(rows, 7.0),
            "gust": np.where(rng.random(rows) < 0.2, np.nan, rng.gamma(3, 5, rows)),
            "planned": pd.Timestamp("2013-01-01") + pd.to_timedelta(chance * 365, "D").floor("D"),
            "score": score,
            "late": (rng.random(rows) < chance).astype(int),
        }
    )


@dataclass(frozen=True)
class Desk:
    """What a test of monitoring has at hand."""

    store: Store
    clock: FixedClock
    deployment: str = "late"
    number: int = 1
    signature: Signature = SIGNATURE

    @staticmethod
    def draw(rows: int, seed: int, **how: Any) -> pd.DataFrame:
        return draw(rows, seed, **how)

    @staticmethod
    def week(number: int) -> datetime:
        """The Monday that the number-th week begins with."""
        return MONDAY + number * WEEK

    @property
    def monitoring(self) -> Monitoring:
        return Monitoring(self.store)

    def register(self, number: int, frame: pd.DataFrame, signature: Signature) -> Desk:
        """Another version of the model, of other inputs, with the frame as its held-out rows."""
        _register(self.store, number, frame, signature)
        return replace(self, number=number, signature=signature)

    def as_version(self, number: int) -> Desk:
        return replace(self, number=number)

    def log(
        self, frame: pd.DataFrame, start: datetime, *, labelled: float = 1.0, days: int = 7
    ) -> list[str]:
        """Log rows as answered evenly over the week, with labels for the first share of them."""
        ids = uuid7s(len(frame), to_ms(start))
        seconds = np.linspace(0, days * 24 * 3600 - 1, max(len(frame), 1))
        spread = pd.to_timedelta(seconds, unit="s")
        now = pd.Timestamp(self.store.now())
        logged = frame.drop(columns=["late"], errors="ignore").assign(
            prediction_id=ids,
            model="late",
            version=self.number,
            event_at=(pd.Timestamp(start) + spread)[: len(frame)].floor("ms"),
            received_at=now,
            latency_ms=1.0,
        )
        for day, rows in logged.groupby(logged["event_at"].dt.normalize()):
            self._write("predictions", rows, day)
        if "late" in frame:
            count = int(labelled * len(frame))
            self.label(ids[:count], frame["late"].tolist()[:count], start)
        return ids

    def label(self, ids: list[str], labels: list[Any], at: datetime) -> None:
        """Log what came true."""
        rows = pd.DataFrame({"prediction_id": ids, "label": labels})
        received = pd.Timestamp(self.store.now())
        self._write("labels", rows.assign(label_at=pd.Timestamp(at), received_at=received), at)

    def _write(self, tree: str, frame: pd.DataFrame, at: datetime) -> None:
        day = self.store.folder / tree / self.deployment / f"date={at:%Y-%m-%d}"
        day.mkdir(parents=True, exist_ok=True)
        frame.to_parquet(day / f"{len(list(day.iterdir())):04}.parquet", index=False)

    def evaluate(self, start: datetime, span: timedelta = WEEK) -> dict[str, Any]:
        """Judge a window as a child process does."""
        end = start + span
        quiet = Progress(self.store, None)
        return evaluate_job(self.store, quiet, self.deployment, to_ms(start), to_ms(end))


def _register(
    store: Store, number: int, frame: pd.DataFrame, signature: Signature = SIGNATURE
) -> None:
    """A finished run with its held-out rows and importance, and the version made of it."""
    buffer = io.BytesIO()
    frame.rename(columns={"score": "__score", "late": "__target"}).to_parquet(buffer, index=False)
    files = {
        "reference.parquet": buffer.getvalue(),
        "importance.json": json.dumps(IMPORTANCE).encode(),
    }
    digest = store.artifacts.put_bytes(b"a model")
    run = f"{number:032x}"
    now = store.now()
    with store.write() as session:
        session.add(
            Run(id=run, experiment_id=1, name="a", status="finished", created_at=now, user="ada")
        )
        session.flush()
        for path, data in files.items():
            file_digest = store.artifacts.put_bytes(data)
            session.add(RunArtifact(run_id=run, path=path, digest=file_digest, size=len(data)))
        session.add(
            ModelVersion(
                model="late",
                version=number,
                run_id=run,
                digest=digest,
                signature=signature.to_json(),
                input_example=[],
                metrics={},
                created_at=now,
                created_by="ada",
            )
        )


@pytest.fixture(scope="session")
def desk_folder(tmp_path_factory: pytest.TempPathFactory, empty_database: Path) -> Path:
    """The workspace that a desk begins with: to make it takes longer than many of its tests."""
    folder = tmp_path_factory.mktemp("desk") / "workspace"
    folder.mkdir(mode=0o700)
    shutil.copy(empty_database, folder)
    settings = Settings(workspace=folder, actor="ada", code_patch=False)
    store = open_workspace(settings=settings, clock=FixedClock(TODAY)).store
    now = store.now()
    with store.write() as session:
        session.add(Experiment(id=1, name="late", created_at=now, created_by="ada"))
        session.add(Model(name="late", created_at=now, created_by="ada"))
    for number in (1, 2):
        _register(store, number, draw(6_000, seed=number))
    with store.write() as session:
        session.add(
            Deployment(
                name="late",
                model="late",
                version=1,
                created_at=now,
                created_by="ada",
                updated_at=now,
            )
        )
    Monitoring(store).monitor("late")
    store.engine.dispose()
    return folder


@pytest.fixture
def new_folder(tmp_path: Path, empty_database: Path, request: pytest.FixtureRequest) -> Path:
    """The folder of a new workspace, or of one with what a desk needs."""
    folder = tmp_path / "workspace"
    if "desk" in request.fixturenames:
        shutil.copytree(request.getfixturevalue("desk_folder"), folder)
    else:
        folder.mkdir(mode=0o700)
        shutil.copy(empty_database, folder)
    return folder


@pytest.fixture
def desk(store: Store, clock: FixedClock) -> Desk:
    """Two versions of a model, the first deployed and monitored."""
    return Desk(store, clock)
