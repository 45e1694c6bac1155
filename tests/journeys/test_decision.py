"""One decision from the request to its contradiction, and a review that needs no mouse."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from browsing import Visitor, seeing, visiting
from playwright.sync_api import Browser, expect

from harness.running_instance import RunningInstance, run_instance
from pilothouse.registry.policy import Approvals, GateRule, Policy
from pilothouse.training.spec import TrainingSpec
from pilothouse.workspace import Workspace

pytestmark = [pytest.mark.journey, pytest.mark.timeout(300)]
MODEL, AUTHOR, VOTERS = "churn", "Ada Lovelace", ("Grace Hopper", "Mary Jackson")
SECONDS = 120_000  # in milliseconds: what starts a process may take long on a busy machine
DAYS, A_DAY, LEAST = 8, 250, 0.8
ITEMS = 10
STRAY_KEYS = 40  # presses of Tab until a field is reached, at most


def customers(seed: int, rows: int, *, swapped: bool = False) -> pd.DataFrame:
    """Customers of whom those with many calls leave; or, `swapped`, those with few."""
    draw = np.random.default_rng(seed)
    calls, age = draw.normal(size=rows), draw.normal(size=rows)
    slope = -2.5 if swapped else 2.5
    leaves = draw.random(rows) < 1 / (1 + np.exp(-slope * calls - 0.3 * age))
    return pd.DataFrame({"calls": calls, "age": age, "leaves": np.where(leaves, "yes", "no")})


def trained(workspace: Workspace, features: tuple[str, ...], model: str = MODEL) -> int:
    """A version of the model that uses these columns."""
    spec = TrainingSpec(
        "customers@1", "leaves", features=features, trainer="logistic_regression", folds=2,
        evaluation="held_out",
    )  # fmt: skip
    run = workspace.training.train_now(spec)
    return workspace.registry.register(model, run).version


@pytest.fixture(scope="module")
def ship(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningInstance]:
    """An instance of a team of three with a policy that asks two of them, and a poor version."""
    with run_instance(tmp_path_factory.mktemp("decision") / "workspace") as started:
        workspace = started.open()
        for name in (AUTHOR, *VOTERS):
            workspace.acting_as(AUTHOR).people.add(name, rights=["approve", "edit_policies"])
        workspace.data.register("customers", customers(1, 2_000))
        policy = Policy(
            "careful",
            "production",
            (MODEL,),
            (GateRule("metric_threshold", {"metric": "roc_auc", "threshold": LEAST}),),
            Approvals(needed=2, four_eyes=True),
        )
        workspace.acting_as(AUTHOR).policies.save(policy, "two others look")
        trained(workspace, ("age",))
        workspace.deployments.launch(MODEL, MODEL, 1, "before there was a policy")
        workspace.store.engine.dispose()
        yield started


@pytest.fixture(scope="module")
def team(browser: Browser, ship: RunningInstance) -> Iterator[dict[str, Visitor]]:
    """Each person of the team at a browser of their own, who has chosen their name there."""
    origin = ship.address("app").url
    with ExitStack() as browsers:
        visitors: dict[str, Visitor] = {}
        for name in (AUTHOR, *VOTERS):
            context = seeing(browser, "light")
            browsers.callback(context.close)
            visitors[name] = browsers.enter_context(visiting(context, origin))
            introduce(visitors[name], name)
        yield visitors
        strays = [each.strays + each.complaints for each in visitors.values()]
    assert strays == [[]] * len(visitors)


def introduce(visitor: Visitor, name: str) -> None:
    """Choose a name, once in this browser."""
    visitor.open("/people")
    visitor.key("person").get_by_role("button").click()  # the account that tests run as, so far
    dialog = visitor.dialog("Who are you?")
    dialog.get_by_role("combobox", name="Your name").click()
    visitor.page.get_by_role("option", name=name, exact=True).click()
    visitor.press("Choose", within=dialog)
    visitor.toast(f"You act as {name}")
    visitor.idle()


def test_a_review_of_ten_items_needs_the_keyboard_alone(
    team: dict[str, Visitor], opened: Workspace
) -> None:
    author, voter = team[AUTHOR], team[VOTERS[0]]
    usual = voter.page.viewport_size
    run = opened.registry.version(MODEL, 1).run_id
    for number in range(1, ITEMS + 1):
        opened.registry.register(f"model-{number:02}", str(run))
        opened.acting_as(AUTHOR).registry.propose(f"model-{number:02}", 1, "staging", "to be tried")

    voter.open("/reviews")
    press_by_keyboard(voter, "Start a review")
    voter.dialog("Start a review")
    press_by_keyboard(voter, "Start")
    expect(voter.page).to_have_url(re.compile(r"/review\?"))
    voter.idle()
    review = voter.param("id")
    refs = [item.ref for item in opened.reviews.review(review).agenda]
    assert len(refs) == ITEMS

    for place, ref in enumerate(refs, 1):
        if place == ITEMS // 2:  # the second half of the meeting is on a projector
            voter.page.set_viewport_size({"width": 1920, "height": 1080})
        voter.page.keyboard.press("ArrowRight")
        voter.page.wait_for_url(re.compile(f"item={place}$"))
        voter.idle()
        promotion = opened.registry.promotion(ref)
        title = f"Promote {promotion.model} 1 to staging?"
        expect(voter.page.get_by_role("heading", name=title)).to_be_visible()
        accept = place % 3 != 0
        voter.page.keyboard.press("y" if accept else "n")
        expect(voter.page.get_by_role("dialog")).to_be_visible()
        type_by_keyboard(voter, "Reason", f"item {place} was looked at")
        press_by_keyboard(voter, "Accept" if accept else "Reject")
        expect(voter.page.get_by_role("dialog")).to_be_hidden()
        voter.idle()
        decided = "accepted" if accept else "rejected"
        assert opened.registry.promotion(ref).status == decided

    press_by_keyboard(voter, "End the review")
    voter.dialog("End this review")
    press_by_keyboard(voter, "End the review", last=True)
    voter.toast("The review has ended")
    minutes = opened.reviews.minutes(review)
    assert minutes.decided == ITEMS
    page = opened.reviews.minutes_html(review).decode()
    text = opened.reviews.minutes_markdown(review).replace("\\", "")  # what Markdown escapes
    for place, ref in enumerate(refs, 1):
        for written in (page, text):
            assert opened.registry.promotion(ref).model in written
            assert f"item {place} was looked at" in written
    assert author.strays == []
    voter.page.set_viewport_size(usual)


def press_by_keyboard(visitor: Visitor, name: str, *, last: bool = False) -> None:
    """Go to a button by Tab, in the dialog if there is one, and press it by Enter."""
    visitor.idle()
    buttons = visitor.page.get_by_role("button", name=name, exact=True)
    focus_by_keyboard(visitor, buttons.last if last else buttons.first)
    visitor.page.keyboard.press("Enter")


def type_by_keyboard(visitor: Visitor, label: str, text: str) -> None:
    """Go to a text box by Tab and type into it."""
    visitor.idle()
    focus_by_keyboard(visitor, visitor.page.get_by_role("textbox", name=label).last)
    visitor.page.keyboard.type(text)


def focus_by_keyboard(visitor: Visitor, target: Any) -> None:
    """Press Tab until an element has the focus."""
    for _ in range(STRAY_KEYS):
        if target.evaluate("element => element.contains(document.activeElement)"):
            return
        visitor.page.keyboard.press("Tab")
    raise AssertionError(f"{STRAY_KEYS} presses of Tab do not reach {target}")


def test_a_decision_from_its_request_to_its_contradiction(
    team: dict[str, Visitor], opened: Workspace, tmp_path: Path
) -> None:
    author = team[AUTHOR]
    a_gate_fails(author)
    version = trained(opened, ("calls", "age"))
    promotion = request(author, opened, version)
    review = approve_in_a_review(team, opened, promotion, version)
    deployment_follows(author, opened, promotion, version)
    labels_contradict(author, opened, promotion, version)
    minutes_and_timeline(author, opened, review, promotion, tmp_path)


def a_gate_fails(author: Visitor) -> None:
    """The poor version cannot be promoted, and the dialog says by how much."""
    author.open(f"/version?ref={MODEL}@1")
    author.press("Promote")
    dialog = author.dialog("Promote")
    expect(dialog).to_contain_text("1 of 2 gates not passed")
    shortfall = re.compile(rf"ROC AUC 0\.\d+ is (0\.\d+) below the threshold {LEAST}")
    expect(dialog).to_contain_text(shortfall)
    expect(dialog.get_by_role("button", name="Promote", exact=True)).to_be_disabled()
    author.press("Cancel", within=dialog)


def request(author: Visitor, workspace: Workspace, version: int) -> str:
    """A new version passes; its author cannot decide alone and asks."""
    author.open(f"/version?ref={MODEL}@{version}")
    author.press("Promote")
    dialog = author.dialog("Promote")
    dialog.get_by_role("textbox", name="Reason").fill("uses the calls of a customer too")
    author.press("Request a decision", within=dialog)
    author.toast("waits for a decision")
    pending = workspace.registry.promotions("pending", MODEL)
    assert pending["requested_by"].tolist() == [AUTHOR]
    return str(pending["id"].iloc[0])


def approve_in_a_review(
    team: dict[str, Visitor], workspace: Workspace, promotion: str, version: int
) -> str:
    """Two people accept it in a review; the first vote alone moves nothing."""
    author = team[AUTHOR]
    author.open("/reviews")
    author.press("Start a review")
    dialog = author.dialog("Start a review")
    dialog.get_by_role("textbox", name="Title").fill("Models of this week")
    author.press("Start", within=dialog)
    expect(author.page).to_have_url(re.compile("/review"))
    author.idle()
    review = author.param("id")
    numbers = [item.ref for item in workspace.reviews.review(review).agenda]
    place = numbers.index(promotion) + 1
    for name in VOTERS:
        voter = team[name]
        assert workspace.registry.promotion(promotion).status == "pending"
        voter.open(f"/review?id={review}&item={place}")
        voter.page.keyboard.press("y")
        dialog = voter.dialog(f"Accept: {MODEL} {version} to production")
        dialog.get_by_role("textbox", name="Reason").fill(f"{name} has looked at it")
        dialog.get_by_role("textbox", name=f"Type {MODEL} to confirm").fill(MODEL)
        voter.press("Accept", within=dialog)
        expect(dialog).to_be_hidden()
        voter.idle()
    accepted = workspace.registry.promotion(promotion)
    assert accepted.status == "accepted"
    assert [vote.person for vote in workspace.registry.votes(promotion).votes] == list(VOTERS)
    assert workspace.registry.version(MODEL, version).stage == "production"
    return review


def deployment_follows(author: Visitor, workspace: Workspace, promotion: str, version: int) -> None:
    """The page of the accepted promotion offers the deployment, which swaps without a stop."""
    author.open(f"/promotion?id={promotion}")
    author.press("Launch")
    dialog = author.dialog("Launch")
    author.choose("Where", MODEL, within=dialog)
    author.idle()
    dialog.get_by_role("textbox", name="Reason").fill("accepted by two")
    author.press("Swap", within=dialog)
    author.titled(MODEL)
    expect(author.key("page_header")).to_contain_text("Ready", timeout=SECONDS)
    expect(author.page.get_by_text(f"Version {version} is serving").first).to_be_visible(
        timeout=SECONDS
    )
    assert workspace.deployments.deployment(MODEL).serving_version == version


def labels_contradict(author: Visitor, workspace: Workspace, promotion: str, version: int) -> None:
    """Customers behave otherwise: the labels of eight days contradict the promise."""
    today = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    workspace.monitoring.monitor(MODEL, period="day", min_rows=100, min_labelled=100)
    for day in range(DAYS):
        at = today - timedelta(days=DAYS - day) + timedelta(hours=9)
        rows = customers(100 + day, A_DAY, swapped=True)
        records = rows[["calls", "age"]].to_dict("records")
        answers = workspace.deployments.predict(MODEL, records, event_time=at)
        ids = [str(answer["prediction_id"]) for answer in answers]
        workspace.deployments.label(MODEL, ids, rows["leaves"].tolist(), at)
        workspace.monitoring.evaluate(MODEL, at - timedelta(hours=9), at + timedelta(hours=15))
    outcome = workspace.governance.outcome(promotion)
    assert outcome.state == "contradicted", outcome.message

    author.open(f"/promotion?id={promotion}")
    section = author.key("promotion_outcome")
    expect(section).to_contain_text("Contradicted")
    assert outcome.promise is not None
    assert outcome.live is not None
    for figure in (outcome.promise.figure, outcome.live.value):
        expect(section).to_contain_text(f"{figure:.4f}")
    author.open("/attention")
    waits = author.table("Needs a person").rows()
    assert any(f"{MODEL} {version}" in " ".join(row.values()) for row in waits), waits


def minutes_and_timeline(
    author: Visitor, workspace: Workspace, review: str, promotion: str, folder: Path
) -> None:
    """The minutes open as a file that needs nothing else, and the timeline has every step."""
    author.open(f"/review?id={review}")
    author.press("End the review")
    author.press("End the review", within=author.dialog("End this review"))
    author.toast("The review has ended")
    with author.page.expect_download() as download:
        author.press("HTML")
    path = folder / "minutes.html"
    download.value.save_as(path)
    paper = author.page.context.new_page()
    paper.goto(path.as_uri())
    for text in ("Models of this week", *VOTERS, "has looked at it", "Promoted by"):
        expect(paper.locator("body")).to_contain_text(text)
    paper.close()

    author.open(f"/model?name={MODEL}&model_view=History")
    author.idle()
    events = workspace.governance.timeline(MODEL)
    steps = list(zip(events["kind"], events["event"], strict=True))
    for step in (
        ("promotion", "requested"),
        ("promotion", "accepted"),
        ("deployment", "switched"),
        ("alert", "fired"),
    ):
        assert step in steps
    assert author.faults() == []
