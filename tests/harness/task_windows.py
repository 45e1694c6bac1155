"""Windows of predictions by models of every task, drawn from known distributions."""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from pilothouse.deployments.prediction_log.stored_columns import MARK, output_column
from pilothouse.deployments.tables import Deployment
from pilothouse.experiments.tables import Experiment, Run, RunArtifact
from pilothouse.jobs import Progress
from pilothouse.kit.clock import FixedClock, to_ms
from pilothouse.kit.ids import uuid7s
from pilothouse.models.answers import REFERENCE_PATH
from pilothouse.models.signature import OutputField, Signature, SignatureField
from pilothouse.models.tasks import task_of
from pilothouse.monitoring import Monitoring
from pilothouse.monitoring.evaluate import evaluate_job
from pilothouse.registry.evaluations import (
    EvaluationResult,
    record_evaluation,
)
from pilothouse.registry.tables import Model, ModelVersion
from pilothouse.storage import Store

WEEK = timedelta(days=7)
MONDAY = datetime.fromisoformat("2013-03-04T00:00:00+00:00")
INPUTS = (SignatureField("x", "number"), SignatureField("z", "number"))
ROWS = 2_000
NAME, EXPERIMENT = "served", 9_000


@dataclass(frozen=True)
class Drawn:
    """Rows as a model sees them, as it answers them, and as people label them."""

    features: pd.DataFrame
    raw: list[list[Any]]
    labels: list[Any]


def sigmoid(x: Any) -> Any:
    return 1 / (1 + np.exp(-x))


def binary(x: Any, z: Any, rng: Any, wrong: bool) -> tuple[Any, list[Any]]:
    score = sigmoid(2 * x)
    label = rng.random(len(x)) < (rng.permutation(score) if wrong else score)
    return np.column_stack([1 - score, score]), ["yes" if y else "no" for y in label]


def multiclass(x: Any, z: Any, rng: Any, wrong: bool) -> tuple[Any, list[Any]]:
    logits = np.column_stack([-2 * x, 2 * z, 2 * x])
    chance = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    truth = (chance.cumsum(axis=1) > rng.random((len(x), 1))).argmax(axis=1)
    truth = rng.permutation(truth) if wrong else truth
    return chance, [("low", "mid", "high")[k] for k in truth]


def regression(x: Any, z: Any, rng: Any, wrong: bool) -> tuple[Any, list[Any]]:
    predicted = 10 + 3 * x
    return predicted[:, None], list(predicted + rng.normal(0, 2 if wrong else 1, len(x)))


def quantile(x: Any, z: Any, rng: Any, wrong: bool) -> tuple[Any, list[Any]]:
    middle = 10 + 3 * x
    raw = np.column_stack([middle - 1.2816, middle, middle + 1.2816])
    return raw, list(middle + rng.normal(0, 2 if wrong else 1, len(x)))


def multilabel(x: Any, z: Any, rng: Any, wrong: bool) -> tuple[Any, list[Any]]:
    chance = sigmoid(2 * np.column_stack([x, z]))
    applies = rng.random(chance.shape) < (rng.permutation(chance) if wrong else chance)
    return chance, [";".join(n for n, y in zip("ab", row, strict=True) if y) for row in applies]


def ranking(x: Any, z: Any, rng: Any, wrong: bool) -> tuple[Any, list[Any]]:
    grade = np.clip(np.round(x + rng.normal(0, 0.2, len(x)) + 1), 0, 3)
    return x[:, None], list(rng.permutation(grade) if wrong else grade)


def unspecified(x: Any, z: Any, rng: Any, wrong: bool) -> tuple[Any, list[Any]]:
    raw = [[float(a), "near" if a < 0 else "far"] for a in x]
    return raw, [None] * len(x)


def sign(**how: Any) -> Signature:
    return Signature(INPUTS, "y", **how)


CASES: dict[str, tuple[Signature, Callable[..., tuple[Any, list[Any]]]]] = {
    "binary": (sign(classes=("no", "yes"), positive="yes"), binary),
    "multiclass": (sign(task="multiclass", classes=("low", "mid", "high")), multiclass),
    "regression": (sign(task="regression", gives="value", unit="USD"), regression),
    "quantile": (sign(task="quantile", gives="value", levels=(0.1, 0.5, 0.9)), quantile),
    "multilabel": (
        sign(task="multilabel", outputs=(OutputField("a"), OutputField("b"))),
        multilabel,
    ),
    "ranking": (sign(task="ranking", gives="value"), ranking),
    "unspecified": (
        sign(
            task="unspecified",
            gives="value",
            outputs=(OutputField("distance"), OutputField("side", "string")),
        ),
        unspecified,
    ),
}


def draw(task: str, seed: int, *, shift: float = 0.0, wrong: bool = False) -> Drawn:
    rng = np.random.default_rng(seed)
    x, z = rng.normal(shift, 1, ROWS), rng.normal(0, 1, ROWS)
    raw, labels = CASES[task][1](x, z, rng, wrong)
    return Drawn(pd.DataFrame({"x": x, "z": z}), [list(row) for row in raw], labels)


@dataclass(frozen=True)
class Served:
    """A deployment of a version of one task, and the log of its predictions."""

    store: Store
    clock: FixedClock
    task: str

    @property
    def signature(self) -> Signature:
        return CASES[self.task][0]

    @property
    def monitoring(self) -> Monitoring:
        return Monitoring(self.store)

    def week(self, number: int, drawn: Drawn, *, labelled: bool = True) -> dict[str, Any]:
        """Log a week's rows as the server does, and judge it."""
        start = MONDAY + number * WEEK
        self.clock.advance(timedelta(minutes=1))
        ids = uuid7s(ROWS, to_ms(start))
        outputs = task_of(self.signature).decide(self.signature, drawn.raw)
        logged = {column.name for column in task_of(self.signature).columns(self.signature)}
        frame = drawn.features.assign(
            prediction_id=ids,
            model=NAME,
            version=1,
            event_at=pd.Timestamp(start) + pd.to_timedelta(np.arange(ROWS), unit="s"),
            received_at=pd.Timestamp(self.store.now()),
            latency_ms=1.0,
            **{output_column(name): outputs[name] for name in logged},
        )
        self._write("predictions", frame, start)
        if labelled and drawn.labels[0] is not None:
            labels = pd.DataFrame({"prediction_id": ids, "label": drawn.labels})
            at = {"label_at": pd.Timestamp(start), "received_at": pd.Timestamp(self.store.now())}
            self._write("labels", labels.assign(**at), start)
        return self.judge(number)

    def judge(self, number: int) -> dict[str, Any]:
        start = MONDAY + number * WEEK
        span = (to_ms(start), to_ms(start + WEEK))
        return evaluate_job(self.store, Progress(self.store, None), NAME, *span)

    def _write(self, tree: str, frame: pd.DataFrame, at: datetime) -> None:
        day = self.store.folder / tree / NAME / f"date={at:%Y-%m-%d}"
        day.mkdir(parents=True, exist_ok=True)
        table = pa.Table.from_pandas(frame, preserve_index=False)
        marked = table.replace_schema_metadata({**(table.schema.metadata or {}), **MARK})
        pq.write_table(marked, day / "0000.parquet")

    def results(self, window: str, signal: str) -> pd.DataFrame:
        results = self.monitoring.results(window)
        return results[results["signal"] == signal]

    def give_run(self, drawn: Drawn) -> None:
        """A run with held-out rows becomes the source of the version."""
        self._add_run("a" * 32, drawn)
        with self.store.write() as session:
            row = session.get(ModelVersion, (NAME, 1))
            assert row is not None
            row.run_id = "a" * 32
            session.add(row)

    def give_evaluation(self, drawn: Drawn) -> None:
        """An evaluation of the version on held-out rows."""
        digest = self._add_run("b" * 32, drawn)
        result = EvaluationResult("b" * 32, "d@1", "y", "rows", ROWS, {}, digest)
        with self.store.write() as session:
            record_evaluation(session, self.store, NAME, 1, result)

    def _add_run(self, run_id: str, drawn: Drawn) -> str:
        """A run with held-out rows; the digest of their file."""
        outputs = task_of(self.signature).decide(self.signature, drawn.raw)
        truth = task_of(self.signature).truth(self.signature, drawn.labels)
        target = truth if truth.ndim == 1 else drawn.labels
        columns = {f"__{name}": values for name, values in outputs.items()}
        buffer = io.BytesIO()
        drawn.features.assign(**columns, __target=target).to_parquet(buffer, index=False)
        digest = self.store.artifacts.put_bytes(buffer.getvalue())
        size = len(buffer.getvalue())
        now = self.store.now()
        with self.store.write() as session:
            run = Run(id=run_id, experiment_id=EXPERIMENT, name="a", created_at=now, user="ada")
            run.status = "finished"
            session.add(run)
            session.flush()
            file = RunArtifact(run_id=run_id, path=REFERENCE_PATH, digest=digest, size=size)
            session.add(file)
        return digest


def begin(store: Store, clock: FixedClock, task: str) -> Served:
    """A monitored deployment of a version of that task, which came without held-out rows."""
    now = store.now()
    with store.write() as session:
        session.add(Experiment(id=EXPERIMENT, name=NAME, created_at=now, created_by="ada"))
        session.add(Model(name=NAME, created_at=now, created_by="ada"))
        session.flush()
        session.add(
            ModelVersion(
                model=NAME,
                version=1,
                import_source="elsewhere",
                digest=store.artifacts.put_bytes(b"a model"),
                signature=CASES[task][0].to_json(),
                input_example=[],
                metrics={},
                created_at=now,
                created_by="ada",
            )
        )
        session.flush()
        session.add(
            Deployment(name=NAME, model=NAME, version=1, created_at=now, created_by="ada",
                       updated_at=now)
        )  # fmt: skip
    Monitoring(store).monitor(NAME)
    return Served(store, clock, task)
