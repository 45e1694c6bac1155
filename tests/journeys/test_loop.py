"""The loop by hand: find the best run, promote it, launch it, ask it, watch it, find it written."""

from __future__ import annotations

import re
from typing import Any

import pytest
from playwright.sync_api import expect

from pilothouse.registry.policy import GateRule, Policy

pytestmark = [pytest.mark.journey, pytest.mark.timeout(600)]
MODEL, EXPERIMENT = "flights-late", "flights/late arrivals"


def test_a_gate_refuses_and_a_person_rejects(visitor: Any, voyage: Any) -> None:
    workspace = voyage.workspace
    champion = workspace.registry.champion(MODEL)
    runs = workspace.experiments.runs(sort="metrics.roc_auc", descending=False, size=100)
    judged = runs[(runs["trainer"] == "random_forest") & runs["metrics.roc_auc"].notna()]
    worst = judged.iloc[0]
    assert worst["metrics.roc_auc"] < champion.metrics["roc_auc"] - 0.005
    ref = register(visitor, workspace, str(worst["id"]))
    strict = (GateRule("beats_champion", {"margin": 0.005}),)
    workspace.policies.save(Policy("strict", "production", (MODEL,), strict), "for the worst run")
    visitor.press("Promote")
    dialog = visitor.dialog("Promote")
    expect(dialog.get_by_text("not passed")).to_be_visible()
    expect(dialog.get_by_text(re.compile(r"more than the margin of 0\.005"))).to_be_visible()
    dialog.get_by_role("textbox", name="Reason").fill("to see what somebody else thinks")
    expect(dialog.get_by_role("button", name="Promote", exact=True)).to_be_disabled()
    visitor.press("Request a decision", within=dialog)
    visitor.toast("waits for a decision")

    visitor.open("/registry")
    card = visitor.page.locator("[class*=st-key-pending_]").filter(has_text=ref.replace("@", " "))
    visitor.press("Reject", within=card)
    visitor.answer("Reject this promotion", "Reject", reason="worse than what we have")
    expect(visitor.key("page_header")).to_contain_text("Rejected")
    decision = visitor.page.get_by_text(re.compile(r"^Rejected .*worse than what we have", re.S))
    expect(decision).to_be_visible()  # the votes have the same words
    workspace.policies.remove("strict", "the built-in policy holds again")


def test_a_person_decides_what_the_retraining_proposed(visitor: Any, voyage: Any) -> None:
    registry = voyage.workspace.registry
    waiting = registry.promotions("pending").iloc[0]
    visitor.open("/")
    visitor.page.get_by_role(
        "link", name=re.compile(r"flights-late \d+ to production", re.I)
    ).click()
    visitor.titled(re.compile("to production$"))
    expect(visitor.page.get_by_text(re.compile(r"^\d+ gates passed")).first).to_be_visible()

    visitor.press("Accept")
    dialog = visitor.dialog("Accept")
    accept = dialog.get_by_role("button", name="Accept", exact=True)
    expect(accept).to_be_disabled()
    assert visitor.idle().barriers() == []
    visitor.answer("Accept", "Accept", reason="it is better on the newest weeks", typed=MODEL)
    expect(visitor.key("page_header")).to_contain_text("Accepted")
    assert registry.promotion(waiting["id"]).decision_reason == "it is better on the newest weeks"
    assert registry.champion(MODEL).version == waiting["version"]


def test_the_best_run_sails_the_loop(visitor: Any, voyage: Any) -> None:
    """Done-when 5 of the first voyage, in one go."""
    workspace = voyage.workspace
    visitor.open("/")
    expect(visitor.page.locator("strong", has_text="Needs a person")).to_be_visible()
    best, name = find_best_run(visitor, workspace)
    compare_with_champion(visitor, workspace, best, name)
    ref = register(visitor, workspace, best)
    # The retrained champion was fitted on these rows, so that nothing compares the two.
    rules = (GateRule("metric_threshold"), GateRule("has_contract"), GateRule("latency"))
    workspace.policies.save(Policy("alone", "production", (MODEL,), rules), "by itself")
    promote(visitor, workspace, ref)
    deployment = launch(visitor, workspace, ref)
    prediction = try_it(visitor, deployment)
    assert prediction in set(workspace.deployments.predictions(deployment)["prediction_id"])
    report = drift_report(visitor, workspace)
    find_on_activity(visitor, ref, deployment, report)


def find_best_run(visitor: Any, workspace: Any) -> tuple[str, str]:
    """Filter and sort the run table: the best run of a family that is no version yet."""
    runs = workspace.experiments.runs(sort="metrics.roc_auc", size=100)
    runs = runs[runs["experiment"] == EXPERIMENT]
    best = runs[runs["trainer"] == "logistic_regression"].iloc[0]
    assert workspace.registry.of_run(str(best["id"])) == []
    visitor.page.get_by_role("link", name="Experiments").click()
    visitor.titled("Experiments")
    visitor.search("Name, id, trainer or note", "logistic-regression")
    visitor.pick("Experiment", re.compile(EXPERIMENT.partition("/")[2]))
    visitor.page.wait_for_url(re.compile("experiment="))
    visitor.choose("Show", "Finished")
    visitor.sort("ROC AUC")
    rows = visitor.table("Runs").rows()
    figures = [float(row["ROC AUC"]) for row in rows if row["ROC AUC"]]
    assert figures == sorted(figures, reverse=True)
    assert rows[0]["Run"] == best["name"]
    visitor.table("Runs").open(visitor.table("Runs").row(best["name"]))
    visitor.titled(best["name"])
    return str(best["id"]), str(best["name"])


def compare_with_champion(visitor: Any, workspace: Any, run: str, name: str) -> None:
    """The run beside the champion, which is the baseline."""
    champion = workspace.registry.champion(MODEL).run_id
    visitor.press("Compare with champion")
    visitor.titled("Compare")
    assert visitor.param("baseline") == champion
    assert run in visitor.param("runs")
    for view in (
        "Metrics",
        "Parameters and code",
        "Data",
        "Evaluation",
        "Slices and disagreements",
        "Parallel and importance",
        "Summary",
    ):
        visitor.switch(view)
        assert visitor.faults() == []
    verdict = visitor.key("compare_verdict")
    expect(verdict).to_contain_text("ROC AUC: no comparable run competes with the baseline")
    expect(verdict).to_contain_text(f"not comparable: {name}")  # it was judged on other rows
    visitor.page.get_by_role("link", name=name).first.click()
    visitor.titled(name)


def register(visitor: Any, workspace: Any, run: str) -> str:
    """Make a run's model the next version; its page is open then."""
    visitor.open(f"/run?id={run}")
    visitor.press("Register model")
    dialog = visitor.dialog("Register model")
    assert visitor.idle().barriers() == []
    visitor.press("Register", within=dialog)
    visitor.toast("is registered")
    visitor.titled(re.compile(rf"^{MODEL} \d+$"))
    ref = str(visitor.param("ref"))
    assert workspace.registry.version(MODEL, int(ref.partition("@")[2])).run_id == run
    return ref


def promote(visitor: Any, workspace: Any, ref: str) -> None:
    """To production, with a reason and the name typed; the gates let it through."""
    visitor.press("Promote")
    dialog = visitor.dialog("Promote")
    visitor.measured(dialog)
    expect(dialog.get_by_role("button", name="Promote", exact=True)).to_be_disabled()
    assert visitor.idle().barriers() == []
    visitor.answer("Promote", "Promote", reason="the best of its family", typed=MODEL)
    visitor.toast("is in production")
    expect(visitor.key("page_header")).to_contain_text("Production")
    assert workspace.registry.champion(MODEL).ref == ref


def launch(visitor: Any, workspace: Any, ref: str) -> str:
    """A deployment of its own through the wizard, until it answers."""
    visitor.press("Launch")
    dialog = visitor.dialog("Launch")
    if dialog.get_by_role("combobox", name="Where").count():
        visitor.choose("Where", "A new deployment", within=dialog)
        visitor.idle()  # the form of a new deployment has another name
    expect(dialog.get_by_text("What will happen")).to_be_visible()
    name = dialog.get_by_label("Name", exact=True).input_value()
    assert visitor.idle().barriers() == []
    visitor.answer("Launch", "Launch", reason="to compare both for a week")
    visitor.titled(name)
    expect(visitor.key("page_header")).to_contain_text("Ready", timeout=60_000)
    assert workspace.deployments.deployment(name).version_ref == ref
    return str(name)


def try_it(visitor: Any, deployment: str) -> str:
    """One prediction from the form that the signature gives."""
    visitor.switch("Try it")
    visitor.press("Predict")
    told = visitor.page.get_by_text(re.compile(r"^Prediction [0-9a-f-]{36}$"))
    expect(told).to_be_visible()
    expect(visitor.page.get_by_text(f"/deployments/{deployment}/invocations")).to_be_visible()
    assert visitor.idle().barriers() == []
    return str(told.inner_text()).split()[-1]


def drift_report(visitor: Any, workspace: Any) -> str:
    """Evidently's report of a window, made by a job and read inside the app."""
    visitor.page.get_by_role("link", name="Monitoring").first.click()
    visitor.titled("Monitoring")
    visitor.choose("Deployment", MODEL)
    visitor.switch("Windows")
    visitor.table("Windows").open(2)
    expect(visitor.page).to_have_url(re.compile(r"/window\?id="))
    visitor.press("Drift report")
    visitor.titled("Drift report")
    expect(visitor.key("page_header")).to_contain_text("Ready", timeout=120_000)
    expect(visitor.report()).to_contain_text("Dataset Drift", timeout=60_000)
    return str(visitor.param("id"))


def find_on_activity(visitor: Any, ref: str, deployment: str, report: str) -> None:
    """What was done is written down, with its reason; each entry leads to its object."""
    visitor.page.get_by_role("link", name="Activity").first.click()
    visitor.titled("Activity")
    expect(visitor.page.get_by_text("Chain verified").first).to_be_visible()
    done = {(row["What"], row["Kind"], row["Reason"]) for row in visitor.table("Activity").rows()}
    kinds = {(what, kind) for what, kind, _ in done}
    assert ("Promoted", "Version", "the best of its family") in done
    assert ("Launched", "Deployment", "to compare both for a week") in done
    assert {("Registered", "Version"), ("Requested", "Report"), ("Made", "Report")} <= kinds
    visitor.search("Name, reason or person", "the best of its family")
    expect(visitor.key("activity_entry")).to_contain_text("the best of its family")
    visitor.key("activity_entry").get_by_role("link").first.click()
    visitor.titled(ref.replace("@", " "))
