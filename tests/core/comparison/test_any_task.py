"""Runs of any task side by side: the test of each metric, slices, rows that differ, documents."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from sklearn import metrics as sk

from harness.evaluated_runs import log_evaluated
from pilothouse.comparison import Comparisons
from pilothouse.experiments import Experiments
from pilothouse.kit.errors import Invalid
from pilothouse.models.signature import OutputField, Signature
from pilothouse.models.tasks import tasks
from pilothouse.storage import Store
from pilothouse.training import TrainingSpec
from pilothouse.workspace import Workspace

ROWS = 400
FIXED = np.random.default_rng(11)
AMOUNT = FIXED.gamma(2, 50, ROWS)
KIND = FIXED.integers(0, 3, ROWS)
FEATURES = pd.DataFrame(
    {"hour": FIXED.integers(0, 24, ROWS), "place": FIXED.choice([*"abc"], ROWS)}
)
NAMES = ("cat", "dog", "owl")
REGRESSION = Signature((), "amount", task="regression", gives="value", unit="USD")
MULTICLASS = Signature((), "animal", NAMES, task="multiclass")
QUANTILE = Signature((), "amount", task="quantile", gives="value", levels=(0.1, 0.5, 0.9))
RANKING = Signature((), "relevance", task="ranking", gives="value")
MULTILABEL = Signature(
    (), "topics", task="multilabel", outputs=(OutputField("sport"), OutputField("news"))
)


@pytest.fixture
def room(store: Store) -> Experiments:
    return Experiments(store)


@pytest.fixture
def comparisons(store: Store) -> Comparisons:
    return Comparisons(store)


def numbers(noise: float, seed: int) -> Any:
    return (AMOUNT + np.random.default_rng(seed).normal(0, noise, ROWS))[:, None]


def chances(skill: float, seed: int) -> Any:
    logits = skill * np.eye(3)[KIND] + np.random.default_rng(seed).normal(0, 1, (ROWS, 3))
    return np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)


def two_regressions(room: Experiments, **told: Any) -> tuple[str, str]:
    return (
        log_evaluated(room, "a", REGRESSION, numbers(20, 1), AMOUNT, features=FEATURES, **told),
        log_evaluated(room, "b", REGRESSION, numbers(16, 2), AMOUNT, features=FEATURES, **told),
    )


def two_classifiers(room: Experiments) -> tuple[str, str]:
    labels = [NAMES[k] for k in KIND]
    return (
        log_evaluated(room, "a", MULTICLASS, chances(1.0, 1), labels, features=FEATURES),
        log_evaluated(room, "b", MULTICLASS, chances(1.8, 2), labels, features=FEATURES),
    )


def findings(comparisons: Comparisons, *runs: str) -> dict[str, dict[Any, Any]]:
    evidence = comparisons.significance(comparisons.compare(runs))
    assert dict(evidence.left_out) == {}
    paired = evidence.findings[~evidence.findings["method"].str.startswith("folds")]
    return {row["metric"]: row for row in paired.to_dict("records")}


def test_errors_of_numbers_are_resampled(room: Experiments, comparisons: Comparisons) -> None:
    found = findings(comparisons, *two_regressions(room))
    assert {row["method"] for row in found.values()} == {"bootstrap"}
    assert set(found) == {"mae", "rmse", "r2", "median_ae", "mape", "mean_error"}
    costs = [np.abs(numbers(*told)[:, 0] - AMOUNT) for told in ((20, 1), (16, 2))]
    expected = stats.ttest_rel(costs[1], costs[0])
    interval = expected.confidence_interval()
    assert found["mae"]["delta"] == pytest.approx((costs[1] - costs[0]).mean())
    width = found["mae"]["high"] - found["mae"]["low"]
    assert width == pytest.approx(interval.high - interval.low, rel=0.1)
    r2 = [sk.r2_score(AMOUNT, numbers(*told)[:, 0]) for told in ((20, 1), (16, 2))]
    assert found["r2"]["delta"] == pytest.approx(r2[1] - r2[0])


def test_a_maximum_is_compared_and_not_tested(room: Experiments, comparisons: Comparisons) -> None:
    comparison = comparisons.compare(two_regressions(room))
    evidence = comparisons.significance(comparison)
    rows = comparisons.metrics_with_verdicts(comparison, evidence)
    largest = rows[(rows["metric"] == "max_error") & (rows["verdict"] != "baseline")].iloc[0]
    assert largest["method"] == ""
    assert largest["verdict"] in ("better", "worse")


def test_titles_unit_and_order_are_those_of_the_task(
    room: Experiments, comparisons: Comparisons
) -> None:
    comparison = comparisons.compare(two_regressions(room))
    assert comparison.deciding == "mae"
    assert comparison.kinds.of("mae").format_value(3.25) == "3.25 USD"
    assert list(dict.fromkeys(comparison.metrics["metric"]))[:3] == ["mae", "rmse", "r2"]
    assert comparison.agreement("task").state == "same"
    verdict = comparisons.verdict(comparison, comparisons.significance(comparison))
    assert verdict is not None
    assert verdict.sentence.startswith("Mean absolute error: b is best with")
    assert "paired bootstrap, 400 rows" in verdict.evidence


def test_shares_of_classes_are_mcnemars_and_areas_delongs(
    room: Experiments, comparisons: Comparisons
) -> None:
    from statsmodels.stats.contingency_tables import mcnemar

    found = findings(comparisons, *two_classifiers(room))
    right = [chances(*told).argmax(axis=1) == KIND for told in ((1.0, 1), (1.8, 2))]
    table = pd.crosstab(right[0], right[1]).to_numpy()
    expected = mcnemar(table, exact=table[0, 1] + table[1, 0] < 50, correction=True)
    assert found["accuracy"]["method"] == "mcnemar"
    assert found["accuracy"]["p"] == pytest.approx(expected.pvalue)
    assert found["top_2_accuracy"]["method"] == "mcnemar"
    assert found["roc_auc_ovr"]["method"] == "delong"
    auc = [sk.roc_auc_score(KIND, chances(*told), multi_class="ovr") for told in ((1, 1), (1.8, 2))]
    assert found["roc_auc_ovr"]["delta"] == pytest.approx(auc[1] - auc[0])
    resampled = {"f1_macro", "f1_weighted", "balanced_accuracy", "log_loss", "calibration_error"}
    assert {key for key, row in found.items() if row["method"] == "bootstrap"} == resampled


def test_quantiles_have_their_coverage_tested_as_a_share(
    room: Experiments, comparisons: Comparisons
) -> None:
    raws = [numbers(20, seed) + np.array([-width, 0, width]) for seed, width in ((1, 25), (2, 15))]
    runs = [
        log_evaluated(room, n, QUANTILE, raw, AMOUNT) for n, raw in zip("ab", raws, strict=True)
    ]
    found = findings(comparisons, *runs)
    assert found["coverage"]["method"] == "mcnemar"
    assert found["pinball"]["method"] == "bootstrap"
    losses = [
        np.mean(
            [
                sk.mean_pinball_loss(AMOUNT, raw[:, k], alpha=q)
                for k, q in enumerate((0.1, 0.5, 0.9))
            ]
        )
        for raw in raws
    ]
    assert found["pinball"]["delta"] == pytest.approx(losses[1] - losses[0])


def test_ranking_resamples_its_groups(room: Experiments, comparisons: Comparisons) -> None:
    grades, queries = FIXED.integers(0, 3, ROWS).astype(float), np.arange(ROWS) // 10
    runs = []
    for name, noise, seed in (("a", 2.0, 1), ("b", 0.5, 2)):
        raw = (grades + np.random.default_rng(seed).normal(0, noise, ROWS))[:, None]
        runs.append(log_evaluated(room, name, RANKING, raw, grades, added={"__group": queries}))
    found = findings(comparisons, *runs)
    assert set(found) == {"ndcg", "map", "mrr"}
    assert {(row["method"], row["unit"], row["n"]) for row in found.values()} == {
        ("bootstrap_groups", "groups", 40)
    }
    assert found["ndcg"]["significant"]


def test_groups_and_times_of_rows_are_respected(
    room: Experiments, comparisons: Comparisons
) -> None:
    grouped = two_regressions(room, added={"__group": np.arange(ROWS) // 8})
    found = findings(comparisons, *grouped)
    assert (found["mae"]["method"], found["mae"]["n"]) == ("bootstrap_groups", 50)
    timed = two_regressions(room, added={"__at": np.arange(ROWS) * 60_000})
    found = findings(comparisons, *timed)
    assert (found["mae"]["method"], found["mae"]["unit"]) == ("bootstrap_blocks", "blocks")


def test_several_labels_are_paired_and_list_what_they_predict(
    room: Experiments, comparisons: Comparisons
) -> None:
    rng = np.random.default_rng(4)
    applies = rng.random((ROWS, 2)) < 0.5
    labels = [
        ";".join(name for name, yes in zip(("sport", "news"), row, strict=True) if yes)
        for row in applies
    ]
    raws = [np.clip(0.3 * applies + 0.35 + rng.normal(0, s, (ROWS, 2)), 0, 1) for s in (0.4, 0.2)]
    a, b = (
        log_evaluated(room, n, MULTILABEL, raw, labels) for n, raw in zip("ab", raws, strict=True)
    )
    found = findings(comparisons, a, b)
    assert (found["accuracy"]["method"], found["f1_macro"]["method"]) == ("mcnemar", "bootstrap")
    assert comparisons.with_threshold([a, b]) == [], "two scores have no single threshold"
    frame = comparisons.disagreeing_rows(b, a)
    assert set(frame["target"]) <= {"", "sport", "news", "sport, news"}


def test_slices_of_any_task(room: Experiments, comparisons: Comparisons) -> None:
    a, b = two_regressions(room)
    report = comparisons.slices([a, b], columns=["place"])
    assert (report.metric, report.actual_title) == ("mae", "Mean amount")
    part = report.frame[(report.frame["run"] == a) & (report.frame["segment"] == "b")].iloc[0]
    rows = FEATURES["place"] == "b"
    expected = sk.mean_absolute_error(AMOUNT[rows], numbers(20, 1)[rows, 0])
    assert part["value"] == pytest.approx(expected)
    assert part["actual"] == pytest.approx(AMOUNT[rows].mean())
    assert part["shortfall"] == pytest.approx(expected - part["overall"])

    c, d = two_classifiers(room)
    report = comparisons.slices([c, d], "f1_macro", columns=["place"])
    part = report.frame[(report.frame["run"] == d) & (report.frame["segment"] == "b")].iloc[0]
    predicted = chances(1.8, 2).argmax(axis=1)
    assert part["value"] == pytest.approx(sk.f1_score(KIND[rows], predicted[rows], average="macro"))
    assert report.actual_title == "", "three shares are not one number"
    assert "max_error" in comparisons.slice_metrics(a)
    assert not any(comparisons.slice_metrics(a).values())


def test_rows_that_classes_differ_on(room: Experiments, comparisons: Comparisons) -> None:
    a, b = two_classifiers(room)
    first, second = (chances(*told).argmax(axis=1) for told in ((1.0, 1), (1.8, 2)))
    row = comparisons.disagreements([a, b]).iloc[0]
    flipped = first != second
    assert row["flipped"] == flipped.sum()
    assert row["right"] == (flipped & (second == KIND)).sum()
    assert row["wrong"] == (flipped & (first == KIND)).sum()
    assert pd.isna(row["to_positive"])
    frame = comparisons.disagreeing_rows(b, a)
    assert len(frame) == flipped.sum()
    for one in frame.head(20).to_dict("records"):
        assert one["target"] == NAMES[KIND[one["row"]]]
        assert (one["baseline"], one["run"]) == (
            NAMES[first[one["row"]]],
            NAMES[second[one["row"]]],
        )
        assert one["place"] == FEATURES["place"][one["row"]]
    assert set(frame["right"]) <= {"run", "baseline", ""}


def test_rows_on_which_a_number_is_closer(room: Experiments, comparisons: Comparisons) -> None:
    a, b = two_regressions(room)
    costs = [np.abs(numbers(*told)[:, 0] - AMOUNT) for told in ((20, 1), (16, 2))]
    row = comparisons.disagreements([a, b]).iloc[0]
    assert (row["right"], row["wrong"]) == (
        (costs[1] < costs[0]).sum(),
        (costs[1] > costs[0]).sum(),
    )
    frame = comparisons.disagreeing_rows(b, a)
    gap = np.abs(costs[1] - costs[0])
    assert frame["row"].iloc[0] == gap.argmax()
    assert frame["target"].iloc[0] == pytest.approx(AMOUNT[gap.argmax()])


def test_no_threshold_where_none_decides(room: Experiments, comparisons: Comparisons) -> None:
    a, b = two_regressions(room)
    assert comparisons.with_threshold([a, b]) == []
    with pytest.raises(Invalid, match="a score between 0 and 1"):
        comparisons.at_threshold([a, b], 0.5)
    margins = Signature((), "y", ("no", "yes"), "yes", gives="value")
    labels = np.where(KIND == 0, "yes", "no").tolist()
    run = log_evaluated(room, "margins", margins, numbers(1, 1), labels)
    assert comparisons.with_threshold([run]) == [], "a margin is no share"
    chance = log_evaluated(
        room, "chance", Signature((), "y", ("no", "yes"), "yes"), chances(1, 1)[:, :2], labels
    )
    assert comparisons.with_threshold([run, chance]) == [chance]


def test_documents_are_the_tasks_own(room: Experiments, comparisons: Comparisons) -> None:
    a, b = two_regressions(room)
    bare = log_evaluated(room, "bare", REGRESSION, numbers(9, 3), AMOUNT, documents=False)
    documents = comparisons.compare([a, b, bare]).documents
    task = tasks.get("regression")
    expected = task.documents(REGRESSION, {"predict": numbers(9, 3)[:, 0]}, AMOUNT)
    assert set(documents) == set(expected)
    for path, by_run in documents.items():
        assert list(by_run) == [a, b, bare]
        assert by_run[bare] == expected[path], "made of the kept rows"
    assert comparisons.compare([a, b], include_curves=False).documents == {}


def test_runs_of_different_tasks_are_never_compared_silently(
    room: Experiments, comparisons: Comparisons
) -> None:
    (a, b), (c, d) = two_regressions(room), two_classifiers(room)
    comparison = comparisons.compare([a, b, c, d])
    assert comparison.comparable_sets == ((a, b), (c, d))
    assert comparison.agreement("task").state == "differs"
    assert set(comparison.incomparable) == {c, d}
    assert "another task (Multiclass classification)" in comparison.incomparable[c][0]
    evidence = comparisons.significance(comparison)
    assert "another task" in evidence.left_out[c]
    rows = comparisons.metrics_with_verdicts(comparison, evidence)
    assert set(rows[rows["run"] == c]["extreme"]) == {""}
    assert set(comparisons.slices([a, b, c], columns=["place"]).frame["run"]) == {a, b}
    assert comparisons.comparable_runs([c], [a, d, b]) == [d]


@pytest.mark.parametrize(
    ("signature", "reason"),
    [
        (Signature((), "animal", ("cat", "dog", "fox"), task="multiclass"), "other classes"),
        (
            Signature((), "amount", task="quantile", gives="value", levels=(0.2, 0.5)),
            "other levels",
        ),
        (Signature((), "amount", task="regression", gives="value", unit="EUR"), "in EUR"),
        (Signature((), "y", ("no", "yes"), "no"), "the positive class no"),
    ],
)
def test_the_same_task_may_predict_something_else(
    room: Experiments, comparisons: Comparisons, signature: Signature, reason: str
) -> None:
    own = {
        "multiclass": MULTICLASS,
        "quantile": QUANTILE,
        "regression": REGRESSION,
        "binary": Signature((), "y", ("no", "yes"), "yes"),
    }[signature.task]
    runs = []
    for name, one in (("a", own), ("b", signature)):
        width = len(one.classes) or len(one.levels) or 1
        labels = FIXED.choice(one.classes, ROWS).tolist() if one.classes else AMOUNT
        raw = FIXED.dirichlet(np.ones(width), ROWS)
        runs.append(log_evaluated(room, name, one, raw, labels))
    comparison = comparisons.compare(runs)
    assert any(reason in message for message in comparison.incomparable[runs[1]])


def test_classes_in_another_order_are_the_same_classes(
    room: Experiments, comparisons: Comparisons
) -> None:
    labels = [NAMES[k] for k in KIND]
    turned = Signature((), "animal", NAMES[::-1], task="multiclass")
    a = log_evaluated(room, "a", MULTICLASS, chances(1.0, 1), labels)
    b = log_evaluated(room, "b", turned, chances(1.8, 2)[:, ::-1], labels)
    straight = log_evaluated(room, "c", MULTICLASS, chances(1.8, 2), labels)
    evidence = comparisons.significance(comparisons.compare([a, b, straight]))
    assert (evidence.rows, dict(evidence.left_out)) == (ROWS, {})
    by_run = evidence.findings.set_index(["run", "metric"])
    for metric in ("accuracy", "f1_macro", "roc_auc_ovr", "log_loss"):
        assert by_run.loc[(b, metric), "delta"] == pytest.approx(
            by_run.loc[(straight, metric), "delta"]
        )
    row = comparisons.disagreements([straight, b]).iloc[0]
    assert row["flipped"] == 0


def test_a_broken_signature_is_a_caution(room: Experiments, comparisons: Comparisons) -> None:
    a, b = two_regressions(room)
    broken = room.start("any task", "broken")
    room.log_artifact(broken, "model/signature.json", b'{"inputs": []}')
    room.log_metrics(broken, {"mae": 1.0})
    room.finish(broken)
    comparison = comparisons.compare([a, b, broken])
    assert any("has no 'target'" in note.message for note in comparison.notes)
    assert comparison.agreement("task").state == "unknown"


def test_a_training_with_groups_is_compared_by_groups(workspace: Workspace) -> None:
    rng = np.random.default_rng(6)
    owner = rng.integers(0, 120, 800)
    size = rng.normal(size=800)
    price = 3 * size + rng.normal(size=120)[owner] + rng.normal(0, 0.3, 800)
    frame = pd.DataFrame({"size": size, "owner": [f"o{k}" for k in owner], "price": price})
    workspace.data.register("homes", frame)
    runs = [
        workspace.training.train_now(
            TrainingSpec(
                "homes@1",
                "price",
                features=("size",),
                trainer=trainer,
                folds=2,
                groups="owner",
                evaluation="held_out",
            )
        )
        for trainer in ("dummy", "hist_gradient_boosting")
    ]
    found = findings(workspace.comparison, *runs)
    assert found["mae"]["method"] == "bootstrap_groups"
    assert found["mae"]["n"] == pytest.approx(24, abs=6)
    assert found["mae"]["significant"]
