"""A retraining of a model of every task that training fits: data, spec, comparison, proposal."""

from __future__ import annotations

import io
from datetime import timedelta
from typing import Any

import joblib
import numpy as np
import pandas as pd
import pytest
from sklearn import metrics as oracle

from harness.logged_days import log_days
from pilothouse.deployments.prediction_log.stored_columns import output_column
from pilothouse.kit.clock import FixedClock, to_ms
from pilothouse.kit.errors import Conflict, Invalid
from pilothouse.kit.ids import uuid7s
from pilothouse.models.signature import Signature
from pilothouse.models.tasks import primary_metric, task_of
from pilothouse.pipelines import retraining
from pilothouse.pipelines.champion_comparison import _as_truth
from pilothouse.registry.evidence import ChampionComparison
from pilothouse.training import TrainingSpec
from pilothouse.training.fit import train_job
from pilothouse.workspace import Workspace

ROWS = 700
NAME = "homes"


def homes(seed: int, rows: int = ROWS, slope: float = 3.0) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame({"x": rng.normal(size=rows), "area": rng.choice(["n", "s"], rows)})
    price = slope * frame["x"] + (frame["area"] == "n") + rng.normal(0, 0.5, rows)
    three = np.array(["low", "mid", "high"])[np.digitize(price, [-1, 1])]
    return frame.assign(
        price=price,
        sold=np.where(price > 0.5, "yes", "no"),
        band=three,
        at=pd.date_range("2026-01-01", periods=rows, freq="h", tz="UTC"),
    )


def quiet(*_: Any) -> None:
    pass


PROGRESS: Any = quiet


def serve(workspace: Workspace, target: str, **choices: Any) -> None:
    """The champion homes@1, deployed."""
    data = workspace.data.register("listings", homes(1), event_time="at").ref
    spec = TrainingSpec(
        data,
        target,
        trainer="random_forest",
        features=("x", "area"),
        folds=2,
        evaluation="held_out",
        **choices,
    )
    workspace.registry.register(NAME, workspace.training.train_now(spec))
    workspace.registry.promote(NAME, 1, "production", "the first")
    workspace.deployments.launch(NAME, NAME, 1, "the first")


def log(workspace: Workspace, clock: FixedClock, target: str, as_text: bool = False) -> None:
    """Labelled predictions of the last four weeks, from a world that has changed."""
    rows = homes(2, slope=-3.0)
    start = clock.now() - timedelta(days=28)
    ids = uuid7s(ROWS, to_ms(start))
    signature = workspace.registry.version(NAME, 1).signature
    answer = {"regression": 0.0, "quantile": 0.0}.get(signature.task, 0.5)
    outputs = {
        output_column(column.name): "low" if column.kind == "category" else answer
        for column in task_of(signature).columns(signature)
    }
    frame = rows[["x", "area"]].assign(
        prediction_id=ids,
        model=NAME,
        version=1,
        event_at=pd.Timestamp(start) + pd.to_timedelta(np.arange(ROWS), unit="h"),
        received_at=pd.Timestamp(clock.now()),
        latency_ms=1.0,
        **outputs,
    )
    labels = pd.DataFrame({"prediction_id": ids, "label": rows[target]})
    labels["label"] = labels["label"].astype(str) if as_text else labels["label"]
    at = {"label_at": pd.Timestamp(start), "received_at": pd.Timestamp(clock.now())}
    log_days(workspace.folder, NAME, frame, labels.assign(**at))


def retrain(workspace: Workspace) -> tuple[dict[str, Any], dict[str, Any], dict[str, Any]]:
    """The steps of the workflow: the snapshot, the comparison and the proposal."""
    store = workspace.store
    data = retraining.snapshot(store, PROGRESS, deployment=NAME, weeks=8, until_ms=None)
    trained = train_job(store, PROGRESS, spec=data["spec"], job_id="a-job")
    subject = {"run": trained["run"], "model": NAME, "champion": 1}
    compared = retraining.compare(store, PROGRESS, **subject, dataset=data["dataset"])
    proposal = retraining.propose(store, PROGRESS, **subject, compared=compared, reason="drift")
    return data | trained, compared, proposal


CASES = [
    ("sold", "binary", {"positive": "yes"}),
    ("band", "multiclass", {}),
    ("price", "regression", {}),
]


@pytest.mark.parametrize(("target", "task", "choices"), CASES)
def test_the_challenger_is_judged_by_the_metric_of_its_task(
    workspace: Workspace,
    clock: FixedClock,
    answering: None,
    target: str,
    task: str,
    choices: dict[str, Any],
) -> None:
    serve(workspace, target, **choices)
    log(workspace, clock, target)
    data, compared, proposal = retrain(workspace)
    assert data["spec"]["task"] == task
    signature = workspace.registry.version(NAME, 1).signature
    assert compared["metric"] == primary_metric(task_of(signature))

    promotion = workspace.registry.promotion(proposal["promotion"])
    frozen = ChampionComparison.from_json(promotion.evidence["comparison"])
    assert frozen.candidate[compared["metric"]] == compared["challenger"]
    assert frozen.champion[compared["metric"]] == compared["champion"]
    assert frozen.interval is not None
    assert frozen.interval["metric"] == compared["metric"]
    assert frozen.interval["unit"] == "days"
    assert 14 <= frozen.interval["n"] <= 15
    better = compared["challenger"] - compared["champion"]
    assert frozen.interval["delta"] == pytest.approx(better, abs=1e-6)
    assert frozen.interval["low"] < better < frozen.interval["high"]
    verdict = next(v for v in promotion.verdicts if v.gate == "beats_champion")
    assert verdict.outcome == "passed", verdict.message
    assert verdict.figure == compared["challenger"]
    (difference,) = [v for v in promotion.verdicts if v.gate == "not_worse_beyond_chance"]
    assert difference.figure in (frozen.interval["low"], frozen.interval["high"])
    is_certain = frozen.interval["low"] > 0 or frozen.interval["high"] < 0
    assert is_certain is ("not better beyond chance" not in difference.message)
    (item,) = [item for item in workspace.attention.items() if item.kind == "promotion"]
    assert item.message.endswith(difference.message)


def test_the_champion_answers_the_rows_that_the_run_held_out(
    workspace: Workspace, clock: FixedClock, answering: None
) -> None:
    serve(workspace, "price")
    log(workspace, clock, "price", as_text=True)
    data, compared, _ = retrain(workspace)
    content = workspace.experiments.artifact(data["run"], "reference.parquet")
    rows = pd.read_parquet(io.BytesIO(content))
    digest = workspace.registry.version(NAME, 1).digest
    champion = joblib.load(io.BytesIO(workspace.store.artifacts.read(digest)))
    own = oracle.mean_absolute_error(rows["__target"], champion.predict(rows[["x", "area"]]))
    assert compared["champion"] == pytest.approx(own, abs=1e-9)
    recorded = workspace.experiments.run(data["run"]).metrics["mae"].last
    assert compared["challenger"] == pytest.approx(recorded, abs=1e-9)
    assert compared["rows"] == len(rows)


def test_the_policy_says_which_rows_are_learned_from(
    workspace: Workspace, clock: FixedClock, answering: None
) -> None:
    serve(workspace, "price")
    log(workspace, clock, "price")
    start, step = clock.now() - timedelta(days=28), timedelta(hours=1)

    def snapshot(weeks: int | None = None, **settings: Any) -> dict[str, Any]:
        workspace.pipelines.set_retraining_policy(NAME, min_rows=10, **settings)
        return retraining.snapshot(
            workspace.store, PROGRESS, deployment=NAME, weeks=weeks, until_ms=None
        )

    last, count = clock.now(), 28 * 24 + 1  # what claims to be later is not counted
    for settings, first in (
        ({"rows": "weeks", "weeks": 2}, last - timedelta(days=14) + step),
        ({"rows": "since", "since": start + timedelta(days=3)}, start + timedelta(days=3)),
        ({"rows": "all", "half_life_days": 21, "held_out_days": 7}, start),
    ):
        data = snapshot(**settings)
        times = workspace.data.frame(data["dataset"])["event_at"]
        assert (times.min(), times.max()) == (first, last), settings
        assert len(times) == round((last - first) / step) + 1
    assert data["spec"]["half_life_days"] == 21
    assert data["spec"]["test_share"] == pytest.approx(7 * 24 / count, abs=1e-9)
    assert snapshot(weeks=1)["rows"] == 7 * 24

    workspace.pipelines.set_retraining_policy(NAME, min_rows=10_000)
    with pytest.raises(Invalid, match="10000 are needed"):
        retraining.snapshot(workspace.store, PROGRESS, deployment=NAME, weeks=1, until_ms=None)
    workspace.pipelines.set_retraining_policy(NAME, mode="off")
    with pytest.raises(Conflict, match="is off"):
        retraining.snapshot(workspace.store, PROGRESS, deployment=NAME, weeks=1, until_ms=None)


def test_a_run_that_answers_something_else_is_not_compared(
    workspace: Workspace, answering: None
) -> None:
    serve(workspace, "price")
    spec = TrainingSpec(
        "listings@1", "band", features=("x", "area"), folds=2, evaluation="held_out"
    )
    run = workspace.training.train_now(spec)
    with pytest.raises(Invalid, match="answers something else than the run"):
        retraining.compare(workspace.store, PROGRESS, run=run, model=NAME, champion=1)


def test_labels_are_those_of_the_champion_whichever_class_is_first_or_positive() -> None:
    labels = ["yes", "no", "no", "yes", None]
    signatures = [
        Signature((), classes=classes, positive=positive, task="binary")
        for classes in (("no", "yes"), ("yes", "no"))
        for positive in ("no", "yes")
    ]
    for own in signatures:
        for other in signatures:
            truth = _as_truth(task_of(own).truth(own, labels), own, other)
            np.testing.assert_array_equal(truth, task_of(other).truth(other, labels))
