"""The exploration of a version on its page: each part, and what an empty one says."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from pilothouse.data.exploration import explore
from pilothouse.workspace import Workspace


@pytest.fixture
def homes(workspace: Workspace) -> str:
    draw = np.random.default_rng(3)
    area = draw.normal(90, 20, 200).round(1)
    frame = pd.DataFrame(
        {
            "area": area,
            "price": area * 3_000,
            "town": draw.choice(["Bonn", "Cork"], 200),
            "heating": np.where(draw.random(200) < 0.2, None, "gas"),
            "owner": [f"owner {at}" for at in range(200)],
        }
    )
    frame.loc[7, ["area", "price"]] = [900.0, 1.0]
    return workspace.data.register("homes", frame).ref


def text(page) -> str:
    return "\n".join(str(part.value) for part in (*page.markdown, *page.caption, *page.warning))


@pytest.mark.parametrize("part", ["Associations", "Target", "Outliers", "Missing"])
def test_every_part_is_drawn(visit, homes, part):
    page = visit("dataset", ref=homes, dataset_view="Exploration", exploration_part=part)
    assert not page.exception
    # A target is shown beside every column.
    assert ("Not compared: heating, owner" in text(page)) is (part != "Target")
    assert "200 rows" in text(page)


def test_associations_have_a_matrix_and_the_strongest_pairs(visit, homes):
    page = visit("dataset", ref=homes, dataset_view="Exploration")
    assert len(page.get("plotly_chart")) == 1
    pairs = page.dataframe[0].value
    assert pairs.iloc[0]["pair"] == "area and price"
    assert pairs.iloc[0]["strength"] > 0.95


def test_a_column_that_gives_the_target_away_is_named(visit, homes):
    page = visit("dataset", ref=homes, dataset_view="Exploration", exploration_part="Target")
    assert "Which target?" in text(page)
    page = page.selectbox(key=f"exploration_target_{homes}").select("town").run()
    assert not page.exception
    assert not page.warning
    assert set(page.dataframe[0].value["column"]) == {"area", "price"}
    assert len(page.get("plotly_chart")) == 1
    assert "Nothing is missing" in text(page)


def test_a_target_computes_only_what_depends_on_it(visit, homes, monkeypatch):
    page = visit("dataset", ref=homes, dataset_view="Exploration", exploration_part="Target")
    monkeypatch.setattr(explore, "associations", None)  # would fail if it were called
    for target in ("town", "price"):
        page = page.selectbox(key=f"exploration_target_{homes}").select(target).run()
        assert not page.exception
    assert "Below" in text(page)


def test_values_of_a_personal_column_are_not_drawn_by_class(visit, workspace):
    ref = workspace.data.register(
        "people", pd.DataFrame({"wage": range(100), "left": [True, False] * 50})
    ).ref
    workspace.data.mark_personal("people", "wage", "identifier", reason="a test")
    page = visit("dataset", ref=ref, dataset_view="Exploration", exploration_part="Target")
    page = page.selectbox(key=f"exploration_target_{ref}").select("left").run()
    assert not page.exception
    assert not page.get("plotly_chart")
    assert "Masked" in text(page)


def test_unusual_rows_are_shown(visit, homes):
    page = visit("dataset", ref=homes, dataset_view="Exploration", exploration_part="Outliers")
    rows = page.dataframe[-1].value
    assert rows.index[0] in ("8 (area)", "8 (price)")


def test_a_version_without_missing_values_says_so(visit, workspace):
    ref = workspace.data.register("whole", pd.DataFrame({"x": range(60), "y": range(60)})).ref
    page = visit("dataset", ref=ref, dataset_view="Exploration", exploration_part="Missing")
    assert not page.exception
    assert "Nothing is missing" in text(page)
