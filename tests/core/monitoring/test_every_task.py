"""Windows of every task: a change is seen, no change is quiet, and metrics are scikit-learn's."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
from sklearn import metrics

from harness.task_windows import CASES, NAME, ROWS, Drawn, Served, begin, draw
from pilothouse.jobs import Progress
from pilothouse.kit.clock import FixedClock
from pilothouse.models.tasks import primary_metric, task_of, tasks
from pilothouse.monitoring.evidently_report import report_job
from pilothouse.storage import Store


@pytest.fixture
def serve(store: Store, clock: FixedClock) -> Callable[[str], Served]:
    return lambda task: begin(store, clock, task)


def oracle(task: str, drawn: Drawn) -> float:
    """The primary metric by scikit-learn, from the raw answers and the labels as they are."""
    raw = np.array(drawn.raw)
    labels: Sequence[Any] = drawn.labels
    if task == "binary":
        return float(metrics.roc_auc_score(np.array(labels) == "yes", raw[:, 1]))
    if task == "multiclass":
        called = np.array(["low", "mid", "high"])[raw.argmax(axis=1)]
        return float(metrics.f1_score(labels, called, average="macro"))
    if task == "regression":
        return float(metrics.mean_absolute_error(labels, raw[:, 0]))
    if task == "quantile":
        losses = [
            metrics.mean_pinball_loss(labels, raw[:, k], alpha=level)
            for k, level in enumerate((0.1, 0.5, 0.9))
        ]
        return float(np.mean(losses))
    if task == "multilabel":
        truth = np.array([[name in label.split(";") for name in "ab"] for label in labels])
        return float(metrics.f1_score(truth, raw >= 0.5, average="micro"))
    gain = 2 ** np.array(labels) - 1
    return float(metrics.ndcg_score([gain], [raw[:, 0]], k=10))


MEASURED = [name for name in CASES if name != "unspecified"]


def test_every_task_has_a_case() -> None:
    assert set(CASES) >= set(tasks.names())


@pytest.mark.parametrize("task", CASES)
def test_without_a_change_windows_are_quiet(serve: Any, task: str) -> None:
    served = serve(task)
    served.give_run(draw(task, 1))
    for week in range(3):
        answer = served.week(week, draw(task, 10 + week))
        info = served.monitoring.window(answer["window"])
        assert (info.status, info.drifted) == ("ok", 0), week
        assert answer["fired"] == []
    assert served.monitoring.alerts().empty


@pytest.mark.parametrize("task", CASES)
def test_shifted_answers_are_drift_of_the_outputs_that_decide(serve: Any, task: str) -> None:
    served = serve(task)
    served.give_run(draw(task, 1))
    answer = served.week(0, draw(task, 20, shift=1.5), labelled=False)
    outputs = served.results(answer["window"], "prediction_drift")
    columns = [column.name for column in task_of(served.signature).columns(served.signature)]
    assert set(outputs["column"]) == set(columns)
    deciding = outputs[outputs["primary"]]
    assert deciding["column"].tolist() == columns[:2]
    assert deciding["status"].iloc[0] == "fail"
    assert served.monitoring.window(answer["window"]).drift_status in ("warn", "fail")
    for column in columns:
        bins = served.monitoring.distributions(answer["window"], column, signal="prediction_drift")
        assert bins["current"].sum() == pytest.approx(1)


@pytest.mark.parametrize("task", MEASURED)
def test_a_worse_model_fires_and_its_metrics_are_those_of_scikit_learn(
    serve: Any, task: str
) -> None:
    served = serve(task)
    held_out = draw(task, 1)
    served.give_run(held_out)
    for week in range(2):
        drawn = draw(task, 30 + week, wrong=True)
        answer = served.week(week, drawn)
        info = served.monitoring.window(answer["window"])
        assert info.metric == primary_metric(task_of(served.signature))
        assert info.value == pytest.approx(oracle(task, drawn))
        checks = served.results(answer["window"], "performance").set_index("check")
        assert checks.loc[info.metric, "status"] == "fail"
        assert checks.loc[info.metric, "reference"] == pytest.approx(oracle(task, held_out))
        assert info.performance_status == "fail"

    alert = served.monitoring.alerts("firing").iloc[0]
    assert alert["name"] == "performance"
    assert alert["limit"] == pytest.approx(checks.loc[info.metric, "threshold"])
    assert "times the tolerance" in alert["message"]
    trend = served.monitoring.trend(NAME, "primary")
    assert trend["check"].tolist() == [info.metric] * 2

    documents = served.monitoring.documents(answer["window"])
    assert set(documents.reference) <= set(documents.window)
    assert documents.reference
    assert documents.origin == "held_out"
    for week in (2, 3):
        served.week(week, draw(task, 40 + week))
    assert served.monitoring.alerts("firing").empty


def test_relative_tolerances_are_shares_and_a_monitors_own_count_first(serve: Any) -> None:
    served = serve("regression")
    served.give_run(draw("regression", 1))
    rows = served.monitoring.metrics(NAME).set_index("metric")
    assert rows.loc["mae", ["tolerance", "relative", "direction", "unit"]].tolist() == [
        *(0.25, True, "lower", "USD")
    ]
    assert "mape" not in rows.index
    served.monitoring.monitor(NAME, tolerances={"mae": 4.0, "mape": 0.5})
    rows = served.monitoring.metrics(NAME).set_index("metric")
    assert (rows.loc["mae", "tolerance"], rows.loc["mape", "tolerance"]) == (4.0, 0.5)
    answer = served.week(0, draw("regression", 30, wrong=True))
    checks = served.results(answer["window"], "performance").set_index("check")
    mae = checks.loc["mae"]
    assert mae["threshold"] == pytest.approx(mae["reference"] * 5)
    assert mae["status"] == "warn"  # twice the error is within the tolerance, and no chance


def test_what_is_not_measured_has_the_status_of_its_drift(serve: Any) -> None:
    served = serve("unspecified")
    served.give_run(draw("unspecified", 1))
    window = served.week(0, draw("unspecified", 2))["window"]
    assert served.results(window, "performance").empty
    info = served.monitoring.window(window)
    assert (info.status, info.metric, info.value) == ("ok", "", None)
    assert set(info.output_summary) == {"distance"}
    assert served.monitoring.metrics(NAME).empty


def test_an_output_that_is_absent_is_an_error_of_its_column(serve: Any) -> None:
    served = serve("regression")
    served.give_run(draw("regression", 1))
    served.week(0, draw("regression", 2))
    for path in (served.store.folder / "predictions" / NAME).rglob("*.parquet"):
        table = pq.read_table(path).drop_columns(["out.predict"])
        pq.write_table(table, path)
    window = served.judge(0)["window"]
    outputs = served.results(window, "prediction_drift")
    assert outputs[["column", "status"]].to_numpy().tolist() == [["predict", "error"]]
    checks = served.results(window, "performance").set_index("check")
    assert checks.loc["mae", "message"] == "the rows have no output 'predict'"
    assert served.monitoring.window(window).status == "error"


@pytest.mark.parametrize("task", MEASURED)
def test_without_held_out_rows_the_first_answers_are_the_reference(serve: Any, task: str) -> None:
    served = serve(task)
    served.monitoring.monitor(NAME, reference_rows=2 * ROWS)
    waiting = served.week(0, draw(task, 50), labelled=False)["window"]
    drift = served.results(waiting, "feature_drift")
    assert set(drift["status"]) == {"insufficient"}
    assert drift["message"].str.contains("4,000 predictions").all()

    unlabelled = served.week(1, draw(task, 51), labelled=False)["window"]
    assert served.results(unlabelled, "feature_drift")["score"].notna().all()
    assert served.monitoring.documents(unlabelled).labels_from == ""

    first = served.week(2, draw(task, 52))
    documents = served.monitoring.documents(first["window"])
    assert (documents.origin, documents.reference_rows) == ("served", 2 * ROWS)
    assert documents.labels_from == "2013-03-18 to 2013-03-25"
    assert served.monitoring.window(first["window"]).performance_status == "ok"
    assert served.judge(2) == first  # judging the same rows again changes nothing

    worse = served.week(3, draw(task, 53, wrong=True))["window"]
    info = served.monitoring.window(worse)
    assert (info.performance_status, info.drifted) == ("fail", 0)

    served.give_run(draw(task, 1))
    served.judge(3)
    assert served.monitoring.documents(worse).origin == "held_out"
    checks = served.results(worse, "performance").set_index("check")
    assert checks.loc[info.metric, "reference"] == pytest.approx(oracle(task, draw(task, 1)))


@pytest.mark.parametrize("task", ["regression", "multiclass"])
def test_an_evaluation_takes_the_place_of_the_first_answers(serve: Any, task: str) -> None:
    served = serve(task)
    served.monitoring.monitor(NAME, reference_rows=ROWS)
    first = served.week(0, draw(task, 60))["window"]
    assert served.monitoring.documents(first).origin == "served"
    served.give_evaluation(draw(task, 1))
    served.judge(0)
    assert served.monitoring.documents(first).origin == "held_out"
    checks = served.results(first, "performance").set_index("check")
    primary = served.monitoring.window(first).metric
    assert checks.loc[primary, "reference"] == pytest.approx(oracle(task, draw(task, 1)))


def test_of_many_outputs_a_rule_for_any_looks_at_those_that_decide(serve: Any) -> None:
    from pilothouse.monitoring.alert_rules import AlertRuleSpec

    served = serve("multiclass")
    served.give_run(draw("multiclass", 1))
    rule = AlertRuleSpec("any", "prediction_drift", "ks", "above", 0.0, for_windows=1)
    named = dataclasses.replace(rule, name="one", column="p.low")
    for spec in (rule, named):
        served.monitoring.add_rule(NAME, spec)
    served.week(0, draw("multiclass", 2, shift=1.5))
    messages = served.monitoring.alerts().set_index("name")["message"]
    assert "of confidence" in messages["any"]
    assert "of p.low" in messages["one"]


@pytest.mark.timeout(240)
@pytest.mark.parametrize("task", ["regression", "multiclass", "quantile"])
def test_evidently_reports_on_every_kind_of_answer(serve: Any, task: str) -> None:
    served = serve(task)
    served.give_run(draw(task, 1))
    window = served.week(0, draw(task, 2))["window"]
    report = served.monitoring.request_report(window)
    report_job(served.store, Progress(served.store, None), report)
    page = served.monitoring.report_html(report)
    first = task_of(served.signature).columns(served.signature)[0].name
    assert f"prediction {first}".encode() in page
    assert (b"Absolute Percentage Error" in page) == (task == "regression")
    assert (b"Confusion Matrix" in page) == (task == "multiclass")
