"""The workflow of docs/how-to/churn-workflow.md: its own commands, beside the real programs.

A database of PostgreSQL, Feast, MLflow's client, GitHub's schema of a CI file, SageMaker's
toolkit, Evidently, Airflow and the library of the Hugging Face Hub take part, each in an
environment that has it. What Pilothouse says is computed a second time by another program.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tarfile
import urllib.request
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import yaml
from sqlalchemy import create_engine, text

from harness.churn_company import INPUTS, Company, draw_company
from harness.page_steps import PageStep, page_steps, run_shell
from harness.postgres import postgresql, why_not
from harness.proof_environments import environment, plain_variables, proofs_folder
from harness.running_instance import run_instance
from harness.tracker_writers import interpreter
from pilothouse.workspace import Workspace

PAGE = Path(__file__).parents[2] / "docs" / "how-to" / "churn-workflow.md"
HERE = Path(__file__).with_name("churn_workflow")  # what the other programs run
SAGEMAKER = ("sagemaker-inference==1.10.1", "botocore")
GITHUB = ("check-jsonschema>=0.35",)
AIRFLOW = ("apache-airflow>=3.1",)
HUB = ("huggingface-hub>=1",)
CLOSE = 1e-9

pytestmark = [
    pytest.mark.proof,
    pytest.mark.long,
    pytest.mark.timeout(3600),
    pytest.mark.skipif(bool(why_not()), reason=why_not() or "PostgreSQL is here"),
]


@dataclass
class Team:
    """A team with its database, its folder and a running Pilothouse."""

    folder: Path
    company: Company
    workspace: Workspace
    variables: dict[str, str]
    steps: list[PageStep]

    def take(self, number: int, *blocks: int) -> str:
        """Do a step of the page, or some of its blocks; what they print."""
        step = self.steps[number - 1]
        step.write(self.folder)
        chosen = [step.blocks[block - 1] for block in blocks] or step.blocks
        return "".join(run_shell(block, self.folder, self.variables) for block in chosen)

    def json(self, command: str) -> Any:
        """What a command prints as JSON."""
        return json.loads(run_shell(f"{command} --json", self.folder, self.variables))

    def frame(self, ref: str) -> pd.DataFrame:
        """The rows of a dataset version."""
        return self.workspace.data.frame(ref)

    def model(self) -> Any:
        """The model as MLflow's client loads it from the server."""
        import mlflow

        mlflow.set_tracking_uri(self.variables["MLFLOW_TRACKING_URI"])
        return mlflow.sklearn.load_model("models:/churn/1")

    def scores(self, rows: pd.DataFrame) -> np.ndarray:
        """What the model itself says of rows."""
        model = self.model()
        inputs = rows[list(INPUTS)].astype({"tenure": float})
        scores: np.ndarray = model.predict_proba(inputs)[:, list(model.classes_).index("left")]
        return scores

    def post(self, path: str, value: object) -> Any:
        """What the server answers."""
        request = urllib.request.Request(
            self.variables["MLFLOW_TRACKING_URI"] + path,
            json.dumps(value).encode(),
            {"Content-Type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=60) as answer:
            return json.load(answer)


def ask(python: Path, script: str, *arguments: object, cwd: Path, **variables: str) -> Any:
    """The JSON that a program of this test's folder prints last, in an environment."""
    ended = subprocess.run(
        [str(python), str(HERE / script), *map(str, arguments)],
        cwd=cwd,
        env=plain_variables() | variables,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 0, ended.stdout[-2000:] + ended.stderr[-4000:]
    return json.loads(ended.stdout.strip().splitlines()[-1])


@pytest.fixture
def team(tmp_path: Path) -> Iterator[Team]:
    """The team on its first day."""
    company = draw_company()
    (tmp_path / "feature_repo").mkdir()
    with postgresql() as url, run_instance(tmp_path / "workspace") as instance:
        company.write(tmp_path, url)
        (tmp_path / "usage.parquet").rename(tmp_path / "feature_repo" / "usage.parquet")
        variables = {
            "PILOTHOUSE_WORKSPACE": str(tmp_path / "workspace"),
            "PILOTHOUSE_ACTOR": "ada",
            "MLFLOW_TRACKING_URI": instance.address("server").url,
            "CRM": url,
            "FEAST": str(interpreter("feast").parent),
            "WEEK": (company.monday - timedelta(days=7)).isoformat(),
            "NEXT": company.monday.isoformat(),
        }
        workspace = instance.open()
        yield Team(tmp_path, company, workspace, variables, page_steps(PAGE))
        workspace.store.engine.dispose()


def test_the_workflow_of_the_page(team: Team) -> None:
    assert len(team.steps) == 9
    _reads_the_table(team)
    _joins_features_of_their_times(team)
    _trains_with_mlflows_client(team)
    _asks_the_gates_as_the_ci_file_does(team)
    _answers_in_sagemaker(team)
    _answers_as_tensorflow_serving(team)
    _judges_a_week_as_evidently_does(team)
    _retrains_as_airflow_does(team)
    _writes_a_card_that_the_hub_reads(team)
    assert team.json("pilothouse activity verify")["intact"] is True
    assert team.json("pilothouse doctor")["ok"] is True


def _reads_the_table(team: Team) -> None:
    """Every row of the table is in one of two versions, as the database itself counts them."""
    team.take(1)
    engine = create_engine(team.variables["CRM"])
    for name, sign in (("customers", "<"), ("newest-customers", ">=")):
        query = f"select count(*), sum(charge) from crm.customers where seen_at {sign} :at"
        with engine.connect() as connection:
            row = connection.execute(text(query), {"at": team.company.newest_from}).one()
        rows = team.frame(f"{name}@1")
        assert (len(rows), round(rows["charge"].sum(), 2)) == (row[0], float(row[1]))
    engine.dispose()


def _joins_features_of_their_times(team: Team) -> None:
    """The features are those that pandas finds by time alone, and never later ones."""
    team.take(2)
    usage = team.company.usage.rename(columns={"event_timestamp": "seen_at"})
    usage["seen_at"] = usage["seen_at"].astype("datetime64[ns, UTC]")
    for parent, name in (("customers", "churn-training"), ("newest-customers", "churn-newest")):
        version = team.workspace.data.version(name)
        assert version.parent == f"{parent}@1"
        rows = team.frame(f"{name}@1").assign(order=lambda frame: range(len(frame)))
        rows["seen_at"] = rows["seen_at"].astype("datetime64[ns, UTC]")
        expected = pd.merge_asof(
            rows.drop(columns=["logins", "tickets"]).sort_values("seen_at"),
            usage.sort_values("seen_at"),
            on="seen_at",
            by="customer",
            tolerance=pd.Timedelta(days=30),
        ).sort_values("order")
        for column in ("logins", "tickets"):
            np.testing.assert_array_equal(rows[column], expected[column])
        assert rows["logins"].isna().any()


def _trains_with_mlflows_client(team: Team) -> None:
    """MLflow's client and the registry have the figure that the script computed."""
    import mlflow
    from sklearn.metrics import roc_auc_score
    from sklearn.model_selection import train_test_split

    team.variables["RUN"] = team.take(3, 1).strip().splitlines()[-1]
    team.take(3, 2)
    rows = team.frame("churn-training@1")
    _, unseen = train_test_split(rows, test_size=0.2, random_state=0, stratify=rows["outcome"])
    expected = roc_auc_score(unseen["outcome"] == "left", team.scores(unseen))
    run = mlflow.MlflowClient().get_run(team.variables["RUN"])
    assert run.data.metrics["roc_auc"] == pytest.approx(expected, abs=CLOSE)
    assert team.json(f"pilothouse runs show {team.variables['RUN']}")["metrics"]
    version = team.workspace.registry.version("churn", 1)
    assert version.run_id == team.variables["RUN"]


def _asks_the_gates_as_the_ci_file_does(team: Team) -> None:
    """The gate has the figure of scikit-learn; GitHub's schema takes the file, and its jobs run."""
    from sklearn.metrics import roc_auc_score

    team.take(4, 1, 2)
    rows = team.frame("churn-newest@1")
    expected = roc_auc_score(rows["outcome"] == "left", team.scores(rows))
    verdicts = {
        verdict.gate: verdict
        for verdict in team.workspace.registry.assess("churn", 1, "production").verdicts
    }
    assert verdicts["metric_threshold"].figure == pytest.approx(expected, abs=1e-6)
    assert {verdict.outcome for verdict in verdicts.values()} == {"passed"}
    file = team.folder / ".github" / "workflows" / "release.yml"
    check = ("-m", "check_jsonschema", "--builtin-schema", "vendor.github-workflows", file)
    subprocess.run([environment(proofs_folder(), GITHUB), *check], check=True)
    workflow = yaml.safe_load(file.read_text())
    variables = {name: value for name, value in workflow["env"].items() if "${{" not in value}
    version = workflow["on"]["workflow_dispatch"]["inputs"]["version"]["default"]
    variables |= team.variables | {"VERSION": version}
    assert list(workflow["jobs"]) == ["validate", "deploy", "smoke"]
    for job in workflow["jobs"].values():
        for step in job["steps"]:
            run_shell(step["run"], team.folder, variables)
    team.take(4, 3)
    assert team.json("pilothouse models champion churn")["ref"] == "churn@1"


def _answers_in_sagemaker(team: Team) -> None:
    """SageMaker's own toolkit, with the archive as it would be uploaded."""
    team.take(5)
    place = team.folder / "sagemaker"
    zipfile.ZipFile(team.folder / "churn-sagemaker.zip").extractall(place)
    with tarfile.open(place / "model.tar.gz") as archive:
        archive.extractall(place / "model", filter="data")
    lines = (place / "model" / "code" / "requirements.txt").read_text().split()
    python = environment(proofs_folder(), (*SAGEMAKER, *lines))
    rows = team.frame("churn-newest@1")[:50]
    (place / "request.json").write_text(json.dumps({"dataframe_records": records(rows)}))
    answer = ask(python, "ask_sagemaker.py", place / "model", place / "request.json", cwd=place)
    np.testing.assert_allclose(answer["scores"], team.scores(rows), rtol=0, atol=CLOSE)


def _answers_as_tensorflow_serving(team: Team) -> None:
    """Both addresses have the figures of the model, also where features are looked up."""
    printed = team.take(6)
    assert '"predictions"' in printed
    rows = team.frame("churn-newest@1")[:50]
    expected = team.scores(rows)
    for address in ("/v1/models/churn:predict", "/stages/production/v1/models/churn:predict"):
        body = {"instances": records(rows), "signature_name": "predict_proba"}
        answer = team.post(address, body)["predictions"]
        np.testing.assert_allclose([row[0] for row in answer], expected, rtol=0, atol=CLOSE)
    usage = team.company.usage.sort_values("event_timestamp").groupby("customer").last()
    fresh = usage["event_timestamp"] > datetime.now(UTC) - timedelta(days=29)
    known = usage[fresh].reset_index()[:50]
    asked = team.company.everyone.merge(known[["customer"]], on="customer")
    asked = asked[["customer", "plan", "tenure", "charge"]].astype({"tenure": float})
    body = {"instances": asked.to_dict("records"), "signature_name": "predict_proba"}
    answer = team.post("/stages/production/v1/models/churn:predict", body)["predictions"]
    expected = team.scores(asked.merge(known, on="customer"))
    np.testing.assert_allclose([row[0] for row in answer], expected, rtol=0, atol=CLOSE)


def records(rows: pd.DataFrame) -> list[dict[str, Any]]:
    """Rows of the model's inputs as JSON has them."""
    inputs = rows[list(INPUTS)].astype({"tenure": float}).astype(object)
    return inputs.where(inputs.notna(), None).to_dict("records")


def _judges_a_week_as_evidently_does(team: Team) -> None:
    """The window's ROC AUC is scikit-learn's; Evidently finds the same columns changed."""
    from sklearn.metrics import roc_auc_score

    team.take(7, 1)
    [window] = team.json("pilothouse monitors windows churn")
    team.variables["WINDOW"] = window["id"]
    team.take(7, 2)
    week = pd.read_csv(team.folder / "week.csv")
    expected = roc_auc_score(week["outcome"] == "left", team.scores(week))
    assert (window["rows"], window["labelled"]) == (len(week), len(week))
    assert window["metrics"]["roc_auc"] == pytest.approx(expected, abs=1e-6)
    report = (team.folder / "report.html").read_text(encoding="utf-8")
    assert all(name in report for name in (*INPUTS, "Drift"))

    zipfile.ZipFile(team.folder / "evidently.zip").extractall(team.folder / "evidently")
    reference = team.folder / "reference.parquet"
    team.frame("churn-newest@1").to_parquet(reference)
    environment_of_tests = Path(sys.executable)
    read = ask(
        environment_of_tests,
        "ask_evidently.py",
        team.folder / "evidently" / "workspace",
        reference,
        team.folder / "week.csv",
        cwd=team.folder,
        DO_NOT_TRACK="1",
    )
    results = team.workspace.monitoring.results(window["id"])
    psi = results[(results["check"] == "psi") & results["column"].isin(INPUTS)]
    ours = {row["column"]: row for _, row in psi.iterrows()}
    assert read["exported"] == {name: row["score"] for name, row in ours.items()}
    changed = {name for name, row in ours.items() if row["status"] == "fail"}
    assert changed == set(read["drifted"]) == {"charge", "logins"}


def _retrains_as_airflow_does(team: Team) -> None:
    """Airflow imports the file; each of its tasks is done, in its order, by what it would run."""
    team.take(8)
    python = environment(proofs_folder(), AIRFLOW)
    dag = ask(
        python,
        "ask_airflow.py",
        team.folder / "dags" / "churn_weekly.py",
        cwd=team.folder,
        AIRFLOW_HOME=str(team.folder / "airflow"),
        AIRFLOW__CORE__LOAD_EXAMPLES="False",
    )
    details = team.workspace.pipelines.pipeline("churn-weekly").definition
    assert sorted(dag["tasks"]) == sorted(step.name for step in details.steps)
    assert sorted(map(tuple, dag["edges"])) == sorted(details.edges)
    assert dag["schedule"] == "0 6 * * 1"
    for task in dag["order"]:
        command = dag["tasks"][task]
        run_shell(command["bash"], team.folder, team.variables | command["env"])
    [run] = team.workspace.pipelines.runs("churn-weekly").to_dict("records")
    assert run["status"] == "succeeded"
    waiting = team.workspace.registry.promotions(status="pending", model="churn")
    assert waiting["version"].tolist() == [2]


def _writes_a_card_that_the_hub_reads(team: Team) -> None:
    """The Hub's own library reads licence and figures as the registry has them."""
    team.take(9)
    python = environment(proofs_folder(), HUB)
    card = ask(python, "ask_hub.py", team.folder / "README.md", cwd=team.folder)
    assert card["licence"] == "other"
    from sklearn.metrics import roc_auc_score

    rows = team.frame("churn-newest@1")
    expected = roc_auc_score(rows["outcome"] == "left", team.scores(rows))
    figures = {(row[0], row[1]): row[2] for row in card["results"]}
    assert figures["churn-newest@1", "roc_auc"] == pytest.approx(expected, abs=1e-4)
