"""Scripts of MLflow users, unchanged, from `log_model` to a retraining, with real processes.

The scripts know nothing of Pilothouse: they read a file and log to the address that MLflow's own
variable names. Metrics and answers are compared with scikit-learn and with `mlflow.pyfunc`.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn import metrics

from harness.mlflow_server import run_client
from harness.prediction_requests import SENDERS, Answer, Rows, Sender
from harness.running_instance import wait_for, worker_alone
from harness.serving import ServerProcess
from pilothouse.kit.clock import to_ms
from pilothouse.kit.errors import Refused
from pilothouse.kit.settings import Settings
from pilothouse.monitoring.alert_rules import RETRAIN, AlertRuleSpec
from pilothouse.workspace import Workspace, open_workspace

mlflow = pytest.importorskip("mlflow")
SCRIPTS = Path(__file__).with_name("author_scripts")
PATIENCE_S, ROWS, BATCH = 300.0, 1_000, 200
SCORE, OUT = "score", "out."
WEEK = timedelta(days=7)
MONDAY = datetime(2026, 3, 2, tzinfo=UTC)
pytestmark = pytest.mark.filterwarnings("ignore::UserWarning", "ignore::FutureWarning")


@dataclass(frozen=True)
class Case:
    """A script, the table that it reads, and what only its author knows of its answer."""

    script: str
    model: str
    target: str
    table: Callable[[], pd.DataFrame]
    description: dict[str, Any]
    oracle: Callable[[dict[str, list[Any]], Any], float]
    library: str = "mlflow"
    own_code: bool = False
    requirements: tuple[str, ...] = ()  # those that Pilothouse's own environment does not have
    options: dict[str, Any] = field(default_factory=dict)


def wine() -> pd.DataFrame:
    from sklearn.datasets import load_wine

    table = load_wine(as_frame=True)
    return table.data.assign(cultivar=table.target)


def diabetes() -> pd.DataFrame:
    from sklearn.datasets import load_diabetes

    table = load_diabetes(as_frame=True, scaled=False)
    return table.data.assign(progression=table.target)


def customers() -> pd.DataFrame:
    draw, count = np.random.default_rng(5), 1_200
    frame = pd.DataFrame(
        {
            "tenure": draw.integers(0, 72, count),
            "charges": draw.normal(65, 20, count).round(2),
            "contract": draw.choice(["month", "year", "two years"], count),
            "paperless": draw.choice(["Yes", "No"], count),
        }
    )
    score = 1 - 0.05 * frame["tenure"] + np.where(frame["contract"] == "month", 1, -0.5)
    leaves = draw.random(count) < 1 / (1 + np.exp(-score))
    return frame.assign(churn=np.where(leaves, "Yes", "No"))


def demand() -> pd.DataFrame:
    draw, count = np.random.default_rng(6), 1_200
    hour, temperature = draw.integers(0, 24, count), draw.normal(10, 8, count)
    level = 50 + 10 * np.sin(hour / 24 * 2 * np.pi) - 1.5 * temperature
    values = {"hour": hour, "temperature": temperature}
    return pd.DataFrame(values | {"demand": level + draw.normal(0, 3, count)})


def concrete() -> pd.DataFrame:
    draw, count = np.random.default_rng(7), 1_200
    values = {"cement": draw.uniform(100, 500, count), "water": draw.uniform(120, 240, count)}
    frame = pd.DataFrame(values | {"age": draw.integers(1, 90, count).astype(float)})
    strength = 40 * frame["cement"] / frame["water"] * (0.4 + 0.1 * np.log(frame["age"]))
    return frame.assign(strength=strength + draw.normal(0, 3, count)).astype("float32")


LEVELS = (0.1, 0.5, 0.9)


def pinball(outputs: dict[str, list[Any]], truth: Any) -> float:
    losses = [
        metrics.mean_pinball_loss(truth, outputs[f"q.{level}"], alpha=level) for level in LEVELS
    ]
    return float(np.mean(losses))


CASES = (
    Case(
        "xgboost_multiclass",
        "cultivars",
        "cultivar",
        wine,
        {"task": "multiclass", "classes": [0, 1, 2], "gives": "probability"},
        lambda outputs, truth: float(metrics.f1_score(truth, outputs["predict"], average="macro")),
        library="xgboost",
    ),
    Case(
        "lightgbm_regression",
        "progression",
        "progression",
        diabetes,
        {"task": "regression"},
        lambda outputs, truth: float(metrics.mean_absolute_error(truth, outputs["predict"])),
        library="lightgbm",
    ),
    Case(
        "sklearn_autolog",
        "churn",
        "churn",
        customers,
        {"task": "binary", "classes": ["No", "Yes"], "positive": "Yes", "gives": "probability"},
        lambda outputs, truth: float(metrics.roc_auc_score(truth == "Yes", outputs["score"])),
    ),
    Case(
        "own_pyfunc",
        "demand",
        "demand",
        demand,
        {"task": "quantile", "levels": LEVELS},
        pinball,
        own_code=True,
    ),
    Case(
        "torch_regression",
        "strength",
        "strength",
        concrete,
        {"task": "regression"},
        lambda outputs, truth: float(metrics.mean_absolute_error(truth, outputs["predict"])),
        own_code=True,
        requirements=("mlflow", "torch", "pandas", "pyarrow"),
    ),
)
PREDICT = """
import sys, mlflow.pyfunc, pandas as pd
model = mlflow.pyfunc.load_model(sys.argv[1])
predicted = model.predict(pd.read_parquet(sys.argv[2]))
pd.DataFrame(predicted).squeeze("columns").to_json(sys.argv[3], double_precision=15)
"""


@dataclass(frozen=True)
class Running:
    """A workspace with a server and a worker."""

    workspace: Workspace
    url: str

    def wait(self, job: str) -> dict[str, Any]:
        """The result of a job that succeeds."""
        wait_for(lambda: self.workspace.jobs.job(job).ended, "the job has ended", PATIENCE_S)
        info = self.workspace.jobs.job(job)
        assert info.status == "succeeded", f"{info.error}\n{self.workspace.jobs.log(job)}"
        return dict(info.result or {})


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    folder = tmp_path_factory.mktemp("scripts") / "workspace"
    workspace = open_workspace(settings=Settings(workspace=folder, actor="ada"))
    with ServerProcess(workspace.store) as server, worker_alone(folder):
        yield Running(workspace, server.url)
        for name in workspace.deployments.deployments()["name"]:
            workspace.deployments.stop(name, "the test ends")
        time.sleep(2)
    workspace.store.engine.dispose()


@pytest.mark.proof
@pytest.mark.timeout(900)
@pytest.mark.parametrize(
    "case",
    [CASES[0], *(pytest.param(case, marks=pytest.mark.long) for case in CASES[1:])],
    ids=lambda case: case.script,
)
def test_a_script_goes_from_log_model_to_a_retraining(
    running: Running, case: Case, tmp_path: Path
) -> None:
    pytest.importorskip(case.library)
    python = author_python(case)
    ws, model = running.workspace, case.model
    table = case.table()
    file = tmp_path / "table.parquet"
    table.to_parquet(file, index=False)
    run_script(running, case, file, python)

    describe(ws, case)
    dataset = ws.data.register(f"{model}-rows", file)
    gate(running, case, dataset.ref, len(table))
    ws.deployments.launch(model, model, 1, "promoted")
    ws.deployments.wait_until_ready(model, PATIENCE_S)

    served = serve(running, case, table, author_predict(running, case, python, tmp_path))
    register_recipe(ws, case)
    watch(running, case, served)
    check_retrained(running, case)


def author_python(case: Case) -> str:
    """The interpreter of the author, who has libraries that Pilothouse has not."""
    if not case.requirements:
        return sys.executable
    folder = os.environ.get("PROOFS")
    if folder is None:
        pytest.skip("the author's environment, of some GB, is built by `make proof`")
    from proofs.prove import PACKAGES, environment

    return str(environment(Path(folder).resolve(), PACKAGES))


def run_script(running: Running, case: Case, file: Path, python: str) -> None:
    """Run the author's script as its author does: with a file, and the address in a variable."""
    script, arguments = SCRIPTS / f"{case.script}.py", ("--data", str(file))
    variables = {"MLFLOW_TRACKING_URI": running.url}
    run_client(script, *arguments, folder=file.parent, python=python, **variables)


def describe(ws: Workspace, case: Case) -> None:
    """What the files do not say, said once; then the version lacks nothing."""
    model, parts = case.model, dict(case.description)
    assert not ws.registry.version(model, 1).signature.is_described
    if case.own_code:
        assert "nobody has approved" in ws.registry.reason_not_loaded(model, 1)
        ws.registry.approve_code(model, 1, "read it")
    if case.requirements:
        ws.deployments.request_environment(model, 1)
        wait_for(lambda: _has_ended(ws, f"{model}@1"), "its environment is built", PATIENCE_S)
    ws.registry.describe(model, 1, parts.pop("task"), target=case.target, **parts)
    assert ws.deployments.not_servable(model, 1) == ""


def gate(running: Running, case: Case, dataset: str, rows: int) -> None:
    """Refused without an evaluation, promoted with one; the evidence is that of scikit-learn."""
    ws, model = running.workspace, case.model
    with pytest.raises(Refused):
        ws.registry.promote(model, 1, "production", "not measured")
    result = running.wait(ws.pipelines.evaluate_version(model, 1, dataset, case.target))
    assert result["rows"] == rows
    promotion = ws.registry.promote(model, 1, "production", "measured")
    assert promotion.status == "accepted"
    assert promotion.verdicts
    assert all(verdict.passed for verdict in promotion.verdicts)


def _has_ended(ws: Workspace, subject: str) -> bool:
    """Whether the environment of a version is ready; fails with the log when it cannot be built."""
    use = ws.environments.use(subject)
    assert use is None or use.state != "failed", ws.environments.log(subject)
    return use is not None and use.is_ready


@dataclass(frozen=True)
class Week:
    """Rows that were predicted in a week: ids, output columns, and what was observed."""

    ids: list[str]
    outputs: dict[str, list[Any]]
    truth: Any


def serve(
    running: Running, case: Case, table: pd.DataFrame, predict: Callable[[pd.DataFrame], Any]
) -> list[Week]:
    """A week over each protocol; the last week's labels are those of other rows."""
    answered: dict[str, Answer] = {}
    truths, ids = [], {}
    for number, (protocol, send) in enumerate(SENDERS.items()):
        rows = table.sample(ROWS, replace=True, random_state=number).reset_index(drop=True)
        inputs, truth = rows.drop(columns=case.target), rows[case.target]
        ids[protocol] = [f"{case.model}-{number}-{row}" for row in range(ROWS)]
        answered[protocol] = send_all(running.url, case.model, send, inputs, ids[protocol], number)
        assert_same(predict(inputs), answered[protocol].predictions)
        is_last = number == len(SENDERS) - 1
        truths.append(truth.sample(frac=1, random_state=9) if is_last else truth)

    logged = log_of(running.workspace, case.model)
    weeks = []
    for protocol, truth in zip(SENDERS, truths, strict=True):
        answer, rows_logged = answered[protocol], logged.loc[ids[protocol]]
        columns = {name: rows_logged[name].tolist() for name in logged}
        for name, values in answer.outputs.items():
            assert name == "predict" or name not in columns or columns[name] == values, protocol
        outputs = columns | {"predict": answer.predictions}
        weeks.append(Week(ids[protocol], outputs, truth.to_numpy()))
    return weeks


def send_all(
    url: str, name: str, send: Sender, inputs: pd.DataFrame, ids: list[str], week: int
) -> Answer:
    """What all rows of a week are answered, in batches."""
    at = to_ms(MONDAY + week * WEEK)
    predictions: list[Any] = []
    outputs: dict[str, list[Any]] = {}
    for number, start in enumerate(range(0, ROWS, BATCH)):
        part = slice(start, start + BATCH)
        times = [at + row * 60_000 for row in range(start, start + BATCH)]
        answer = send(url, name, Rows(inputs.iloc[part], ids[part], times, number))
        predictions += answer.predictions
        for column, values in answer.outputs.items():
            outputs.setdefault(column, []).extend(values)
    return Answer(predictions, outputs)


def log_of(ws: Workspace, name: str) -> pd.DataFrame:
    """The output columns in the prediction log, once every prediction is there; by id."""
    total = ROWS * len(SENDERS)
    wait_for(lambda: len(ws.deployments.predictions(name)) == total, "all is logged", 30)
    frame = ws.deployments.predictions(name).set_index("prediction_id")
    outputs = [column for column in frame if column == SCORE or column.startswith(OUT)]
    return frame[outputs].rename(columns=lambda column: column.removeprefix(OUT))


def author_predict(
    running: Running, case: Case, python: str, folder: Path
) -> Callable[[pd.DataFrame], Any]:
    """What `mlflow.pyfunc` predicts with the same files, in the author's environment."""
    address = f"models:/{case.model}/1"
    if not case.requirements:
        mlflow.set_tracking_uri(running.url)
        loaded = mlflow.pyfunc.load_model(address)
        return lambda rows: loaded.predict(rows)

    script, file, answer = (folder / name for name in ("predict.py", "rows.parquet", "answer.json"))
    script.write_text(PREDICT, encoding="utf-8")

    def predict(rows: pd.DataFrame) -> Any:
        rows.to_parquet(file, index=False)
        variables = {"MLFLOW_TRACKING_URI": running.url}
        arguments = (address, str(file), str(answer))
        run_client(script, *arguments, folder=folder, python=python, **variables)
        return pd.read_json(answer, typ="series")

    return predict


def assert_same(expected: Any, actual: list[Any]) -> None:
    values = np.asarray(expected)
    if values.dtype.kind in "fiu":
        np.testing.assert_allclose(np.asarray(actual, dtype=float), values, rtol=1e-6, atol=1e-6)
    else:
        assert actual == values.tolist()


def register_recipe(ws: Workspace, case: Case) -> None:
    """The author's script as a recipe."""
    files = {"train.py": (SCRIPTS / f"{case.script}.py").read_bytes()}
    if case.requirements:
        files["requirements.txt"] = "\n".join(case.requirements).encode()
    ws.recipes.register_files(
        case.model, files, entry_point="train.py", dataset_parameter="data", model=case.model
    )


def watch(running: Running, case: Case, weeks: list[Week]) -> None:
    """Labels, windows with scikit-learn's metrics, and an alert for the week that is wrong."""
    ws, name = running.workspace, case.model
    ws.pipelines.monitor(name)
    rule = AlertRuleSpec(
        "worse",
        "performance",
        "primary",
        "worse_than_tolerated",
        1.0,
        for_windows=1,
        action=RETRAIN,
    )
    ws.monitoring.add_rule(name, rule)
    for week in weeks:
        assert ws.deployments.label(name, week.ids, week.truth.tolist()) == ROWS
    result = running.wait(ws.pipelines.evaluate(name))
    assert result["windows"] == len(weeks)

    windows = ws.monitoring.windows(name)["id"]
    for number, (window, week) in enumerate(zip(windows, weeks, strict=True)):
        info = ws.monitoring.window(window)
        assert info.value == pytest.approx(case.oracle(week.outputs, week.truth), rel=1e-6)
        assert (info.performance_status == "fail") == (number == len(weeks) - 1), info
    alerts = ws.monitoring.alerts("firing", deployment=name)
    assert "worse" in alerts["name"].tolist()


def check_retrained(running: Running, case: Case) -> None:
    """The alert's retraining ran the script, and proposes the version that it made."""
    ws, model = running.workspace, case.model
    (job,) = ws.jobs.jobs(subject_ref=model, kind="retrain")["id"]
    if case.own_code:  # each version of it is approved by a person before it is loaded
        wait_for(lambda: ws.jobs.job(job).ended, "the retraining stops", PATIENCE_S)
        assert "nobody has approved" in str(ws.jobs.job(job).error)
        ws.registry.approve_code(model, 2, "read what changed")
        if case.requirements:
            ws.deployments.request_environment(model, 2)
            wait_for(lambda: _has_ended(ws, f"{model}@2"), "its environment is built", PATIENCE_S)
        job = ws.jobs.retry(job, "the code is approved")
    promotion = ws.registry.promotion(running.wait(job)["promotion"])
    assert (promotion.version, promotion.status) == (2, "pending")
    made = ws.registry.version(model, 2).signature
    described = ws.registry.version(model, 1).signature
    assert (made.task, made.classes, made.levels) == (
        *(described.task, described.classes, described.levels),
    )
