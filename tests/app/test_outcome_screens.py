"""What became of a promotion, on its page, on that of its version and in the registry."""

from __future__ import annotations

import pytest

from harness.live_windows import answered, promoted
from pilothouse.workspace import Workspace


def shown(page) -> str:
    return "\n".join(str(each.value) for each in page.markdown)


@pytest.fixture
def contradicted(workspace: Workspace) -> str:
    comparison = {
        "against": "shop@1", "candidate": {"roc_auc": 0.75}, "champion": {"roc_auc": 0.70},
        "rows": "900 labelled rows",
    }  # fmt: skip
    promotion = promoted(workspace.store, comparison=comparison)
    answered(workspace.store, (0.66, 0.67, 0.65, 0.66))
    return promotion


def test_a_promotion_without_labels_says_so(visit, workspace: Workspace):
    page = visit("promotion", id=promoted(workspace.store))
    assert not page.exception
    assert "No window of this version has enough labels yet." in shown(page)


def test_a_contradicted_promotion_has_its_figures_and_is_kept_with_a_reason(
    visit, workspace: Workspace, contradicted: str
):
    page = visit("promotion", id=contradicted)
    assert not page.exception
    figures = page.table[0].value
    assert list(figures[""]) == ["Promised", "Came"]
    assert list(figures["Labels"])[1] == "3,200 in 4 windows"
    page.button(key="outcome_keep").click().run()
    page.text_input(key="confirm_reason").set_value("until the new data comes")
    assert not page.exception
    workspace.governance.keep(contradicted, "until the new data comes")
    page = visit("promotion", id=contradicted)
    assert "outcome_keep" not in {button.key for button in page.button}
    assert "until the new data comes" in shown(page)


def test_a_contradicted_version_says_so_in_the_registry_and_on_its_page(visit, contradicted: str):
    page = visit("registry")
    assert not page.exception
    assert "Contradicted" in set(page.dataframe[0].value["outcome"])
    page = visit("version", ref="shop@2")
    assert not page.exception
    assert "Promised 0.75" in shown(page)


def test_it_is_listed_under_what_needs_a_person(visit, contradicted: str):
    page = visit("attention")
    assert not page.exception
    assert list(page.dataframe[0].value["title"]) == ["shop 2 is not what was promised"]


def test_a_dialog_says_what_the_command_touches(visit, contradicted: str):
    page = visit("version", ref="shop@2")
    page.button(key="version_archive").click().run()
    assert not page.exception
    assert "It touches:" in shown(page)
    assert "alias champion" in shown(page)


def test_a_version_offers_a_file_for_a_ci_system(visit, contradicted: str):
    page = visit("version", ref="shop@2")
    assert not page.exception
    assert "pilothouse validate" in page.code[0].value
    page.selectbox(key="ci_program").select("jenkins").run()
    assert page.code[0].value.startswith("// Version 2 of shop")
