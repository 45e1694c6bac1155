"""Runs held against a baseline: what differs, what is better, and what cannot be compared."""

from __future__ import annotations

import json
import math
from datetime import timedelta
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sqlmodel import col, select

from pilothouse.comparison import Comparisons
from pilothouse.comparison.comparison import Comparison, texts_differ
from pilothouse.comparison.curves import MAX_POINTS
from pilothouse.experiments import Experiments
from pilothouse.experiments.provenance.git import UNKNOWN
from pilothouse.experiments.tables import Experiment, Source, SourceUse
from pilothouse.kit.clock import FixedClock
from pilothouse.kit.errors import Invalid, NotFound
from pilothouse.models.signature import Signature
from pilothouse.storage import Store


@pytest.fixture
def room(store: Store) -> Experiments:
    return Experiments(store)


@pytest.fixture
def comparisons(store: Store) -> Comparisons:
    return Comparisons(store)


def trained(room: Experiments, name: str, **told: Any) -> str:
    run = room.start("flights", name, trainer=told.get("trainer", "rf"), code=UNKNOWN)
    room.log_params(run, {"trees": told.get("trees", 100), "rate": told.get("rate", "0.1")})
    room.log_metrics(run, told.get("metrics", {"roc_auc": 0.7}))
    room.log_input(run, told.get("data", "flights@1"), "training")
    room.log_artifact(run, "spec.json", json.dumps(told.get("spec", {"split": "time"})).encode())
    for path, value in told.get("files", {}).items():
        room.log_artifact(run, path, json.dumps(value).encode())
    room.finish(run)
    return run


def verdicts(comparison: Comparison, run: str) -> dict[str, str]:
    rows = comparison.metrics[comparison.metrics["run"] == run]
    return dict(zip(rows["metric"], rows["verdict"], strict=True))


def test_params_that_differ_come_first_and_numbers_are_numbers(
    room: Experiments, comparisons: Comparisons
) -> None:
    a, b = trained(room, "a"), trained(room, "b", trees=200, rate="0.10")
    params = comparisons.compare([a, b]).params
    assert params.columns.tolist() == ["param", "differs", a, b]
    assert params["param"].tolist() == ["trees", "rate"]
    assert params["differs"].tolist() == [True, False]
    assert params.loc[0, [a, b]].tolist() == ["100", "200"]


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (["1", "1.0"], False),
        (["1", None], True),
        (["nan", "nan"], False),
        (["a", "A"], True),
        (["None", None], True),
        (["007", "7"], True),  # an identifier keeps its zeros
        (["9007199254740993", "9007199254740992"], True),  # equal only as floats
        (["1e-3", "0.001"], False),
        (["1_0", "10"], True),
    ],
)
def test_values_differ_when_they_say_different_things(
    values: list[str | None], expected: bool
) -> None:
    assert texts_differ(values) is expected


def test_a_delta_is_judged_by_the_metrics_direction(
    room: Experiments, comparisons: Comparisons
) -> None:
    a = trained(room, "a", metrics={"roc_auc": 0.7, "log_loss": 0.5, "brier": 0.2, "f1": math.nan})
    b = trained(room, "b", metrics={"roc_auc": 0.77, "log_loss": 0.6, "brier": 0.2, "f1": 0.5})
    comparison = comparisons.compare([a, b])
    assert verdicts(comparison, a) == dict.fromkeys(
        ["roc_auc", "log_loss", "brier", "f1"], "baseline"
    )
    assert verdicts(comparison, b) == {
        "roc_auc": "better",
        "log_loss": "worse",
        "brier": "same",
        "f1": "unknown",
    }
    row = comparison.metrics.set_index(["metric", "run"]).loc[("roc_auc", b)]
    assert row["delta"] == pytest.approx(0.07)
    assert row["delta_share"] == pytest.approx(0.1)
    assert (row["title"], row["direction"], row["format"]) == ("ROC AUC", "higher", ".4f")
    table = comparison.table.set_index("metric")
    assert table.loc["roc_auc", [a, b]].tolist() == [0.7, 0.77]
    assert table["differs"].to_dict()["brier"] is False


def test_the_baseline_is_first_and_may_be_a_run_more(
    room: Experiments, comparisons: Comparisons
) -> None:
    a, b, c = trained(room, "a"), trained(room, "b"), trained(room, "c")
    assert [run.id for run in comparisons.compare([a, b], baseline=b).runs] == [b, a]
    comparison = comparisons.compare([a, b], baseline=c)
    assert comparison.baseline == c
    assert [run.id for run in comparison.runs] == [c, a, b]


def test_a_comparison_takes_two_to_ten(room: Experiments, comparisons: Comparisons) -> None:
    run = trained(room, "a")
    with pytest.raises(Invalid, match="these are 1"):
        comparisons.compare([run, run])
    with pytest.raises(Invalid, match="these are 11"):
        comparisons.compare([f"{index:032x}" for index in range(11)])
    with pytest.raises(NotFound):
        comparisons.compare([run, "0" * 32])


def test_equal_names_are_told_apart(room: Experiments, comparisons: Comparisons) -> None:
    a, b = trained(room, "same"), trained(room, "same")
    assert comparisons.compare([a, b]).labels == {a: f"same ({a[:6]})", b: f"same ({b[:6]})"}


def test_curves_are_overlaid_and_thinned(room: Experiments, comparisons: Comparisons) -> None:
    many = np.linspace(0, 1, 5000).tolist()
    roc = {"fpr": many, "tpr": many, "threshold": [None, *many[1:]]}
    a = trained(room, "a", files={"curves/roc.json": roc})
    b = trained(room, "b", files={"curves/roc.json": {k: v[:3] for k, v in roc.items()}})
    curves = comparisons.compare([a, b]).curves
    assert list(curves) == ["roc", "pr", "calibration", "importance"]
    frame = curves["roc"]
    assert frame.columns.tolist() == ["run", "label", "fpr", "tpr", "threshold"]
    assert frame.groupby("run").size().to_dict() == {a: MAX_POINTS, b: 3}
    curve = frame[frame["run"] == a]
    assert (curve["fpr"].iloc[0], curve["fpr"].iloc[-1]) == (0.0, 1.0)
    assert curves["pr"].empty
    assert curves["pr"].columns.tolist() == ["run", "label", "recall", "precision", "threshold"]


def test_a_broken_curve_is_a_caution_and_not_the_end(
    room: Experiments, comparisons: Comparisons
) -> None:
    a = trained(room, "a", files={"curves/roc.json": {"fpr": [0, 1], "tpr": [0]}})
    b = trained(room, "b", files={"curves/roc.json": [1]})
    comparison = comparisons.compare([a, b])
    assert comparison.curves["roc"].empty
    assert [(note.subject, note.run) for note in comparison.notes] == [("file", a), ("file", b)]


def test_different_data_and_split_are_pointed_out(
    room: Experiments, comparisons: Comparisons
) -> None:
    a = trained(room, "a", spec={"split": "random", "seed": 1, "test_share": 0.2})
    b = trained(room, "b", data="flights@2", spec={"split": "random", "seed": 2, "test_share": 0.2})
    messages = [(note.subject, note.message) for note in comparisons.compare([a, b]).notes]
    assert messages == [
        ("data", "b read flights@2 for training; the baseline read flights@1 for training."),
        ("split", "the seed of the split differs: b has 2, the baseline 1."),
    ]


@pytest.mark.parametrize(
    ("name", "first", "second", "message"),
    [
        ("seed", 1234567890, 1234567891, "b has 1234567891, the baseline 1234567890"),
        ("seed", 20240131, 20240201, "b has 20240201, the baseline 20240131"),
        ("test_share", 1 / 3, 0.25, "b has 0.25, the baseline 0.3333"),
        (
            *("test_share", 0.2000000001, 0.2000000002),
            "b has 0.2000000002, the baseline 0.2000000001",
        ),
        ("positive", "000000012", "000000013", "b has 000000013, the baseline 000000012"),
        ("positive", "1e-000001", "infinity-", "b has infinity-, the baseline 1e-000001"),
    ],
)
def test_a_difference_of_settings_shows_what_differs(
    room: Experiments, comparisons: Comparisons, name: str, first: Any, second: Any, message: str
) -> None:
    spec = {"split": "random", "seed": 1, "test_share": 0.2, "target": "late"}
    a = trained(room, "a", spec=spec | {name: first})
    b = trained(room, "b", spec=spec | {name: second})
    (note,) = comparisons.compare([a, b]).notes
    assert note.message.endswith(f": {message}.")


def test_runs_on_the_same_rows_carry_no_caution(
    room: Experiments, comparisons: Comparisons
) -> None:
    a = trained(room, "a", spec={"split": "time", "seed": 1, "time_column": "at"})
    b = trained(room, "b", spec={"split": "time", "seed": 2, "time_column": "at"})
    assert comparisons.compare([a, b]).notes == ()


def test_other_rows_are_pointed_out_where_nothing_else_says_why(
    room: Experiments, comparisons: Comparisons
) -> None:
    a, b = trained(room, "a"), trained(room, "b")
    room.tag(a, {"training.held_out": "d1"})
    room.tag(b, {"training.held_out": "d2"})
    comparison = comparisons.compare([a, b])
    assert [(note.subject, note.invalidates) for note in comparison.notes] == [("rows", True)]
    assert list(comparison.incomparable) == [b]
    rows = comparison.metrics
    assert dict(zip(rows["run"], rows["comparable"], strict=True)) == {a: True, b: False}


def test_another_target_is_pointed_out(room: Experiments, comparisons: Comparisons) -> None:
    a, b = (trained(room, name, spec={"target": name}) for name in ("late", "cancelled"))
    (note,) = comparisons.compare([a, b]).notes
    assert (note.subject, note.invalidates) == ("target", True)
    assert note.message == "the target differs: cancelled has cancelled, the baseline late."


def test_a_metric_described_anew_between_two_runs_is_pointed_out(
    room: Experiments, comparisons: Comparisons, clock: FixedClock
) -> None:
    a = trained(room, "a")
    clock.advance(timedelta(hours=1))
    room.describe_metric("roc_auc", title="Area", target=0.9)
    clock.advance(timedelta(hours=1))
    b = trained(room, "b")
    comparison = comparisons.compare([a, b])
    (note,) = comparison.notes
    assert (note.subject, note.invalidates) == ("metric", False)
    assert "the description of Area was changed" in note.message
    assert comparison.metrics["title"].tolist() == ["Area", "Area"]
    assert comparison.metrics["reaches"].tolist() == [False, False]


def test_another_release_of_the_evaluation_is_a_caution(
    room: Experiments, comparisons: Comparisons
) -> None:
    a, b = (
        trained(room, name, files={"environment.json": {"packages": {"pilothouse": version}}})
        for name, version in (("a", "0.1"), ("b", "0.2"))
    )
    comparison = comparisons.compare([a, b])
    (note,) = comparison.notes
    assert note.message == "b was evaluated by Pilothouse 0.2, the baseline by 0.1."
    assert comparison.incomparable == {}


def test_best_and_worst_of_a_metric_are_marked(room: Experiments, comparisons: Comparisons) -> None:
    a, b, c = (trained(room, n, metrics={"loss": v}) for n, v in (("a", 1), ("b", 3), ("c", 2)))
    rows = comparisons.compare([a, b, c]).metrics
    assert rows["extreme"].tolist() == ["best", "worst", ""]


def test_the_last_fold_is_no_figure_of_a_run(room: Experiments, comparisons: Comparisons) -> None:
    a, b = trained(room, "a"), trained(room, "b")
    for run in (a, b):
        room.log_history(run, "fold_roc_auc", [1, 2], [0.7, 0.6])
    comparison = comparisons.compare([a, b])
    assert "fold_roc_auc" not in set(comparison.metrics["metric"])
    assert "fold_roc_auc" in set(comparison.history["key"])


def test_a_run_may_go_by_another_name(room: Experiments, comparisons: Comparisons) -> None:
    a, b = trained(room, "a"), trained(room, "b")
    comparison = comparisons.compare([a, b], labels={b: "flights 2"}, include_curves=False)
    assert comparison.labels == {a: "a", b: "flights 2"}
    assert comparison.curves == {}
    assert comparison.history.empty


def test_what_decides_is_what_most_runs_were_trained_for(
    room: Experiments, comparisons: Comparisons
) -> None:
    contents = {"metrics": {"roc_auc": 0.7, "brier": 0.2}}
    a = trained(room, "a", spec={"metric": "brier"}, **contents)
    b = trained(room, "b", spec={"metric": "brier"}, **contents)
    assert comparisons.compare([a, b]).deciding == "brier"
    assert comparisons.compare(
        [trained(room, "c", **contents), trained(room, "d", **contents)]
    ).deciding == ("roc_auc")


def test_an_unfinished_run_is_pointed_out(room: Experiments, comparisons: Comparisons) -> None:
    a, b = trained(room, "a"), room.start("flights", "b", trainer="rf", code=UNKNOWN)
    room.log_input(b, "flights@1")
    notes = comparisons.compare([a, b]).notes
    assert [note.message for note in notes] == ["b is running: its metrics may be partial."]


def test_histories_are_laid_over_each_other(room: Experiments, comparisons: Comparisons) -> None:
    a, b = trained(room, "a"), trained(room, "b")
    room.log_history(a, "loss", range(3), [3.0, 2.0, 1.0])
    room.log_metrics(b, {"loss": 5.0})
    frame = comparisons.compare([a, b]).history
    assert frame.columns.tolist() == ["run", "label", "key", "step", "at", "value", "minutes"]
    assert (frame["minutes"] >= 0).all()
    assert frame.groupby("label")["value"].apply(list).to_dict() == {"a": [3, 2, 1], "b": [5]}


def test_axes_hold_what_differs_and_what_all_have(
    room: Experiments, comparisons: Comparisons
) -> None:
    a = trained(room, "a", metrics={"roc_auc": 0.7, "f1": 0.1})
    b = trained(room, "b", metrics={"roc_auc": 0.8}, trees=200)
    axes = comparisons.compare([a, b]).axes
    assert axes.columns.tolist() == ["run", "label", "params.trees", "metrics.roc_auc"]
    assert axes["params.trees"].tolist() == [100, 200]


def test_facts_and_packages_are_side_by_side(room: Experiments, comparisons: Comparisons) -> None:
    a = trained(room, "a", files={"environment.json": {"python": "3.11", "packages": {"x": "1"}}})
    b = trained(room, "b", files={"environment.json": {"python": "3.12", "packages": {"x": "1"}}})
    comparison = comparisons.compare([a, b])
    environment = comparison.environment.set_index("package")
    assert environment["differs"].to_dict() == {"python": True, "x": False}
    assert comparison.facts.set_index("fact").loc["Data", a] == "flights@1 (training)"


def test_history_covers_many_runs_in_the_order_given(room: Experiments) -> None:
    a, b = trained(room, "a"), trained(room, "b")
    room.log_history(a, "loss", [2, 0, 1], [0.2, 0.0, 0.1])
    frame = room.history([b, a], ["loss", "roc_auc"])
    assert frame.columns.tolist() == ["run", "key", "step", "at", "value"]
    assert frame["run"].drop_duplicates().tolist() == [b, a]
    assert frame[frame["key"] == "loss"]["step"].tolist() == [0, 1, 2]
    assert str(frame["at"].dtype) == "datetime64[ns, UTC]"
    nothing = room.history([])
    pd.testing.assert_series_equal(nothing.dtypes, frame.dtypes, check_exact=True)


def logged(room: Experiments, name: str, *datasets: tuple[str, str, str], **told: Any) -> str:
    """A run of another program: it logged datasets (name, digest, role) and nothing more."""
    run = room.start("flights", name, code=UNKNOWN)
    room.log_metrics(run, {"roc_auc": told.get("auc", 0.7)})
    with room._store.write() as session:
        experiment = session.scalars(select(Experiment)).one()
        for dataset, digest, role in datasets:
            existing = select(Source).where(
                col(Source.name) == dataset, col(Source.digest) == digest
            )
            source = session.scalars(existing).first() or Source(
                experiment_id=experiment.id, name=dataset, digest=digest, source_type="", source=""
            )
            session.add(source)
            session.flush()
            session.add(SourceUse(run_id=run, source_id=source.id, role=role, tags={}))
    room.finish(run)
    return run


A, B = ("churn", "1a2b", "training"), ("churn", "9f8e", "training")


@pytest.mark.parametrize(
    ("left", "right", "state"),
    [
        ([A], [A], "same"),
        ([A], [B], "differs"),  # the name is the same, the content is not
        ([A], [("churn-copy", "1a2b", "training")], "same"),  # the content is the same
        ([A], [], "unknown"),
        ([], [], "unknown"),
        ([("churn", "", "training")], [("churn", "", "training")], "same"),
        ([("churn", "", "training")], [("other", "", "training")], "differs"),
        ([A], [A, ("test", "77aa", "eval")], "unknown"),  # whether both were judged on `test`
        ([A, ("test", "77aa", "eval")], [A, ("test", "88bb", "eval")], "differs"),
        ([A], [("churn", "1a2b", "")], "same"),
        ([A], [("churn", "9f8e", "")], "differs"),
    ],
)
def test_logged_datasets_are_the_same_different_or_not_known(
    room: Experiments, comparisons: Comparisons, left: list[Any], right: list[Any], state: str
) -> None:
    a, b = logged(room, "a", *left), logged(room, "b", *right)
    comparison = comparisons.compare([a, b])
    assert comparison.agreement("data").state == state
    assert ("data" in {note.subject for note in comparison.notes}) == (state == "differs")
    assert bool(comparison.incomparable) == (state == "differs")


def test_runs_that_recorded_nothing_agree_on_nothing(
    room: Experiments, comparisons: Comparisons
) -> None:
    a, b = logged(room, "a"), logged(room, "b", auc=0.8)
    comparison = comparisons.compare([a, b])
    assert {
        agreement.subject: agreement.state for agreement in comparison.agreements
    } == dict.fromkeys(["task", "data", "target", "split", "rows", "evaluation"], "unknown")
    evidence = comparisons.significance(comparison)
    standing = comparisons.verdict(comparison, evidence)
    assert standing is not None
    caution = "It is not known whether b and the baseline were measured on the same data."
    assert caution in standing.cautions


def test_a_registered_version_and_a_logged_dataset_cannot_be_told_apart(
    room: Experiments, comparisons: Comparisons
) -> None:
    a, b = trained(room, "a", data="churn@1"), logged(room, "b", A)
    assert comparisons.compare([a, b]).agreement("data").state == "unknown"


def test_one_silent_run_makes_the_whole_unknown_and_one_other_a_difference(
    room: Experiments,
    comparisons: Comparisons,
) -> None:
    a, b, silent = logged(room, "a", A), logged(room, "b", A), logged(room, "c")
    other = logged(room, "d", B)
    assert comparisons.compare([a, b, silent]).agreement("data").state == "unknown"
    assert comparisons.compare([a, b, silent, other]).agreement("data").state == "differs"


def test_trainings_on_the_same_rows_agree_on_all_that_decides(
    room: Experiments, comparisons: Comparisons
) -> None:
    spec = {"split": "time", "target": "late", "positive": 1, "time_column": "at", "seed": 1}
    files = {
        "environment.json": {"packages": {"pilothouse": "0.1"}},
        "model/signature.json": Signature((), "late", (0, 1), 1).to_json(),
    }
    a = trained(room, "a", spec=spec, files=files)
    b = trained(room, "b", spec=spec | {"seed": 2}, files=files)
    for run in (a, b):
        room.tag(run, {"training.held_out": "d1"})
    assert {agreement.state for agreement in comparisons.compare([a, b]).agreements} == {"same"}
