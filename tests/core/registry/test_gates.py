"""Gates: what each says, and by how much; pure functions on evidence."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pilothouse.experiments.metrics.kinds import compare_values
from pilothouse.kit.errors import NotFound
from pilothouse.models.signature import UNSPECIFIED, Signature
from pilothouse.models.tasks import tasks
from pilothouse.registry.default_gates import BASIC_GATES
from pilothouse.registry.evidence import (
    ChampionComparison,
    ContractFact,
    Evidence,
    Side,
    TaskFacts,
    evidence_hash,
)
from pilothouse.registry.gates import Verdict, gates
from pilothouse.registry.policy import GateRule, assess

FIGURES = st.floats(0, 1)


def evidence(
    auc: float | None = 0.7,
    champion: float | None = None,
    *,
    held_out: tuple[str, str] = ("a", "a"),
    **others: object,
) -> Evidence:
    metrics = {} if auc is None else {"roc_auc": auc}
    rival = None
    if champion is not None:
        rival = Side("late@1", "b" * 64, {"roc_auc": champion}, held_out=held_out[1])
    candidate = Side("late@2", "a" * 64, metrics, dataset="flights@1", held_out=held_out[0])
    facts = {"task": TaskFacts.of(tasks.get("binary").example.signature)} | others
    return Evidence("late", 2, "production", candidate, rival, **facts)  # type: ignore[arg-type]


def of_task(
    name: str, values: dict[str, float], champion: dict[str, float] | None = None
) -> Evidence:
    """Evidence on a model of some kind."""
    rival = None if champion is None else Side("m@1", "b" * 64, champion, held_out="a")
    own = Side("m@2", "a" * 64, values, held_out="a")
    facts = TaskFacts.of(tasks.get(name).example.signature)
    return Evidence("m", 2, "production", own, rival, task=facts)


@pytest.fixture(params=gates.names())
def gate(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def test_every_gate_answers_with_words_and_keeps_its_name(gate: str) -> None:
    for facts in (evidence(), evidence(None), evidence(0.5, 0.6), evidence(None, 0.6)):
        verdict = GateRule(gate).evaluate(facts)
        assert verdict.gate == gate
        assert verdict.outcome in ("passed", "failed", "inconclusive")
        assert verdict.message
        assert Verdict.from_json(json.loads(json.dumps(verdict.to_json()))) == verdict


def test_a_threshold_says_how_much_is_missing() -> None:
    verdict = GateRule("metric_threshold", {"threshold": 0.75}).evaluate(evidence(0.7))
    assert (verdict.outcome, verdict.figure, verdict.limit) == ("failed", 0.7, 0.75)
    assert verdict.message == "ROC AUC 0.7000 is 0.0500 below the threshold 0.7500"


@given(figure=FIGURES, threshold=FIGURES, metric=st.sampled_from(["roc_auc", "log_loss"]))
def test_a_threshold_passes_exactly_on_its_good_side(
    figure: float, threshold: float, metric: str
) -> None:
    facts = Evidence("late", 2, "production", Side("late@2", "a" * 64, {metric: figure}))
    rule = GateRule("metric_threshold", {"metric": metric, "threshold": threshold})
    good = figure >= threshold if metric == "roc_auc" else figure <= threshold
    assert rule.evaluate(facts).passed is good


@given(figure=FIGURES, champion=FIGURES, margin=st.floats(0, 0.5))
def test_the_champion_is_beaten_when_no_more_than_the_margin_is_lost(
    figure: float, champion: float, margin: float
) -> None:
    verdict = GateRule("beats_champion", {"margin": margin}).evaluate(evidence(figure, champion))
    lost = champion - figure
    if abs(lost - margin) > 1e-9:
        assert verdict.passed is (lost < margin)
    if compare_values("roc_auc", figure, champion) == "better":
        assert verdict.passed


def test_a_figure_exactly_at_the_margin_passes() -> None:
    assert GateRule("beats_champion", {"margin": 0.005}).evaluate(evidence(0.695, 0.7)).passed


def test_a_loss_is_better_when_it_is_lower() -> None:
    low, high = (Side(f"late@{n}", "a" * 64, {"log_loss": v}) for n, v in ((2, 0.4), (1, 0.5)))
    facts = Evidence("late", 2, "production", low, high)
    assert GateRule("beats_champion", {"metric": "log_loss", "margin": 0}).evaluate(facts).passed
    worse = Evidence("late", 2, "production", high, low)
    verdict = GateRule("beats_champion", {"metric": "log_loss", "margin": 0.01}).evaluate(worse)
    assert "is worse by 0.1000, 0.0900 more than the margin of 0.01" in verdict.message


def test_people_say_which_way_a_metric_is_better() -> None:
    low, high = (Side(f"late@{n}", "a" * 64, {"queue": v}) for n, v in ((2, 3.0), (1, 5.0)))
    rule = GateRule("beats_champion", {"metric": "queue", "margin": 0})
    assert not rule.evaluate(Evidence("late", 2, "production", low, high)).passed
    described = Evidence("late", 2, "production", low, high, directions={"queue": "lower"})
    assert rule.evaluate(described).passed


def test_without_a_champion_nothing_is_to_beat() -> None:
    assert GateRule("beats_champion").evaluate(evidence(0.4)).passed


def test_a_figure_that_was_not_measured_is_inconclusive_and_does_not_let_through() -> None:
    for facts in (evidence(None, 0.6), evidence(None)):
        decision = assess(facts, [GateRule("metric_threshold")])
        assert decision.verdicts[0].outcome == "inconclusive"
        assert not decision.accepted
        assert "ROC AUC was not measured" in decision.message


def test_a_comparison_on_the_same_rows_goes_before_each_ones_own_figures() -> None:
    compared = ChampionComparison("late@1", {"roc_auc": 0.71}, {"roc_auc": 0.62}, "the newest week")
    facts = evidence(0.7, 0.75, held_out=("a", "b"), comparison=compared)
    assert not GateRule("beats_champion").evaluate(evidence(0.7, 0.75)).passed
    verdict = GateRule("beats_champion").evaluate(facts)
    assert verdict.passed
    assert "is better by 0.0900" in verdict.message
    assert ChampionComparison.from_json(json.loads(json.dumps(compared.to_json()))) == compared


def test_the_words_say_when_the_rows_were_not_the_same() -> None:
    message = GateRule("beats_champion").evaluate(evidence(0.7, 0.7, held_out=("a", "b"))).message
    assert message.endswith("(each on rows of its own)")
    assert "rows" not in GateRule("beats_champion").evaluate(evidence(0.7, 0.7)).message


def test_a_contract_must_cover_every_input() -> None:
    rule = GateRule("has_contract")
    assert rule.evaluate(evidence()).message == "flights@1 has no schema contract"
    part = ContractFact("flights@1", ("a",), uncovered=("b",))
    failed = rule.evaluate(evidence(contract=part, inputs=("a", "b")))
    assert (failed.outcome, failed.figure, failed.limit) == ("failed", 1.0, 2.0)
    whole = ContractFact("flights@1", ("a", "b"))
    assert rule.evaluate(evidence(contract=whole, inputs=("a", "b"))).passed


def test_a_version_whose_data_is_not_known_is_to_be_evaluated_on_data_with_a_contract() -> None:
    facts = evidence()
    unknown = replace(facts, candidate=replace(facts.candidate, dataset=""))
    message = GateRule("has_contract").evaluate(unknown).message
    assert message == "its data is not known; evaluate the version on a dataset with a contract"


def test_a_version_that_is_not_described_has_no_goal_to_pass() -> None:
    undescribed = TaskFacts.of(Signature((), "", (), task=UNSPECIFIED))
    assert not undescribed.described
    verdict = GateRule("metric_threshold").evaluate(evidence(task=undescribed))
    assert verdict.outcome == "inconclusive"
    assert "is not described yet" in verdict.message


def interval(metric: str, low: float, high: float, **about: object) -> ChampionComparison:
    values = {metric: 10.0}
    found = {"metric": metric, "low": low, "high": high, "delta": (low + high) / 2}
    found |= {"method": "paired bootstrap", "n": 15, "unit": "days", "note": ""} | about
    return ChampionComparison("late@1", values, values, "the newest rows", found)


@pytest.mark.parametrize(
    ("low", "high", "outcome", "conclusion"),
    [
        (0.004, 0.02, "passed", "ROC AUC is better beyond chance"),
        (-0.0137, 0.0376, "passed", "ROC AUC is not better beyond chance"),
        (-0.02, -0.001, "passed", "ROC AUC is worse beyond chance"),
        (-0.051, 0.06, "failed", "it may be worse by 0.051, and 0.05 is tolerated"),
    ],
)
def test_the_interval_of_the_difference_decides(
    low: float, high: float, outcome: str, conclusion: str
) -> None:
    facts = replace(evidence(0.7, 0.7), comparison=interval("roc_auc", low, high))
    verdict = GateRule("not_worse_beyond_chance").evaluate(facts)
    assert (verdict.outcome, verdict.figure, verdict.limit) == (outcome, low, -0.05)
    assert conclusion in verdict.message
    assert f"95 % interval {low:+.4g} to {high:+.4g}, 15 days" in verdict.message
    strict = GateRule("not_worse_beyond_chance", {"tolerance": 0.0}).evaluate(facts)
    assert strict.passed is (low >= 0)


def test_of_an_error_the_upper_end_of_the_interval_decides() -> None:
    facts = of_task("regression", {"mae": 10.0}, {"mae": 10.0})
    for high, passed in ((2.4, True), (2.6, False)):  # a quarter of the champion's 10 is tolerated
        compared = interval("mae", -1.0, high, note="rows were taken for independent")
        verdict = GateRule("not_worse_beyond_chance").evaluate(replace(facts, comparison=compared))
        assert (verdict.passed, verdict.figure, verdict.limit) == (passed, high, 2.5)
        assert "(rows were taken for independent)" in verdict.message
    better = replace(facts, comparison=interval("mae", -1.0, -0.2))
    assert "is better beyond chance" in GateRule("not_worse_beyond_chance").evaluate(better).message


def test_without_an_interval_there_is_nothing_to_hold_against_it() -> None:
    for facts in (evidence(0.7), evidence(0.7, 0.6)):
        assert GateRule("not_worse_beyond_chance").evaluate(facts).passed


def test_a_decision_names_every_gate_that_stands_in_the_way() -> None:
    decision = assess(evidence(0.55, 0.7), BASIC_GATES["production"])
    assert not decision.accepted
    for gate in ("metric_threshold", "beats_champion", "has_contract"):
        assert f"{gate}: " in decision.message


def test_the_digest_of_evidence_tells_any_change() -> None:
    one, two = evidence(0.7).to_json(), evidence(0.7000001).to_json()
    assert evidence_hash(one) == evidence_hash(json.loads(json.dumps(one)))
    assert evidence_hash(one) != evidence_hash(two)


def test_an_unknown_gate_lists_the_known_ones() -> None:
    with pytest.raises(NotFound, match="has_contract"):
        GateRule("horoscope").evaluate(evidence())


@pytest.mark.parametrize("name", tasks.names())
def test_the_default_threshold_is_the_goal_of_the_models_kind(name: str) -> None:
    task, rule = tasks.get(name), GateRule("metric_threshold")
    goal = task.goal(task.example.signature)
    if goal is None:
        verdict = rule.evaluate(of_task(name, {}))
        assert verdict.passed
        assert verdict.message.startswith("there is no goal for this kind of model")
        return

    verdict = rule.evaluate(of_task(name, {goal.metric: goal.threshold}))
    assert (verdict.outcome, verdict.figure, verdict.limit) == (
        "passed",
        goal.threshold,
        goal.threshold,
    )
    unmeasured = rule.evaluate(of_task(name, {}))
    assert unmeasured.outcome == "inconclusive"
    assert unmeasured.message.endswith("was not measured; evaluate the version on labelled rows")


@pytest.mark.parametrize(("classes", "threshold"), [("abc", 0.47), ("abcde", 0.36), ("", None)])
def test_the_goal_of_many_classes_follows_from_guessing(
    classes: str, threshold: float | None
) -> None:
    goal = tasks.get("multiclass").goal(Signature((), "grade", tuple(classes), task="multiclass"))
    assert (goal and goal.threshold) == threshold


@pytest.mark.parametrize("metric", ["", "primary"])
def test_the_primary_metric_of_the_models_kind_is_compared(metric: str) -> None:
    rule = GateRule("beats_champion", {"metric": metric, "margin": 0.01})
    better = rule.evaluate(of_task("regression", {"mae": 0.9}, {"mae": 1.0}))
    assert better.passed
    assert better.message.startswith("Mean absolute error 0.9 USD against 1 USD of m@1")
    assert not rule.evaluate(of_task("regression", {"mae": 1.2}, {"mae": 1.0})).passed


def test_the_margin_of_an_error_is_a_share_of_the_champions() -> None:
    rule = GateRule("beats_champion", {"margin": 0.05})
    within = rule.evaluate(of_task("regression", {"mae": 103.0}, {"mae": 100.0}))
    assert (within.outcome, within.limit) == ("passed", 105.0)
    assert not rule.evaluate(of_task("regression", {"mae": 106.0}, {"mae": 100.0})).passed


def test_a_stored_rule_with_another_kinds_metric_says_which_one_does() -> None:
    for gate in ("metric_threshold", "beats_champion"):
        rule = GateRule(gate, {"metric": "roc_auc"})
        verdict = rule.evaluate(of_task("regression", {"mae": 1.0}, {"mae": 1.0}))
        if gate == "metric_threshold":
            rule = GateRule(gate, {"metric": "roc_auc", "threshold": 0.6})
            verdict = rule.evaluate(of_task("regression", {"mae": 1.0}))
        assert verdict.outcome == "inconclusive"
        assert "ROC AUC does not belong to a model of the kind Regression" in verdict.message
        assert "Mean absolute error does" in verdict.message


def test_versions_that_mean_different_things_are_not_compared() -> None:
    apart = replace(of_task("regression", {"mae": 1.0}, {"mae": 2.0}), incomparable="m@1 differs")
    verdict = GateRule("beats_champion").evaluate(apart)
    assert (verdict.outcome, verdict.message) == ("inconclusive", "m@1 differs")
