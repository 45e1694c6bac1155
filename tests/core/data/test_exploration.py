"""Explorations: measures against other libraries and by hand, and frames of any kind."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import contingency, spearmanr

from pilothouse.data import exploration_api
from pilothouse.data.exploration.associations import correlation_ratio, cramers_v, spearman
from pilothouse.data.exploration.explore import (
    Exploration,
    TargetExploration,
    explore,
    explore_target,
)
from pilothouse.data.exploration.group_distributions import GroupedColumn
from pilothouse.data.exploration.sample import SAMPLED_ROWS, SampleCache, VersionSample, sample_of
from pilothouse.data.schema import Column
from pilothouse.kit.errors import Invalid, NotFound, Unavailable
from pilothouse.workspace import Workspace

DRAW = np.random.default_rng(5)
ROWS = 600
NUMBER = DRAW.normal(size=ROWS)
SHOP = np.where(NUMBER > 0.3, "north", np.where(NUMBER < -0.4, "south", "middle"))
FRAME = pd.DataFrame(
    {
        "number": NUMBER,
        "double": 2 * NUMBER + 1,
        "noise": DRAW.normal(size=ROWS),
        "shop": SHOP,
        "coin": DRAW.random(ROWS) < 0.5,
        "one": 1.0,
        "name": [f"customer {at}" for at in range(ROWS)],
        "day": pd.date_range("2024-01-01", periods=ROWS, tz="UTC"),
    }
)
SCHEMA = tuple(
    Column(name, kind, nullable=True)
    for name, kind in {
        "number": "number", "double": "number", "noise": "number", "shop": "string",
        "coin": "boolean", "one": "number", "name": "string", "day": "time",
    }.items()
)  # fmt: skip


def explored(frame: pd.DataFrame, *columns: str) -> Exploration:
    return explore(sample_of(frame, SCHEMA), columns=columns)


def of_target(target: str, frame: pd.DataFrame = FRAME) -> TargetExploration:
    return explore_target(sample_of(frame, SCHEMA), target)


def strength(left: str, right: str, frame: pd.DataFrame = FRAME) -> float:
    pairs = {frozenset((p.left, p.right)): p for p in explored(frame).associations}
    return pairs[frozenset((left, right))].strength


@given(st.lists(st.tuples(st.integers(-5, 5), st.integers(-5, 5)), min_size=3, max_size=40))
def test_spearman_is_that_of_scipy(pairs: list[tuple[int, int]]) -> None:
    left, right = (np.array(side, dtype=float) for side in zip(*pairs, strict=True))
    ours = spearman(left, right)
    if left.min() == left.max() or right.min() == right.max():
        assert math.isnan(ours)
    else:
        assert ours == pytest.approx(spearmanr(left, right).statistic, abs=1e-12)


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 2)), min_size=30, max_size=200))
@settings(deadline=None)
def test_cramers_v_is_that_of_scipy_before_its_correction(pairs: list[tuple[int, int]]) -> None:
    left, right = (np.array(side, dtype=float) for side in zip(*pairs, strict=True))
    ours = cramers_v(left, right)
    table = pd.crosstab(left, right).to_numpy()
    if min(table.shape) < 2:
        assert math.isnan(ours)
        return
    biased = contingency.association(table, method="cramer", correction=False)
    n, (r, k) = len(pairs), table.shape
    phi2 = biased**2 * (min(r, k) - 1)
    corrected = max(0.0, phi2 - (r - 1) * (k - 1) / (n - 1))
    least = min(r - (r - 1) ** 2 / (n - 1), k - (k - 1) ** 2 / (n - 1)) - 1
    assert ours == pytest.approx(min(1.0, math.sqrt(corrected / least)), abs=1e-9)


def test_the_correlation_ratio_by_hand() -> None:
    numbers, groups = np.array([1.0, 2, 3, 4, 5, 6]), np.array([0.0, 0, 0, 1, 1, 1])
    # Ranks are the numbers: total 17.5, within 2 + 2, so 1 - 5/4 * 4/17.5.
    assert correlation_ratio(numbers, groups) == pytest.approx(math.sqrt(1 - 5 / 4 * 4 / 17.5))


def test_what_belongs_together_is_strong_and_chance_is_weak() -> None:
    assert strength("number", "double") == pytest.approx(1.0)
    assert strength("number", "shop") > 0.85
    assert abs(strength("number", "noise")) < 0.15
    assert strength("shop", "coin") < 0.15
    assert strength("noise", "coin") < 0.15


def test_constants_and_names_are_left_out() -> None:
    assert explored(FRAME).left_out == ("one", "name")


def test_a_target_names_what_gives_it_away() -> None:
    relations = {r.column: r for r in of_target("shop").relations}
    assert list(relations)[:2] in (["number", "double"], ["double", "number"])
    assert relations["number"].skill > 0.8
    assert relations["noise"].skill < 0.05
    of_number = {r.column: r for r in of_target("number").relations}
    assert of_number["double"].is_suspicious
    assert not of_number["coin"].is_suspicious
    assert of_number["coin"].skill < 0.05


def test_a_target_has_to_be_one() -> None:
    with pytest.raises(Invalid, match="constant"):
        of_target("one")
    with pytest.raises(NotFound, match="no column 'price'"):
        of_target("price")


def test_outliers_and_the_row_that_has_them() -> None:
    frame = FRAME.copy()
    frame.loc[17, ["number", "double", "noise"]] = [40.0, -90.0, 55.0]
    seen = explored(frame)
    noise = next(column for column in seen.outliers if column.column == "noise")
    first, third = np.quantile(frame["noise"], (0.25, 0.75))
    assert noise.far == 1
    assert noise.high == pytest.approx(third + 3 * (third - first))
    assert noise.highest == 55.0
    assert seen.unusual_rows[0].position == 17


def test_columns_that_are_missing_together() -> None:
    frame = FRAME.copy()
    frame.loc[:99, ["number", "shop"]] = None
    frame.loc[100:149, "noise"] = None
    patterns = {p.columns: p.rows for p in explored(frame).missing}
    assert patterns == {(): 450, ("number", "shop"): 100, ("noise",): 50}


def test_a_large_version_is_sampled_the_same_way_each_time() -> None:
    frame = pd.concat([FRAME] * 10, ignore_index=True)
    seen = explored(frame)
    assert (seen.rows, seen.sampled) == (6_000, SAMPLED_ROWS)
    assert seen == explored(frame)


@pytest.mark.parametrize("rows", [0, 1, 19, 60])
def test_few_rows_and_nothing_but_missing_values_are_explored_too(rows: int) -> None:
    frame = FRAME.head(rows).assign(noise=np.nan, shop=None)
    seen = explored(frame, "number", "double", "noise")
    assert seen.sampled == rows
    assert {"noise", "shop"} <= set(seen.left_out)


def test_masks_take_values_and_leave_counts(workspace: Workspace) -> None:
    workspace.data.register("people", FRAME.assign(day=FRAME["day"].dt.tz_localize(None)))
    workspace.data.mark_personal("people", "noise", "identifier", reason="a test")
    masked = workspace.data.masked().explore("people")
    true = {column.column: column for column in workspace.data.explore("people").outliers}
    noise = next(column for column in masked.outliers if column.column == "noise")
    assert (noise.low, noise.high, noise.lowest, noise.highest) == (None,) * 4
    assert noise.outside == true["noise"].outside
    assert true["noise"].lowest is not None
    rows = workspace.data.masked().rows_at("people", [3, 1])
    assert rows["number"].tolist() == FRAME["number"].iloc[[3, 1]].tolist()
    assert set(rows["noise"]) == {"\u2022" * 5}


def column(seen: TargetExploration, name: str) -> GroupedColumn:
    return next(column for column in seen.columns if column.column == name)


def test_a_column_by_class_is_that_of_pandas() -> None:
    frame = FRAME.assign(
        coin=FRAME["coin"].astype(object).where(FRAME["noise"] < 0.5), count=FRAME.index % 4
    )
    schema = (*SCHEMA, Column("count", "integer", nullable=True))
    seen = explore_target(sample_of(frame, schema), "shop")
    sizes = frame["shop"].value_counts()
    assert {group.name: group.rows for group in seen.groups} == sizes.to_dict()
    names = [group.name for group in seen.groups]
    for name in ("coin", "count"):
        shown = column(seen, name)
        table = pd.crosstab(frame["shop"], frame[name].astype(str).where(frame[name].notna()))
        shares = table.div(table.sum(axis=1), axis=0).loc[names, list(shown.parts)]
        np.testing.assert_allclose(shown.shares, shares.to_numpy())
        missing = frame[name].isna().groupby(frame["shop"]).mean()
        np.testing.assert_allclose(shown.missing, missing[names])
    edges = np.array(column(seen, "noise").edges)
    inside = np.clip(frame["noise"], edges[0], np.nextafter(edges[-1], -np.inf))
    for name, shares in zip(names, column(seen, "noise").shares, strict=True):
        counts, _ = np.histogram(inside[frame["shop"] == name], edges)
        np.testing.assert_allclose(shares, counts / counts.sum())


def test_what_separates_most_comes_first() -> None:
    names = [column.column for column in of_target("shop").columns]
    assert set(names[:2]) == {"number", "double"}
    assert "name" not in names  # every value is another


def test_many_classes_are_the_largest_and_the_others() -> None:
    draw = np.random.default_rng(1)
    letters = draw.choice(list("abcdefghijkl"), ROWS, p=np.arange(12, 0, -1) / 78)
    frame = FRAME.assign(shop=letters)
    frame.loc[:9, "shop"] = None
    seen = of_target("shop", frame)
    counts = frame["shop"].value_counts()
    assert [group.rows for group in seen.groups[:5]] == counts.head(5).tolist()
    assert (seen.groups[5].name, seen.groups[5].rows) == ("Others", counts.iloc[5:].sum())
    assert [group.is_others for group in seen.groups] == [False] * 5 + [True]
    assert seen.without == 10


def test_a_number_is_banded_and_few_numbers_are_classes() -> None:
    seen = of_target("number")
    assert seen.is_banded
    assert [group.rows for group in seen.groups] == [150] * 4
    assert column(seen, "double").strength == pytest.approx(1.0)
    codes = of_target("noise", FRAME.assign(noise=np.where(FRAME["coin"], 1.0, 0.0)))
    assert not codes.is_banded
    assert {group.name for group in codes.groups} == {"0", "1"}
    assert column(codes, "coin").strength == pytest.approx(1.0, abs=0.01)


@given(st.lists(st.sampled_from([0.0, 0.0, 0.0, 1.5, 2.0, 7.25, -3.0, 8.0, 9.0, np.nan])))
@settings(deadline=None)
def test_no_group_is_empty_and_every_row_with_a_target_is_in_one(values: list[float]) -> None:
    frame = FRAME.head(len(values)).assign(noise=values)
    sample = sample_of(frame, SCHEMA)
    if "noise" not in sample.values:
        return
    seen = explore_target(sample, "noise")
    assert all(group.rows for group in seen.groups)
    assert sum(group.rows for group in seen.groups) + seen.without == len(values)
    for shown in seen.columns:
        assert all(sum(shares) == pytest.approx(1.0) or not sum(shares) for shares in shown.shares)


def test_a_text_of_many_values_is_shown_by_its_most_frequent_ones() -> None:
    names = [f"street {at}" for at in range(300)] + ["High Street"] * 200 + ["Mill Lane"] * 100
    shown = column(of_target("coin", FRAME.assign(name=names)), "name")
    assert shown.parts[:2] == ("Others", "High Street")
    assert np.allclose(np.sum(shown.shares, axis=1), 1.0)


def test_masks_take_the_values_of_columns_and_the_names_of_classes(workspace: Workspace) -> None:
    frame = FRAME.assign(day=FRAME["day"].dt.tz_localize(None))
    workspace.data.register("people", frame)
    for name in ("noise", "shop"):
        workspace.data.mark_personal("people", name, "identifier", reason="a test")
    masked = workspace.data.masked().explore_target("people", "shop")
    true = workspace.data.explore_target("people", "shop")
    noise = column(masked, "noise")
    assert (noise.parts, noise.edges, noise.shares) == ((), (), ())
    assert noise.strength == column(true, "noise").strength
    assert column(masked, "number") == column(true, "number")
    assert [group.name for group in masked.groups] == [f"{chr(0x2022) * 5} {n}" for n in (1, 2, 3)]


def test_a_large_version_is_read_once_and_by_its_positions(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    frame = pd.concat([FRAME.assign(day=FRAME["day"].dt.tz_localize(None))] * 10)
    frame = frame.assign(place=range(len(frame)))
    ref = workspace.data.register("many", frame).ref
    seen = workspace.data.explore(ref)
    monkeypatch.setattr(exploration_api, "read_positions", None)  # would fail if it were called
    assert workspace.data.explore(ref) == seen
    assert workspace.data.explore_target(ref, "shop").sampled == SAMPLED_ROWS
    rows = workspace.data.masked().rows_at(ref, [5_999, 3, 3])
    assert rows["place"].tolist() == [5_999, 3, 3]
    with pytest.raises(IndexError):
        workspace.data.masked().rows_at(ref, [6_000])


def test_the_content_of_a_sample_has_to_be_there(workspace: Workspace) -> None:
    version = workspace.data.register("gone", pd.DataFrame({"x": range(30)}))
    workspace.data.explore("gone")
    (workspace.folder / "artifacts" / version.digest[:2] / version.digest).unlink()
    with pytest.raises(Unavailable, match="missing from the artifacts"):
        workspace.data.explore("gone")


def test_the_cache_of_samples_is_bounded() -> None:
    sample = sample_of(FRAME, SCHEMA)
    size = int(sample.frame.memory_usage(deep=True).sum())
    cache, read = SampleCache(most_bytes=2 * size), []

    def reader(digest: str) -> VersionSample:
        return cache.get(digest, lambda: read.append(digest) or sample)

    for digest in ("a", "b", "a", "c", "a", "b"):
        assert reader(digest) is sample
    assert read == ["a", "b", "c", "b"]
