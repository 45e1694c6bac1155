"""The lineage of an object as a page: the graph, the table, and what leads to it."""

from __future__ import annotations

from typing import Any


def shown(page: Any) -> str:
    return "\n".join(str(part.value) for part in (*page.markdown, *page.error))


def test_without_an_object_it_says_where_to_begin(visit: Any) -> None:
    page = visit("lineage")
    assert not page.exception
    assert "The lineage of what?" in shown(page)


def test_a_version_stands_between_its_run_and_its_windows(tour: Any) -> None:
    page = tour("lineage", kind="version", ref="late@1")
    assert not page.exception
    assert "click a box" in shown(page).lower()
    objects = page.dataframe[0].value.set_index("title")
    assert {"late@1", "late", "a"} <= set(objects.index)
    assert objects.loc["late", "kind"] == "Deployment"
    assert "late@1 (serves)" in objects.loc["late", "from"]
    assert (objects["kind"] == "Window").sum() == 3


def test_an_object_that_is_not_there_is_an_error(tour: Any) -> None:
    page = tour("lineage", kind="version", ref="late@99")
    assert not page.exception
    assert page.error
