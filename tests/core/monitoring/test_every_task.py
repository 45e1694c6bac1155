"""Windows of every task: a change is seen, no change is quiet, and metrics are scikit-learn's."""

from __future__ import annotations

import dataclasses
import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from sklearn import metrics

from pilothouse.deployments.prediction_log.stored_columns import MARK, output_column
from pilothouse.deployments.tables import Deployment
from pilothouse.experiments.tables import Experiment, Run, RunArtifact
from pilothouse.jobs import Progress
from pilothouse.kit.clock import FixedClock, to_ms
from pilothouse.kit.ids import uuid7s
from pilothouse.models.signature import OutputField, Signature, SignatureField
from pilothouse.models.tasks import primary_metric, task_of, tasks
from pilothouse.monitoring import Monitoring
from pilothouse.monitoring.evaluate import evaluate_job
from pilothouse.monitoring.evidently_report import report_job
from pilothouse.registry.tables import Model, ModelVersion
from pilothouse.storage import Store

WEEK = timedelta(days=7)
MONDAY = datetime.fromisoformat("2013-03-04T00:00:00+00:00")
INPUTS = (SignatureField("x", "number"), SignatureField("z", "number"))
ROWS = 2_000
NAME = "served"


@dataclass(frozen=True)
class Drawn:
    """Rows as a model sees them, as it answers them, and as people label them."""

    features: pd.DataFrame
    raw: list[list[Any]]
    labels: list[Any]


def sigmoid(x: Any) -> Any:
    return 1 / (1 + np.exp(-x))


def binary(x: Any, z: Any, rng: Any, wrong: bool) -> tuple[Any, list[Any]]:
    score = sigmoid(2 * x)
    label = rng.random(len(x)) < (rng.permutation(score) if wrong else score)
    return np.column_stack([1 - score, score]), ["yes" if y else "no" for y in label]


def multiclass(x: Any, z: Any, rng: Any, wrong: bool) -> tuple[Any, list[Any]]:
    logits = np.column_stack([-2 * x, 2 * z, 2 * x])
    chance = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    truth = (chance.cumsum(axis=1) > rng.random((len(x), 1))).argmax(axis=1)
    truth = rng.permutation(truth) if wrong else truth
    return chance, [("low", "mid", "high")[k] for k in truth]


def regression(x: Any, z: Any, rng: Any, wrong: bool) -> tuple[Any, list[Any]]:
    predicted = 10 + 3 * x
    return predicted[:, None], list(predicted + rng.normal(0, 2 if wrong else 1, len(x)))


def quantile(x: Any, z: Any, rng: Any, wrong: bool) -> tuple[Any, list[Any]]:
    middle = 10 + 3 * x
    raw = np.column_stack([middle - 1.2816, middle, middle + 1.2816])
    return raw, list(middle + rng.normal(0, 2 if wrong else 1, len(x)))


def multilabel(x: Any, z: Any, rng: Any, wrong: bool) -> tuple[Any, list[Any]]:
    chance = sigmoid(2 * np.column_stack([x, z]))
    applies = rng.random(chance.shape) < (rng.permutation(chance) if wrong else chance)
    return chance, [";".join(n for n, y in zip("ab", row, strict=True) if y) for row in applies]


def ranking(x: Any, z: Any, rng: Any, wrong: bool) -> tuple[Any, list[Any]]:
    grade = np.clip(np.round(x + rng.normal(0, 0.2, len(x)) + 1), 0, 3)
    return x[:, None], list(rng.permutation(grade) if wrong else grade)


def unspecified(x: Any, z: Any, rng: Any, wrong: bool) -> tuple[Any, list[Any]]:
    raw = [[float(a), "near" if a < 0 else "far"] for a in x]
    return raw, [None] * len(x)


def sign(**how: Any) -> Signature:
    return Signature(INPUTS, "y", **how)


CASES: dict[str, tuple[Signature, Callable[..., tuple[Any, list[Any]]]]] = {
    "binary": (sign(classes=("no", "yes"), positive="yes"), binary),
    "multiclass": (sign(task="multiclass", classes=("low", "mid", "high")), multiclass),
    "regression": (sign(task="regression", gives="value", unit="USD"), regression),
    "quantile": (sign(task="quantile", gives="value", levels=(0.1, 0.5, 0.9)), quantile),
    "multilabel": (
        sign(task="multilabel", outputs=(OutputField("a"), OutputField("b"))),
        multilabel,
    ),
    "ranking": (sign(task="ranking", gives="value"), ranking),
    "unspecified": (
        sign(
            task="unspecified",
            gives="value",
            outputs=(OutputField("distance"), OutputField("side", "string")),
        ),
        unspecified,
    ),
}


def draw(task: str, seed: int, *, shift: float = 0.0, wrong: bool = False) -> Drawn:
    rng = np.random.default_rng(seed)
    x, z = rng.normal(shift, 1, ROWS), rng.normal(0, 1, ROWS)
    raw, labels = CASES[task][1](x, z, rng, wrong)
    return Drawn(pd.DataFrame({"x": x, "z": z}), [list(row) for row in raw], labels)


@dataclass(frozen=True)
class Served:
    """A deployment of a version of one task, and the log of its predictions."""

    store: Store
    clock: FixedClock
    task: str

    @property
    def signature(self) -> Signature:
        return CASES[self.task][0]

    @property
    def monitoring(self) -> Monitoring:
        return Monitoring(self.store)

    def week(self, number: int, drawn: Drawn, *, labelled: bool = True) -> dict[str, Any]:
        """Log a week's rows as the server does, and judge it."""
        start = MONDAY + number * WEEK
        self.clock.advance(timedelta(minutes=1))
        ids = uuid7s(ROWS, to_ms(start))
        outputs = task_of(self.signature).decide(self.signature, drawn.raw)
        logged = {column.name for column in task_of(self.signature).columns(self.signature)}
        frame = drawn.features.assign(
            prediction_id=ids,
            model=NAME,
            version=1,
            event_at=pd.Timestamp(start) + pd.to_timedelta(np.arange(ROWS), unit="s"),
            received_at=pd.Timestamp(self.store.now()),
            latency_ms=1.0,
            **{output_column(name): outputs[name] for name in logged},
        )
        self._write("predictions", frame, start)
        if labelled and drawn.labels[0] is not None:
            labels = pd.DataFrame({"prediction_id": ids, "label": drawn.labels})
            at = {"label_at": pd.Timestamp(start), "received_at": pd.Timestamp(self.store.now())}
            self._write("labels", labels.assign(**at), start)
        return self.judge(number)

    def judge(self, number: int) -> dict[str, Any]:
        start = MONDAY + number * WEEK
        span = (to_ms(start), to_ms(start + WEEK))
        return evaluate_job(self.store, Progress(self.store, None), NAME, *span)

    def _write(self, tree: str, frame: pd.DataFrame, at: datetime) -> None:
        day = self.store.folder / tree / NAME / f"date={at:%Y-%m-%d}"
        day.mkdir(parents=True, exist_ok=True)
        table = pa.Table.from_pandas(frame, preserve_index=False)
        marked = table.replace_schema_metadata({**(table.schema.metadata or {}), **MARK})
        pq.write_table(marked, day / "0000.parquet")

    def results(self, window: str, signal: str) -> pd.DataFrame:
        results = self.monitoring.results(window)
        return results[results["signal"] == signal]

    def give_run(self, drawn: Drawn) -> None:
        """A run with held-out rows becomes the source of the version."""
        outputs = task_of(self.signature).decide(self.signature, drawn.raw)
        truth = task_of(self.signature).truth(self.signature, drawn.labels)
        target = truth if truth.ndim == 1 else drawn.labels
        columns = {f"__{name}": values for name, values in outputs.items()}
        buffer = io.BytesIO()
        drawn.features.assign(**columns, __target=target).to_parquet(buffer, index=False)
        digest = self.store.artifacts.put_bytes(buffer.getvalue())
        size = len(buffer.getvalue())
        now = self.store.now()
        with self.store.write() as session:
            session.add(
                Run(id="a" * 32, experiment_id=1, name="a", status="finished", created_at=now,
                    user="ada")
            )  # fmt: skip
            session.flush()
            session.add(
                RunArtifact(run_id="a" * 32, path="reference.parquet", digest=digest, size=size)
            )
            row = session.get(ModelVersion, (NAME, 1))
            assert row is not None
            row.run_id = "a" * 32
            session.add(row)


@pytest.fixture
def serve(store: Store, clock: FixedClock) -> Callable[[str], Served]:
    def begin(task: str) -> Served:
        now = store.now()
        with store.write() as session:
            session.add(Experiment(id=1, name=NAME, created_at=now, created_by="ada"))
            session.add(Model(name=NAME, created_at=now, created_by="ada"))
            session.flush()
            session.add(
                ModelVersion(
                    model=NAME,
                    version=1,
                    import_source="elsewhere",
                    digest=store.artifacts.put_bytes(b"a model"),
                    signature=CASES[task][0].to_json(),
                    input_example=[],
                    metrics={},
                    created_at=now,
                    created_by="ada",
                )
            )
            session.flush()
            session.add(
                Deployment(name=NAME, model=NAME, version=1, created_at=now, created_by="ada",
                           updated_at=now)
            )  # fmt: skip
        Monitoring(store).monitor(NAME)
        return Served(store, clock, task)

    return begin


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
    assert mae["status"] == "ok"


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


def test_of_many_outputs_a_rule_for_any_looks_at_those_that_decide(serve: Any) -> None:
    from pilothouse.monitoring.alert_rules import AlertRuleSpec

    served = serve("multiclass")
    served.give_run(draw("multiclass", 1))
    rule = AlertRuleSpec("any", "prediction_drift", "ks", "above", 0.0, for_windows=1)
    named = dataclasses.replace(rule, name="one", column="p.low")
    for spec in (rule, named):
        served.monitoring.add_rule(NAME, spec)
    served.week(0, draw("multiclass", 2))
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
