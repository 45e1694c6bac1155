"""A backtest: history is replayed with the labels of each moment, and gains are counted."""

from __future__ import annotations

import io
from datetime import timedelta
from typing import Any

import joblib
import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import mean_absolute_error

from harness.jobs import at_once
from harness.logged_days import log_days
from pilothouse.deployments.prediction_log.stored_columns import output_column
from pilothouse.kit.clock import FixedClock, to_ms
from pilothouse.kit.errors import Invalid, NotFound
from pilothouse.kit.ids import uuid7s
from pilothouse.pipelines.backtest_results import Backtest, read_backtest
from pilothouse.pipelines.retraining_policy import policy_of
from pilothouse.pipelines.workflows.backtest_retraining import BacktestRetrainingWorkflow
from pilothouse.training import TrainingSpec
from pilothouse.workspace import Workspace

NAME, WEEKS, CHANGE, PER_WEEK = "homes", 10, 3, 84
DELAY = timedelta(days=10)
START = pd.Timestamp("2025-12-01", tz="UTC")  # a Monday


def homes(seed: int, rows: int, changed_from: int) -> pd.DataFrame:
    """Prices that rise with x, and fall with it from a row on."""
    draw = np.random.default_rng(seed)
    x = draw.normal(size=rows)
    slope = np.where(np.arange(rows) < changed_from, 3.0, -3.0)
    return pd.DataFrame({"x": x, "price": slope * x + draw.normal(0, 0.3, rows)})


@pytest.fixture
def history(workspace: Workspace, clock: FixedClock, answering: None) -> pd.DataFrame:
    """Ten weeks of predictions whose world changes after three; labels come ten days later."""
    listings = homes(1, 400, 400).assign(
        at=pd.date_range("2025-10-01", periods=400, freq="h", tz="UTC")
    )
    workspace.data.register("listings", listings, event_time="at")
    spec = TrainingSpec(
        "listings@1", "price", features=("x",), trainer="ridge", folds=0, evaluation="held_out"
    )
    workspace.registry.register(NAME, workspace.training.train_now(spec))
    workspace.registry.promote(NAME, 1, "production", "the first")
    workspace.deployments.launch(NAME, NAME, 1, "the first")
    workspace.monitoring.monitor(NAME, min_rows=20, min_labelled=20)

    digest = workspace.registry.version(NAME, 1).digest
    model = joblib.load(io.BytesIO(workspace.store.artifacts.read(digest)))
    count = WEEKS * PER_WEEK
    rows = homes(2, count, CHANGE * PER_WEEK)
    event_at = START + pd.to_timedelta(np.arange(count) * 2, unit="h")
    ids = uuid7s(count, to_ms(START.to_pydatetime()))
    frame = rows[["x"]].assign(
        prediction_id=ids,
        model=NAME,
        version=1,
        event_at=event_at,
        received_at=pd.Timestamp(clock.now()),
        latency_ms=1.0,
        **{output_column("predict"): model.predict(rows[["x"]])},
    )
    labels = pd.DataFrame(
        {
            "prediction_id": ids,
            "label": rows["price"],
            "label_at": event_at + DELAY,
            "received_at": pd.Timestamp(clock.now()),
        }
    )
    log_days(workspace.folder, NAME, frame, labels)
    return frame.assign(price=rows["price"], known=event_at + DELAY)


def backtest(workspace: Workspace, **policies: dict[str, Any]) -> Backtest:
    settings = {name: policy_of({"min_rows": 50} | p).to_json() for name, p in policies.items()}
    result = BacktestRetrainingWorkflow.run(at_once(workspace), deployment=NAME, policies=settings)
    return read_backtest("a-job", result)


def test_a_policy_learns_from_the_labels_that_were_known_then(
    workspace: Workspace, history: pd.DataFrame
) -> None:
    runs = workspace.experiments.count()
    result = backtest(
        workspace,
        weekly={"triggers": {"schedule": {"days": 7}}, "weeks": 3},
        rarely={"triggers": {"schedule": {"days": 7}}, "weeks": 3, "cooldown_days": 28},
    )
    assert (result.metric, len(result.windows)) == ("mae", 3 * WEEKS)

    # Never retraining is what the log answered.
    never = result.windows[result.windows["policy"] == "never"].set_index("start")["value"]
    for number, (start, value) in enumerate(never.items()):
        part = history.iloc[number * PER_WEEK : (number + 1) * PER_WEEK]
        assert start == START + timedelta(weeks=number)
        expected = mean_absolute_error(part["price"], part[output_column("predict")])
        assert value == pytest.approx(expected, abs=1e-9)

    # A retraining sees rows of the last three weeks whose label was known at that moment.
    trained = result.retrainings[result.retrainings["policy"] == "weekly"]
    assert len(trained) >= 6
    for row in trained.itertuples():
        events, now = history["event_at"], row.at
        usable = (events >= now - timedelta(weeks=3)) & (events < now) & (history["known"] <= now)
        assert row.rows == usable.sum()
        assert (now - START) % timedelta(weeks=1) == timedelta(0)

    summary = result.summary.set_index("policy")
    assert summary.loc["never", "gain"] == 0
    assert summary.loc["weekly", "gain"] > 1
    assert summary.loc["weekly", "low"] > 0
    assert summary.loc["weekly", "retrainings"] == len(trained)
    assert summary.loc["weekly", "rows"] == trained["rows"].sum()
    assert summary.loc["rarely", "retrainings"] < len(trained)
    values = result.windows.pivot(index="start", columns="policy", values="value")
    gain = (values["never"] - values["weekly"]).mean()  # windows of one size
    assert summary.loc["weekly", "gain"] == pytest.approx(gain, abs=1e-9)
    per_retraining = summary.loc["weekly", "gain_per_retraining"]
    assert per_retraining == pytest.approx(gain / len(trained), abs=1e-9)
    # The worst weeks are those before any label of the new world was known.
    assert values["weekly"].iloc[-1] < 0.5 < values["never"].iloc[-1]

    # Nothing of it is kept but the result.
    assert workspace.experiments.count() == runs
    assert len(workspace.registry.versions(NAME)) == 1
    assert workspace.registry.promotions("pending").empty


def test_an_alert_fires_after_two_bad_windows_with_known_labels(
    workspace: Workspace, history: pd.DataFrame
) -> None:
    result = backtest(workspace, performance={"triggers": ["alert"], "weeks": 4})
    first = result.retrainings.iloc[0]
    # The second bad week is labelled ten days after it, so it is judged a week after that.
    earliest = START + timedelta(weeks=CHANGE + 2)
    assert first["trigger"] == "alert"
    assert earliest <= first["at"] <= earliest + timedelta(weeks=2)
    assert result.summary.set_index("policy").loc["performance", "retrainings"] <= 3


def test_an_alert_that_was_held_back_is_looked_at_again(
    workspace: Workspace, history: pd.DataFrame
) -> None:
    alert = {"triggers": ["alert"], "rows": "all"}
    first = backtest(workspace, performance=alert).retrainings.iloc[0]
    later = backtest(workspace, performance=alert | {"min_rows": int(first["rows"]) + 1})
    assert later.retrainings.iloc[0]["at"] == first["at"] + timedelta(weeks=1)


def test_a_backtest_is_asked_for_with_named_policies(
    workspace: Workspace, history: pd.DataFrame
) -> None:
    pipelines = workspace.pipelines
    job = pipelines.backtest(NAME, {"monthly": {"triggers": {"schedule": {"days": 30}}}})
    assert workspace.jobs.job(job).args["policies"]["monthly"]["triggers"] == {
        "schedule": {"days": 30.0}
    }
    assert pipelines.backtests(NAME)["policies"].tolist() == ["monthly"]
    with pytest.raises(NotFound, match="no result"):
        pipelines.backtest_result(job)
    for policies in ({}, {"never": {}}, {" ": {}}):
        with pytest.raises(Invalid, match="name of their own"):
            pipelines.backtest(NAME, policies)
    with pytest.raises(Invalid, match="no setting"):
        pipelines.backtest(NAME, {"a": {"window": 3}})
    with pytest.raises(NotFound):
        pipelines.backtest("nothing", {"a": {}})
