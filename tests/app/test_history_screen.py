"""History: production on the day in the address, the decision beside it, and empty days."""

from __future__ import annotations


def shown(page) -> str:
    return "\n".join(str(each.value) for each in page.markdown)


def test_without_a_model_it_says_how_one_comes_to_production(visit):
    page = visit("history")
    assert not page.exception
    assert "Nothing is in production" in shown(page)


def test_production_now_stands_with_its_decision(tour):
    page = tour("history")
    assert not page.exception
    rows = page.dataframe[0].value
    assert list(rows["version"]) == ["late 1"]
    assert list(rows["served"]) == ["late"]
    assert "the first" in shown(page)
    assert "Revision 1, launched" in shown(page)


def test_the_day_in_the_address_is_answered_for_its_end(tour):
    assert list(tour("history", history_day="2026-03-01").dataframe[0].value["version"]) == [
        "late 1"
    ]
    page = tour("history", history_day="2026-02-28")
    assert not page.exception
    assert "No version was in production at the end of 28 Feb 2026" in shown(page)


def test_what_changed_is_listed_by_kind(tour):
    page = tour("history", history_view="What changed", history_span="Choose days")
    assert not page.exception
    assert "late 1 to production was accepted" in list(page.dataframe[0].value["title"])
    page = tour(
        "history",
        history_view="What changed",
        history_span="Choose days",
        changes_kind="Deployments",
    )
    assert set(page.dataframe[0].value["lane"]) == {"Deployments"}


def test_days_without_a_change_say_so(tour):
    page = tour(
        "history", history_view="What changed", history_span="Choose days",
        history_days="2001-01-01", changes_kind="Data",
    )  # fmt: skip
    assert not page.exception
    assert "No events match" in shown(page)


def test_a_model_has_its_history_in_a_view(tour):
    page = tour("model", name="late", model_view="History")
    assert not page.exception
    assert "late 1 to production was accepted" in list(page.dataframe[0].value["title"])


def test_an_evidence_pack_is_offered_where_decisions_are_read(tour):
    pages = (
        tour("history", history_view="What changed"),
        tour("model", name="late"),
        tour("version", ref="late@1"),
    )
    for page in pages:
        assert not page.exception
        labels = [button.proto.label for button in page.get("download_button")]
        assert "Evidence pack" in labels
