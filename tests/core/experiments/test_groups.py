"""Groups say what their members come to; NaN and infinities are left out and counted."""

from __future__ import annotations

import math
import random
from typing import Any

import numpy as np
import pytest
from scipy import stats

from pilothouse.experiments import Experiments, RunFilter
from pilothouse.experiments.provenance.git import UNKNOWN
from pilothouse.kit.errors import Invalid
from pilothouse.storage import Store

BY = ["params.kind", "trainer"]
LOSS, AUC = "metrics.loss", "metrics.auc@max"
RUNS = 60


@pytest.fixture
def room(store: Store) -> Experiments:
    return Experiments(store)


@pytest.fixture
def fleet(room: Experiments) -> Experiments:
    """Runs whose losses lie close together far from 0, with some that are none."""
    draw = random.Random(5)
    for index in range(RUNS):
        trainer = draw.choice(["rf", "lr", None])
        run = room.start("flights", f"run {index}", trainer=trainer, seed=index % 2, code=UNKNOWN)
        if index % 7:
            room.log_params(run, {"kind": draw.choice(["tree", 1, "1.0", "line's"]), "at": index})
        loss = draw.choice([1e6 + draw.random(), 1e6 + draw.random(), math.nan, math.inf])
        room.log_metrics(run, {"loss": loss})
        if index % 5:
            room.log_history(run, "auc", [0, 1], [draw.random(), draw.random()])
        if index % 3 == 0:
            room.tag(run, {"team": "north"})
    return room


def members(room: Experiments, filter: RunFilter) -> Any:
    return room.runs(filter, size=1000, columns=[*BY, LOSS, AUC, "created_at"])


def test_figures_are_those_of_the_members(fleet: Experiments) -> None:
    frame = fleet.groups(None, BY, [LOSS, AUC], size=100)
    assert frame["n"].sum() == RUNS
    assert frame["n"].tolist() == sorted(frame["n"], reverse=True)
    assert frame.attrs["groups"] == len(frame) == fleet.group_count(None, BY)
    for _, row in frame.iterrows():
        group_filter = fleet.group_filter(None, BY, [row[name] for name in BY])
        of_group = members(fleet, group_filter)
        assert len(of_group) == row["n"], group_filter
        for column, worst in ((LOSS, math.inf), (AUC, -math.inf)):
            values = of_group[column].to_numpy()
            finite = values[np.isfinite(values)]
            assert row[f"{column}.n"] == len(finite)
            if column == LOSS:
                assert row[f"{column}.out"] == len(values) - len(finite)
            if not len(finite):
                assert math.isnan(row[column])
                assert row[f"{column}.best_run"] is None
                continue
            assert row[column] == pytest.approx(finite.mean(), rel=1e-12)
            best = finite.min() if worst > 0 else finite.max()
            assert row[f"{column}.best"] == best
            winners = of_group[of_group[column] == best]["id"].tolist()
            assert row[f"{column}.best_run"] in winners
            if len(finite) == 1:
                assert math.isnan(row[f"{column}.std"])
                assert math.isnan(row[f"{column}.low"])
                continue
            assert row[f"{column}.std"] == pytest.approx(finite.std(ddof=1), rel=1e-6)
            low, high = stats.t.interval(0.95, len(finite) - 1, finite.mean(), stats.sem(finite))
            assert row[f"{column}.low"] == pytest.approx(low, rel=1e-9)
            assert row[f"{column}.high"] == pytest.approx(high, rel=1e-9)


@pytest.mark.parametrize("descending", [True, False])
@pytest.mark.parametrize("sort", ["n", *BY, LOSS, f"{LOSS}.std", f"{AUC}.n", f"{AUC}.best"])
def test_groups_are_sorted_and_paged_in_one_order(
    fleet: Experiments, sort: str, descending: bool
) -> None:
    whole = fleet.groups(None, BY, [LOSS, AUC], sort, descending, size=100)
    pages = [
        fleet.groups(None, BY, [LOSS, AUC], sort, descending, page, 4)
        for page in range(1, 2 + len(whole) // 4)
    ]
    paged = [row for frame in pages for row in frame[BY].to_numpy().tolist()]
    assert paged == whole[BY].to_numpy().tolist()
    if sort not in BY:
        present = whole[sort].dropna().tolist()
        assert present == sorted(present, reverse=descending)
        assert whole[sort].isna().tolist() == sorted(whole[sort].isna())


@pytest.mark.parametrize(
    ("by", "values"),
    [
        (["params.kind"], ["tree"]),
        (["params.kind"], ["1"]),
        (["params.kind"], ["1.0"]),
        (["params.kind"], ["line's"]),
        (["params.kind"], [None]),
        (["tags.team"], ["north"]),
        (["tags.team"], [None]),
        (["trainer", "seed"], [None, 1]),
        (["experiment", "user"], ["flights", "ada"]),
        (["status", "dirty", "commit"], ["running", None, None]),
    ],
)
def test_a_group_opens_to_its_members(fleet: Experiments, by: list[str], values: list[Any]) -> None:
    base = RunFilter(query="params.at < 50 or name contains 'run 5'")
    frame = fleet.groups(base, by, size=100)
    rows = [[None if v != v else v for v in row] for row in frame[by].to_numpy().tolist()]
    expected = frame["n"].tolist()[rows.index(values)]
    assert fleet.count(fleet.group_filter(base, by, values)) == expected > 0


def test_groups_by_a_parameter_are_of_its_exact_text(room: Experiments) -> None:
    """`007` of an identifier is not 7, and an identifier of 20 digits is not its neighbour."""
    logged = ["7", "007", "7.0", "7e0", "20240131", "1" * 20, "1" * 19 + "2", "", " 7", "é", "É"]
    for index, text in enumerate(logged):
        for member in range(1 + index % 3):
            run = room.start("flights", f"{index} {member}", code=UNKNOWN)
            room.log_params(run, {"code": text})
            room.log_metrics(run, {"loss": float(index)})
    frame = room.groups(None, ["params.code"], [LOSS], size=100)
    sizes = dict(zip(frame["params.code"], frame["n"], strict=True))
    assert sizes == {text: 1 + index % 3 for index, text in enumerate(logged)}
    assert room.group_count(None, ["params.code"]) == len(logged)
    for index, text in enumerate(logged):
        of_group = room.runs(room.group_filter(None, ["params.code"], [text]), columns=["name"])
        assert len(of_group) == sizes[text], text
        assert frame.set_index("params.code")[LOSS][text] == index
        best = frame.set_index("params.code")[f"{LOSS}.best_run"][text]
        assert best in of_group["id"].tolist()


def test_groups_by_a_parameter_are_sorted_as_numbers_first(room: Experiments) -> None:
    for text in ("10", "9", "b", "007", "a", "7"):
        room.log_params(room.start("flights", text, code=UNKNOWN), {"code": text})
    frame = room.groups(None, ["params.code"], sort="params.code", descending=False)
    assert frame["params.code"].tolist() == ["007", "7", "9", "10", "a", "b"]


def test_no_run_makes_no_group(room: Experiments) -> None:
    frame = room.groups(RunFilter(text="nothing"), BY, [LOSS])
    assert frame.empty
    assert frame.attrs["groups"] == 0
    assert {*BY, "n", LOSS, f"{LOSS}.best_run"} <= set(frame.columns)


@pytest.mark.parametrize(
    ("by", "columns", "sort"),
    [
        ([], [], "n"),
        (["trainer", "trainer"], [], "n"),
        (["metrics.loss"], [], "n"),
        (["created_at"], [], "n"),
        (["trainer"], ["params.kind"], "n"),
        (["trainer"], [LOSS], "metrics.other"),
        (["trainer"], [LOSS], f"{LOSS}.low"),
    ],
)
def test_what_cannot_be_is_refused(
    room: Experiments, by: list[str], columns: list[str], sort: str
) -> None:
    with pytest.raises(Invalid):
        room.groups(None, by, columns, sort)


def test_a_group_has_as_many_values_as_columns(room: Experiments) -> None:
    with pytest.raises(Invalid, match="as many values"):
        room.group_filter(None, BY, ["tree"])
