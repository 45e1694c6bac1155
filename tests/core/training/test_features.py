"""Which columns are features, and what is said of each."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pilothouse.data.info import ColumnProfile
from pilothouse.kit.errors import Invalid
from pilothouse.models.signature import Signature
from pilothouse.training import TrainingSpec
from pilothouse.training.encoding import Encoder
from pilothouse.training.features import column_uses, is_identifier_name
from pilothouse.workspace import Workspace

ROWS = 400
QUICK: dict[str, Any] = {"trainer": "logistic_regression", "folds": 0, "evaluation": "held_out"}


def customers() -> pd.DataFrame:
    rng = np.random.default_rng(5)
    frame = pd.DataFrame(
        {
            "customer_id": np.arange(100_000, 100_000 + ROWS),
            "row": rng.permutation(ROWS) + 1,
            "Kunden Nr": rng.choice(10**9, ROWS, replace=False),
            "code": [f"C-{number:06d}" for number in range(ROWS)],
            "note": [f"called {n} times and asked for offer number {n * 7}" for n in range(ROWS)],
            "country": "DE",
            "nothing": None,
            "visits": rng.poisson(20, ROWS),
            "cents": rng.integers(100, 5_000_000, ROWS),
            "amount": rng.lognormal(3, 1, ROWS),
            "plan": rng.choice(["a", "b", "c"], ROWS),
            "paid": rng.choice([True, False], ROWS),
            "opened": pd.Timestamp("2024-01-01") + pd.to_timedelta(rng.integers(0, 365, ROWS), "D"),
            "at": pd.date_range("2026-01-01", periods=ROWS, freq="h"),
        }
    )
    hit = np.sin(frame["opened"].dt.month / 12 * 6.28) + rng.normal(0, 0.3, ROWS) > 0.6
    frame["fraud"] = np.where(hit, "fraud", "legit")
    frame["nothing"] = frame["nothing"].astype("float64")
    return frame


def uses(workspace: Workspace, frame: pd.DataFrame, event_time: str | None) -> dict[str, str]:
    """Why each column that is no feature is none, by column; nothing for those that are."""
    ref = workspace.data.register("customers", frame, event_time=event_time).ref
    profile = workspace.data.profile(ref).columns
    by_column = column_uses(profile, "fraud", event_time, ())
    assert [use.column for use in by_column] == list(frame.columns)
    assert all(use.reason for use in by_column)
    return {use.column: "" if use.used else use.reason for use in by_column}


def test_every_column_says_why_it_is_used_or_not(workspace: Workspace) -> None:
    reasons = uses(workspace, customers(), "at")
    used = {name for name, reason in reasons.items() if not reason}
    assert used == {"visits", "cents", "amount", "plan", "paid", "opened"}
    assert "numbers the rows" in reasons["customer_id"]
    assert "numbers the rows" in reasons["row"]
    assert "identifier by its name" in reasons["Kunden Nr"]
    assert "identifier" in reasons["code"]
    assert "free text" in reasons["note"]
    assert "same value" in reasons["country"]
    assert "no values" in reasons["nothing"]
    assert "the time of the event" in reasons["at"]
    assert "the target" in reasons["fraud"]


def test_a_run_keeps_what_was_used_and_why_and_learns_from_times(workspace: Workspace) -> None:
    ref = workspace.data.register("customers", customers(), event_time="at").ref
    spec = TrainingSpec(ref, "fraud", trainer="hist_gradient_boosting", folds=0)
    run = workspace.training.train_now(spec)
    column_uses = json.loads(workspace.experiments.artifact(run, "columns.json"))
    assert {use["column"] for use in column_uses if use["used"]} == {
        *("visits", "cents", "amount", "plan", "paid", "opened"),
    }
    info = workspace.experiments.run(run)
    assert info.params["split"] == "time"
    assert (info.params["target"], info.params["positive"]) == ("fraud", "fraud")
    auc = info.metrics["roc_auc"].last
    assert auc is not None
    assert auc > 0.85
    importance = json.loads(workspace.experiments.artifact(run, "importance.json"))
    assert importance["column"][0] == "opened"
    signature = json.loads(workspace.experiments.artifact(run, "model/signature.json"))
    field = {use["name"]: use for use in signature["inputs"]}["opened"]
    assert pd.Timestamp(field["low"], unit="ms").year == 2024
    version = workspace.registry.register("customers", run)
    decision = workspace.registry.assess("customers", version.version, "staging")
    assert decision.verdicts[0].passed, decision.verdicts[0].message


def test_an_identifier_of_whole_numbers_does_not_leak_the_target(workspace: Workspace) -> None:
    """A file sorted by outcome before its rows were numbered: the number tells the target."""
    rng = np.random.default_rng(2)
    x = rng.normal(size=300)
    hit = x + rng.normal(0, 1.5, 300) > 0
    frame = pd.DataFrame({"x": x, "c": rng.choice(["a", "b"], 300), "hit": hit.astype(int)})
    frame = frame.sort_values("hit", kind="stable").reset_index(drop=True)
    frame.insert(0, "customer_id", np.arange(1, 301))
    ref = workspace.data.register("sorted", frame).ref
    run = workspace.training.train_now(TrainingSpec(ref, "hit", **QUICK))
    signature = Signature.from_json(
        json.loads(workspace.experiments.artifact(run, "model/signature.json"))
    )
    assert signature.names == ("x", "c")
    auc = workspace.experiments.run(run).metrics["roc_auc"].last
    assert auc is not None
    assert auc < 0.9


def profile_of(values: npt.NDArray[np.int64], name: str = "value") -> ColumnProfile:
    return ColumnProfile(
        name,
        "integer",
        len(values),
        0,
        len(np.unique(values)),
        quantiles={0.0: float(values.min()), 1.0: float(values.max())},
    )


def is_used(column: ColumnProfile) -> bool:
    return column_uses([column], "target", None, ())[0].used


@settings(deadline=None)
@given(st.integers(40, 3000), st.integers(0, 10**9), st.integers(0, 2**31))
def test_numbered_rows_are_no_feature_in_any_order(rows: int, first: int, seed: int) -> None:
    values = np.random.default_rng(seed).permutation(rows) + first
    assert not is_used(profile_of(values))


@settings(deadline=None)
@given(st.integers(40, 3000), st.sampled_from([3, 10, 40]), st.integers(0, 2**31))
def test_counts_stay_features(rows: int, mean: int, seed: int) -> None:
    values = np.random.default_rng(seed).poisson(mean, rows)
    assert is_used(profile_of(values)) or len(np.unique(values)) == 1


@settings(deadline=None)
@given(st.integers(40, 3000), st.integers(100, 10**8), st.integers(0, 2**31))
def test_measured_integers_of_any_range_stay_features(rows: int, most: int, seed: int) -> None:
    values = np.random.default_rng(seed).integers(0, most, rows)
    assert is_used(profile_of(values))


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("customer_id", True),
        ("customerId", True),
        ("ID", True),
        ("Kunden Nr", True),
        ("row no", True),
        ("uuid", True),
        ("orderKey", True),
        ("Kundennummer", True),
        ("paid", False),
        ("humidity", False),
        ("grid", False),
        ("amount", False),
        ("nodes", False),
        ("keyboard", False),
    ],
)
def test_names_of_identifiers(name: str, expected: bool) -> None:
    assert is_identifier_name(name) == expected


@pytest.mark.parametrize("name", ["__target", "__score", "__row"])
def test_a_reserved_name_is_no_feature_and_is_refused_when_chosen(
    workspace: Workspace, name: str
) -> None:
    rng = np.random.default_rng(1)
    frame = pd.DataFrame({"x": rng.normal(size=200), name: rng.normal(size=200)})
    frame["y"] = (frame["x"] + rng.normal(0, 0.5, 200) > 0.5).astype(int)
    ref = workspace.data.register("reserved", frame).ref
    run = workspace.training.train_now(TrainingSpec(ref, "y", **QUICK))
    column_uses = json.loads(workspace.experiments.artifact(run, "columns.json"))
    assert {use["column"]: use["used"] for use in column_uses} == {
        "x": True,
        name: False,
        "y": False,
    }
    with pytest.raises(Invalid, match="its name is reserved") as refusal:
        workspace.training.train_now(TrainingSpec(ref, "y", features=("x", name), **QUICK))
    assert "features" in refusal.value.fields


def test_infinite_values_are_missing(workspace: Workspace) -> None:
    rng = np.random.default_rng(1)
    x = rng.normal(size=120)
    frame = pd.DataFrame({"ratio": np.where(np.arange(120) % 10 == 0, np.inf, x), "n": x})
    frame["y"] = (x + rng.normal(0, 0.5, 120) > 0.5).astype(int)
    ref = workspace.data.register("ratios", frame).ref
    run = workspace.training.train_now(TrainingSpec(ref, "y", **QUICK))
    signature = json.loads(workspace.experiments.artifact(run, "model/signature.json"))
    field = {item["name"]: item for item in signature["inputs"]}["ratio"]
    assert not field["required"]
    assert np.isfinite([field["low"], field["high"]]).all()


def test_a_time_becomes_its_parts_in_utc() -> None:
    times = pd.Series(pd.to_datetime(["2024-02-29 13:30", None, "1969-12-31 00:00"], utc=True))
    encoder = Encoder((), (), times=("at",)).fit({"at": times})
    matrix = encoder.transform({"at": times})
    days = (pd.Timestamp("2024-02-29") - pd.Timestamp("1970-01-01")).days
    assert matrix[0].tolist() == [days, 2, 29, 3, 13.5]
    assert np.isnan(matrix[1]).all()
    assert matrix[2].tolist() == [-1, 12, 31, 2, 0]
    plain = [np.datetime64("2024-02-29T13:30"), None, np.datetime64("1969-12-31")]
    np.testing.assert_array_equal(encoder.transform({"at": plain}), matrix)
