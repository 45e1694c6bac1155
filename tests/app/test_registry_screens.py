"""Registry, model, version and promotion pages."""

from __future__ import annotations

import pandas as pd
import pytest
from sqlmodel import select
from streamlit.testing.v1 import AppTest

from harness.policies import set_gates
from pilothouse.jobs.tables import Job
from pilothouse.kit.errors import Refused
from pilothouse.registry.evaluations import EvaluationResult, record_evaluation
from pilothouse.registry.policy import GateRule
from pilothouse.registry.tables import Model, ModelTag, ModelVersion
from pilothouse.workspace import Workspace
from pilothouse_app.components.formats import DASH
from pilothouse_app.screens.promotion import _rows


def shown(page) -> str:
    return "\n".join(str(each.value) for each in page.markdown)


def buttons(page) -> list[str]:
    return [each.label for each in page.button]


def add_models(served: Workspace) -> None:
    """Two more models, one with an owner in a tag."""
    with served.store.write() as session:
        now = served.store.now()
        for name in ("churn", "fraud"):
            session.add(Model(name=name, note="for the bank", created_at=now, created_by="grace"))
        session.flush()
        session.add(ModelTag(model="fraud", key="owner", value="risk team"))


@pytest.fixture
def asked(served: Workspace) -> str:
    return served.registry.propose("late", 2, "production", "better in april").id


def test_an_empty_registry_names_the_next_step(visit):
    page = visit("registry")
    assert not page.exception
    assert "No model is registered yet" in shown(page)


def test_models_stand_with_their_champion_and_promotions(tour):
    page = tour("registry")
    assert not page.exception
    models, promotions = page.dataframe[0].value, page.dataframe[1].value
    assert list(models["champion"]) == [1]
    assert list(promotions["version"]) == ["late 1"]
    assert "gates and approvals before each stage" in shown(page)


def test_models_have_an_owner_a_metric_and_their_deployments(tour, served):
    add_models(served)
    rows = tour("registry").dataframe[0].value.set_index("name")
    assert dict(rows["owner"]) == {"late": "ada", "churn": "grace", "fraud": "risk team"}
    assert rows.loc["late", "deployments"] == "late"
    assert rows.loc["late", "metric"] == "ROC AUC 0.7200"  # the champion's, not the newest one's
    assert rows.loc["churn", "metric"] == ""


@pytest.mark.parametrize(
    ("words", "found"),
    [("RISK", ["fraud"]), ("bank", ["churn", "fraud"]), ("late", ["late"]), ("%", [])],
)
def test_models_are_found_by_name_owner_or_note(tour, served, words, found):
    add_models(served)
    page = tour("registry", registry_q=words)
    assert not page.exception
    if found:
        assert sorted(page.dataframe[0].value["name"]) == found
    else:
        assert "No models match" in shown(page)


def test_models_come_by_page(served):
    add_models(served)
    pages = [served.registry.model_list(page=page, size=2)["name"].tolist() for page in (1, 2)]
    assert [len(page) for page in pages] == [2, 1]
    assert sorted(pages[0] + pages[1]) == ["churn", "fraud", "late"]
    assert served.registry.model_count("bank") == 2


def test_a_pending_promotion_is_shown_first_with_its_buttons(tour, asked):
    page = tour("registry")
    assert "Waiting for a decision" in shown(page)
    assert {"Accept", "Reject"} <= set(buttons(page))


def test_promotions_are_filtered_by_the_address(tour, asked):
    page = tour("registry", registry_status="Refused")
    assert "No promotions match" in shown(page)


def test_a_model_shows_its_ladder_and_versions(tour):
    page = tour("model", name="late")
    assert not page.exception
    assert "Promote version 2" in buttons(page)
    versions = page.dataframe[0].value
    assert list(versions["version"]) == ["Version 2", "Version 1"]
    assert page.get("plotly_chart")


def test_a_version_says_what_it_takes_and_whether_it_would_pass(tour):
    page = tour("version", ref="late@2")
    assert not page.exception
    inputs = page.dataframe[0].value
    assert list(inputs["type"]) == ["number", "integer", "string", "number or missing"]
    assert "2 gates passed" in shown(page)
    assert "Promote" in buttons(page)


def test_a_version_that_waits_is_decided_and_not_promoted_again(tour, asked):
    assert "Decide" in buttons(tour("version", ref="late@2"))
    assert "Promote" not in buttons(tour("version", ref="late@2"))


def test_the_champion_cannot_be_promoted_further(tour):
    page = tour("version", ref="late@1")
    assert page.button(key="promote").disabled


@pytest.mark.parametrize("ref", ["late@9", "nothing@1", "late@x"])
def test_an_unknown_version_is_said_to_be_unknown(tour, ref):
    page = tour("version", ref=ref)
    assert not page.exception
    assert page.error


def test_the_promotion_dialog_shows_the_verdicts_before_the_click(tour):
    page = tour("version", ref="late@2")
    page.button(key="promote").click().run()
    assert "becomes the champion" in shown(page)
    assert page.button(key="promote_go").disabled
    assert any("Not worse than" in each.value.to_string() for each in page.table)


def test_gates_in_the_way_keep_the_button_shut(tour, served):
    rule = GateRule("metric_threshold", {"metric": "roc_auc", "threshold": 0.9})
    set_gates(served, "production", [rule])
    page = tour("version", ref="late@2")
    page.button(key="promote").click().run()
    assert "1 of 2 gates not passed" in shown(page)
    assert page.button(key="promote_go").help == "Not all gates have passed"


def test_a_promotion_shows_its_evidence_and_can_be_decided(tour, asked):
    page = tour("promotion", id=asked)
    assert not page.exception
    assert {"Accept", "Reject"} <= set(buttons(page))
    assert "better in april" in shown(page)


@pytest.mark.parametrize(
    ("held_out", "state"),
    [(("a", "a"), "the same"), (("a", "b"), "different"), (("a", ""), "unknown")],
)
def test_a_promotion_says_for_each_metric_on_which_rows_it_was_measured(
    tour, served, held_out, state
):
    with served.store.write() as session:
        for number, rows in enumerate(held_out, start=1):
            version = session.scalars(
                select(ModelVersion).where(ModelVersion.version == number)
            ).one()
            version.held_out = rows
    asked = served.registry.propose("late", 2, "production", "better in april").id
    page = tour("promotion", id=asked)
    assert not page.exception
    own = next(each.value for each in page.table if "Rows" in each.value)
    assert set(own["Rows"][own["Champion"] != DASH]) == {state}
    assert set(own["Rows"][own["Champion"] == DASH]) <= {DASH}


def test_figures_of_training_and_of_no_rows_are_not_called_held_out():
    sides = {"held_out": "a"}, {"held_out": "a"}
    states = [_rows(key, *sides) for key in ("train_loss", "cv_auc_mean", "fit_seconds", "auc")]
    assert states == ["not held out", "not held out", DASH, "the same"]
    assert _rows("trainable", *sides) == "the same"


def test_a_promotion_that_gates_would_refuse_cannot_be_accepted(tour, served, asked):
    rule = GateRule("metric_threshold", {"metric": "roc_auc", "threshold": 0.9})
    set_gates(served, "production", [rule])
    page = tour("promotion", id=asked)
    assert page.button(key="decide_accept").disabled
    assert not page.button(key="decide_reject").disabled
    assert "0.1600 below the threshold 0.9000" in page.warning[0].value


def test_a_refused_promotion_tells_which_gate_stood_in_the_way(tour, served):
    rule = GateRule("metric_threshold", {"metric": "roc_auc", "threshold": 0.9})
    set_gates(served, "production", [rule])
    with pytest.raises(Refused):
        served.registry.promote("late", 2, "production", "try")
    refused = served.registry.promotions("refused")["id"].iloc[0]
    page = tour("promotion", id=refused)
    assert "**Refused**" in shown(page)
    assert any("Failed" in each.value.to_string() for each in page.table)
    assert "Accept" not in buttons(page)


@pytest.mark.parametrize("path", ["model", "version", "promotion"])
def test_a_page_without_an_object_asks_which(tour, path):
    page = tour(path)
    assert not page.exception
    assert f"Which {path}?" in shown(page)


@pytest.mark.parametrize(
    ("rows", "champion_rows", "words"),
    [
        ("d1", "d1", "champion 0.7000"),
        ("d1", "d2", "champion 0.7000, on other rows"),
        ("d1", "", "champion 0.7000, rows unknown"),
    ],
)
def test_a_figure_beside_the_champions_says_on_which_rows(
    visit, monkeypatch, rows: str, champion_rows: str, words: str
) -> None:
    from types import SimpleNamespace

    from pilothouse_app.screens import version

    monkeypatch.setattr(version, "metric_value", lambda _key, value: f"{value:.4f}")
    one = SimpleNamespace(held_out=rows)
    champion = SimpleNamespace(held_out=champion_rows)
    assert version._champion_note(one, champion, "roc_auc", {"roc_auc": 0.7}) == words
    assert version._champion_note(one, champion, "log_loss", {"roc_auc": 0.7}) == ""


def test_a_version_is_evaluated_from_its_page(tour, served):
    version = served.registry.version("late", 2)
    rows = pd.DataFrame([{**version.input_example[0], version.signature.target: 1}])
    served.data.register("fresh", rows)
    page = tour("version", ref="late@2")
    page.button(key="evaluate").click().run()
    assert not page.exception
    assert "answers the labelled rows" in shown(page)
    label = next(box for box in page.selectbox if box.label == "Label")
    assert label.value == version.signature.target
    assert not page.button(key="evaluate_go").disabled


def test_the_evaluations_of_a_version_open_their_runs(tour, served):
    record_an_evaluation(served)
    page = tour("version", ref="late@2")
    assert not page.exception
    rows = next(frame.value for frame in page.dataframe if "label" in frame.value)
    assert rows[["label", "rows", "value"]].values.tolist() == [["late", 60, "0.7100"]]


def record_an_evaluation(served: Workspace) -> None:
    run = served.experiments.start("late-evaluations")
    served.experiments.finish(run)
    digest = served.store.artifacts.put_bytes(b"rows")
    result = EvaluationResult(run, "flights@1", "late", "f" * 64, 60, {"roc_auc": 0.71}, digest)
    with served.store.write() as session:
        record_evaluation(session, served.store, "late", 2, result)


def test_a_finished_evaluation_says_what_it_measured(tour, served):
    args = {"model": "late", "version": 2, "dataset": "flights@1"}
    job = served.jobs.submit("evaluate_version", args, title="Evaluate late@2 on flights@1")
    with served.store.write() as session:
        row = session.get(Job, job)
        row.status, row.result = (
            "succeeded",
            {
                **args,
                "run": "r",
                "rows": 1200,
                "metrics": {"roc_auc": 0.71},
                "without_label": 3,
            },
        )
        session.add(row)
    text = shown(tour("job", id=job))
    assert "**ROC AUC 0.7100** on 1,200 rows of flights@1" in text
    assert "Left out: 3 without a label." in text


def test_a_dataset_is_predicted_from_the_page_of_a_version(tour, served):
    version = served.registry.version("late", 2)
    rows = pd.DataFrame([{**version.input_example[0], "flight": "AA 1"}])
    served.data.register("fresh", rows)
    page = tour("version", ref="late@2")
    page.button(key="predict").click().run()
    assert not page.exception
    carried = next(box for box in page.multiselect if box.label == "Columns to carry over")
    assert carried.value == ["flight"]
    assert next(t for t in page.text_input if "answers" in t.label).value == "fresh-predictions"
    assert not page.button(key="predict_go").disabled


def test_a_finished_prediction_leads_to_its_dataset(tour, served):
    job = served.jobs.submit("predict_dataset", {}, title="Predict fresh@1 with late@2")
    with served.store.write() as session:
        row = session.get(Job, job)
        row.status = "succeeded"
        row.result = {"dataset": "scores@1", "rows": 1200, "without_needed_value": 3}
        session.add(row)
    text = shown(tour("job", id=job))
    assert "**1,200 rows** are in scores@1. 3 of them lack a value that the model needs." in text


def card_dialog() -> None:
    """The dialog open at every run, as a browser keeps it open."""
    from pilothouse_app.components.sheet_view import edit_dialog
    from pilothouse_app.features.registry.card import card_of

    edit_dialog(card_of("late", 2))


def press(page, label: str):
    return next(each for each in page.button if each.label == label).click().run()


def test_the_card_of_a_version_is_read_and_written(tour, served):
    page = tour("version", ref="late@2", version_view="Card")
    assert not page.exception
    assert "Nobody has written in this card yet" in shown(page)
    assert "Only people know" in shown(page)
    assert "Promote" in buttons(page)
    assert not press(page, "Edit card").exception
    dialog = AppTest.from_function(card_dialog, default_timeout=30).run()
    licence = next(each for each in dialog.text_input if each.label == "Licence")
    press(licence.input("mit").run(), "Save")
    assert served.registry.card("late", 2).texts.texts == {"licence": "mit"}


def test_texts_of_a_former_version_are_confirmed(tour, served):
    served.registry.edit_card("late", 1, {"factors": "old **lines**"})
    page = tour("version", ref="late@2", version_view="Card")
    assert "Texts of version 1" in shown(page)
    assert "old **lines**" in shown(page)
    page = press(page, "Confirm texts")
    assert not page.exception
    assert served.registry.card("late", 2).texts.carried_from is None
    assert "Confirm texts" not in buttons(page)


MANY = ("latency", "memory", "worst_slice", "freshness", "model_size", "artifact_safety",
        "cross_validation_spread", "calibration", "has_contract")  # fmt: skip


def test_a_version_is_measured_from_its_page(tour, served):
    set_gates(served, "production", [GateRule(name) for name in MANY])
    version = served.registry.version("late", 2)
    missing = {need.kind for need in served.registry.unmeasured("late", 2, "production")}
    assert missing == {"model_process", "worst_slice"}
    page = tour("version", ref="late@2")
    assert "2 measurements that the gates need are missing" in shown(page)
    assert "gates passed" in " ".join(part.label for part in page.expander)  # of many, folded up

    page.button(key="version_measure").click().run()
    assert not page.exception
    jobs = served.jobs.jobs(kind="measure_version", subject_ref=version.ref)
    assert len(jobs) == 1
    page = tour("version", ref="late@2")
    assert "Measure" not in buttons(page)  # its progress stands in its place


def open_the_dialog() -> None:
    from pilothouse_app.features.registry.promote import promote

    promote("late", 2)


def test_the_dialog_measures_what_its_gates_need_without_a_press(tour, served):
    set_gates(served, "production", [GateRule("latency")])
    page = AppTest.from_function(open_the_dialog, default_timeout=30).run()
    assert not page.exception
    [job] = served.jobs.jobs(kind="measure_version", subject_ref="late@2")["id"]
    assert "Measure" not in buttons(page)
    served.registry.propose("late", 2, "production", "it is newer")
    assert served.jobs.jobs(kind="measure_version", subject_ref="late@2")["id"].tolist() == [job]
