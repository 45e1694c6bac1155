"""Maturity: the level, the checks by what is missing, one in detail, and attesting it."""

from __future__ import annotations


def texts(page) -> str:
    return "\n".join(str(part.value) for part in page.markdown)


def test_a_new_workspace_is_at_level_0_and_says_where_to_begin(visit):
    page = visit("maturity")
    assert not page.exception
    assert page.metric[0].value == "0 of 4"
    assert "To level 1, tracked:" in texts(page)
    assert set(page.dataframe[0].value["level"]) <= {"1", "1, must"}
    assert next(iter(page.dataframe[0].value["level"])) == "1, must"


def test_every_check_is_listed_and_filtered(tour):
    page = tour("maturity", maturity_view="All checks")
    assert not page.exception
    assert len(page.dataframe[0].value) == 51
    page = tour("maturity", maturity_view="All checks", maturity_area="Data")
    assert set(page.dataframe[0].value["area"]) == {"Data"}
    page = tour("maturity", maturity_view="All checks", maturity_search="no such check")
    assert "No checks match" in texts(page)


def test_a_check_in_the_address_stands_beside_the_list(tour):
    page = tour("maturity", check="card_complete")
    assert not page.exception
    assert "32. The model card is complete" in texts(page)
    assert "Lacking" in texts(page)


def test_a_check_is_attested_in_a_dialog(visit, workspace):
    page = visit("maturity", check="code_tested")
    page.button(key="maturity_attest").click().run()
    assert not page.exception
    assert page.button(key="attest_go").disabled
    page.session_state["attest_text"] = "CI run 812 was green"  # a run would close the dialog
    page.button(key="maturity_attest").click().run()
    assert not page.button(key="attest_go").disabled


def test_an_attested_check_says_by_whom_and_may_be_attested_again(visit, workspace):
    workspace.governance.attest("code_tested", "CI run 812 was green")
    page = visit("maturity", check="code_tested")
    assert not page.exception
    assert "CI run 812 was green" in texts(page)
    assert page.button(key="maturity_attest").label == "Attest it again"
