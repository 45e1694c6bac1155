"""Recipes: what is registered, which command is run, and what becomes of what the code writes."""

from __future__ import annotations

import json
import os
import subprocess
import time
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from harness.jobs import at_once
from harness.programs import is_running
from pilothouse.jobs import JobContext, Progress
from pilothouse.kit import processes
from pilothouse.kit.errors import Cancelled, Invalid, NotFound
from pilothouse.pipelines.recipes.code_process import CodeOutput, run_command
from pilothouse.pipelines.workflows.run_recipe import RunRecipeWorkflow
from pilothouse.workspace import Workspace

MLPROJECT = """
name: prices
entry_points:
  main:
    parameters:
      data: path
      rate: {type: float, default: 0.1}
      note: {type: string, default: "two words"}
    command: "python train.py --data {data} --rate {rate}"
  other:
    command: "echo other"
"""
TRAIN = """
import argparse, json, os, sys
import helper
parser = argparse.ArgumentParser()
for name in ("data", "rate", "note"):
    parser.add_argument("--" + name)
given = parser.parse_args()
print("reading", os.path.basename(given.data))
rows = open(given.data).read().splitlines()
print("50% done")
outputs = os.environ["RECIPE_OUTPUTS"]
os.makedirs(outputs + "/model")
with open(outputs + "/metrics.json", "w") as file:
    json.dump({"rows": len(rows) - 1, "rate": float(given.rate), "text": "no number"}, file)
with open(outputs + "/model/weights.txt", "w") as file:
    file.write(helper.double(given.rate) + given.note)
"""


@pytest.fixture
def server(workspace: Workspace) -> None:
    """Something that the code takes for the server; no code of these tests calls it."""
    processes.announce(workspace.store.run_folder, "server", 9)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    code = tmp_path / "code"
    (code / "__pycache__").mkdir(parents=True)
    (code / "__pycache__" / "old.pyc").write_bytes(b"x")
    (code / "MLproject").write_text(MLPROJECT)
    (code / "train.py").write_text(TRAIN)
    (code / "helper.py").write_text("def double(x):\n    return str(2 * float(x))\n")
    return code


def script(workspace: Workspace, text: str, **settings: Any) -> str:
    """Register a file as a recipe of its own; its name."""
    files = {"run.py": text.encode()}
    return workspace.recipes.register_files("own", files, entry_point="run.py", **settings).name


def test_own_code_is_run_with_its_files_parameters_and_a_dataset(
    workspace: Workspace, folder: Path, server: None
) -> None:
    frame = pd.DataFrame({"price": [1.5, 2.5, 4.0]})
    workspace.data.register("prices", frame)
    recipe = workspace.recipes.register(
        "prices", folder, dataset_parameter="data", dataset_format="csv"
    )
    assert recipe.command == "python train.py --data {data} --rate {rate}"
    assert sorted(workspace.recipes.code("prices")) == ["MLproject", "helper.py", "train.py"]
    assert recipe.environment.kind == "house"

    (folder / "train.py").write_text("raise SystemExit(3)")  # what was registered is what runs
    result = RunRecipeWorkflow.run(
        at_once(workspace), recipe="prices", parameters={"rate": 0.25}, dataset="prices"
    )
    run = workspace.experiments.run(result["run"])
    assert result["dataset"] == "prices@1"
    assert (run.status, run.experiment) == ("finished", "prices")
    assert run.params == {"rate": "0.25", "note": "two words"}
    assert {key: metric.last for key, metric in run.metrics.items()} == {"rows": 3, "rate": 0.25}
    assert [given.dataset for given in run.inputs] == ["prices@1"]
    paths = {file.path for file in run.artifacts}
    assert paths >= {"metrics.json", "model/weights.txt", "recipe/code.zip"}
    assert workspace.experiments.artifact(run.id, "model/weights.txt") == b"0.5two words"
    assert workspace.recipes.runs("prices")["run"].tolist() == [run.id]
    assert not list((workspace.folder / "recipes").iterdir())


def test_code_that_prints_and_fails_gives_its_last_lines(
    workspace: Workspace, server: None
) -> None:
    lines = "for n in range(40): print('line', n)\nraise ValueError('no such column: price')"
    name = script(workspace, lines)
    with pytest.raises(Invalid) as failed:
        RunRecipeWorkflow.run(at_once(workspace), recipe=name)
    assert failed.value.message == "own ended with exit code 1: ValueError: no such column: price"
    assert "line 39\nTraceback" in failed.value.hint
    assert "line 3\n" not in failed.value.hint
    run = workspace.experiments.run(workspace.recipes.runs("own")["run"][0])
    assert (run.status, run.error) == ("failed", "ValueError: no such column: price")


def test_the_code_gets_none_of_our_secrets(
    workspace: Workspace, server: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PILOTHOUSE_DATABASE_URL", "postgresql://ada:secret@db/x")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    name = script(
        workspace,
        "import json, os\n"
        "with open(os.environ['RECIPE_OUTPUTS'] + '/seen.json', 'w') as file:\n"
        "    json.dump(dict(os.environ), file)\n",
    )
    result = RunRecipeWorkflow.run(at_once(workspace), recipe=name)
    variables = json.loads(workspace.experiments.artifact(result["run"], "seen.json"))
    assert "secret" not in json.dumps(variables)
    assert variables["MLFLOW_TRACKING_URI"] == "http://127.0.0.1:9"
    assert variables["MLFLOW_EXPERIMENT_NAME"] == "own"


def test_cancelling_ends_every_process_that_the_code_started(
    workspace: Workspace, server: None, tmp_path: Path
) -> None:
    mark = tmp_path / "pids"
    name = script(
        workspace,
        "import os, subprocess, time\n"
        f"other = subprocess.Popen(['sleep', '600'])\n"
        f"open({str(mark)!r}, 'w').write(f'{{os.getpid()}} {{other.pid}}')\n"
        "time.sleep(600)\n",
    )
    workspace.recipes.run(name)
    job = workspace.jobs.jobs()["id"][0]

    def compute(store: Any, job_id: str, target: str, span: Any, args: dict[str, Any]) -> Any:
        from pilothouse.jobs.functions import resolve_function

        progress = Progress(store, job_id)
        if target.endswith(":run_code"):
            progress = _CancelOnceThere(workspace, job_id, mark)
        return resolve_function(target)(store, progress, **args)

    context = JobContext(workspace.store, job, lambda _name, act: act(), compute)
    with pytest.raises(Cancelled):
        RunRecipeWorkflow.run(context, recipe=name)
    assert [is_running(int(pid)) for pid in mark.read_text().split()] == [False, False]
    assert workspace.recipes.runs(name)["status"].tolist() == ["cancelled"]


class _CancelOnceThere(Progress):
    """Asks for the cancellation of the job once the code has begun."""

    def __init__(self, workspace: Workspace, job_id: str, mark: Path) -> None:
        super().__init__(workspace.store, job_id)
        self._workspace, self._job, self._mark = workspace, job_id, mark

    def check(self) -> None:
        if self._mark.exists() and self._mark.read_text():
            with self._workspace.store.write() as session:
                from pilothouse.jobs.tables import Job

                session.get_one(Job, self._job).cancel_requested = True
        super().check()


def test_code_ends_when_the_process_that_waits_for_it_dies(tmp_path: Path) -> None:
    """The group is ended by the end of its input, which even a SIGKILL of its parent closes."""
    mark = tmp_path / "pid"
    code = (
        "import os, pathlib\n"
        "from pilothouse.pipelines.recipes.code_process import run_command\n"
        f"run_command('echo $$ > {mark}; sleep 600', pathlib.Path({str(tmp_path)!r}), os.environ,"
        " lambda output: None)\n"
    )
    import sys

    parent = subprocess.Popen([sys.executable, "-c", code])
    end = time.monotonic() + 30
    while not (mark.exists() and mark.read_text().strip()):
        assert time.monotonic() < end
        time.sleep(0.02)
    pid = int(mark.read_text())
    parent.kill()
    parent.wait()
    while is_running(pid):
        assert time.monotonic() < end, "the code runs on"
        time.sleep(0.02)


def test_a_bar_drawn_over_itself_tells_how_far_the_code_is(tmp_path: Path) -> None:
    shares: list[float] = []
    code, output = run_command(
        r"printf ' 10%%|#\r 45.5%%|##\r'; sleep 0.4; printf '100%%|####\n'; exit 7",
        tmp_path,
        os.environ,
        lambda now: shares.append(now.share),
    )
    assert (code, output.share, output.last_line) == (7, 1.0, "100%|####")
    assert 0.45 in shares
    assert list(CodeOutput().lines) == []


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"entry_point": "third"}, "no entry point 'third'"),
        ({"entry_point": "none.py"}, "no file none.py"),
        ({"dataset_parameter": "table"}, "no parameter 'table'"),
        ({"dataset_format": "xls"}, "not a format"),
        ({"name": "a b"}, "cannot be called"),
    ],
)
def test_a_recipe_that_cannot_run_is_refused(
    workspace: Workspace, folder: Path, change: dict[str, str], problem: str
) -> None:
    with pytest.raises(Invalid, match=problem):
        workspace.recipes.register(**({"name": "prices", "folder": folder} | change))
    assert workspace.recipes.recipes().empty


@pytest.mark.parametrize(
    ("values", "dataset", "problem"),
    [
        ({"rate": "fast"}, "prices", "rate must be a number"),
        ({"data": "x"}, "", "takes the file of a dataset"),
        ({}, "", "needs a dataset"),
        ({"; rm": 1}, "prices", "not the name of a parameter"),
    ],
)
def test_a_run_with_wrong_parameters_is_refused_before_a_job_exists(
    workspace: Workspace, folder: Path, values: dict[str, Any], dataset: str, problem: str
) -> None:
    workspace.data.register("prices", pd.DataFrame({"price": [1.0]}))
    workspace.recipes.register("prices", folder, dataset_parameter="data")
    before = workspace.jobs.count(kind="run_recipe")
    with pytest.raises(Invalid, match=problem):
        workspace.recipes.run("prices", values, dataset)
    with pytest.raises(NotFound, match="nothing"):
        workspace.recipes.run("prices", {}, "nothing")
    assert workspace.jobs.count(kind="run_recipe") == before


def test_a_commit_is_what_is_copied(workspace: Workspace, folder: Path) -> None:
    def git(*arguments: str) -> str:
        identity = ("-c", "user.name=ada", "-c", "user.email=ada@example.org")
        command = ["git", "-C", str(folder), *identity, *arguments]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()

    git("init", "-q")
    git("add", "MLproject", "train.py", "helper.py")
    git("commit", "-qm", "first")
    first = git("rev-parse", "HEAD")
    (folder / "train.py").write_text("print('second')")
    git("commit", "-qam", "second")
    recipe = workspace.recipes.register("prices", folder, commit=first[:8])
    assert recipe.commit == first
    assert workspace.recipes.code("prices")["train.py"].decode() == TRAIN
    assert workspace.recipes.register("prices", folder).commit == git("rev-parse", "HEAD")
    (folder / "train.py").write_text("print('changed')")
    assert workspace.recipes.register("prices", folder).commit == ""
    with pytest.raises(NotFound, match="git says"):
        workspace.recipes.register("prices", folder, commit="0123456")


def test_requirements_beside_the_code_make_its_environment(
    workspace: Workspace, folder: Path
) -> None:
    (folder / "requirements.txt").write_text("mlflow==3.1  # the client\nscikit-learn\n")
    (folder / "python_env.yaml").write_text("python: 3.12.3\ndependencies: [-r requirements.txt]\n")
    recipe = workspace.recipes.register("prices", folder)
    assert recipe.environment.kind == "verbatim"
    assert recipe.environment.requirements == ("mlflow==3.1", "scikit-learn")
    assert recipe.environment.python == "3.12"
    info = workspace.recipes.environment("prices")
    assert info is not None
    assert info.state == "wanted"
    workspace.recipes.register("prices", folder, interpreter="/usr/bin/python3")
    assert workspace.recipes.recipe("prices").environment.kind == "named"


def test_removing_a_recipe_keeps_its_runs(workspace: Workspace, server: None) -> None:
    name = script(workspace, "print('done')")
    RunRecipeWorkflow.run(at_once(workspace), recipe=name)
    workspace.recipes.remove(name, "replaced")
    assert workspace.recipes.runs(name)["status"].tolist() == ["finished"]
    with pytest.raises(NotFound, match="no recipe 'own'"):
        workspace.recipes.recipe(name)
    entries = workspace.activity.entries()
    assert entries[entries["kind"] == "recipe"]["verb"].tolist() == [
        "removed",
        "registered",
    ]


def test_the_words_of_a_yes_no_column_reach_the_code(workspace: Workspace, server: None) -> None:
    paid = ["Yes", "No", "Yes", None]
    workspace.data.register("orders", pd.DataFrame({"paid": paid, "price": [1.5, 2, 3, 4]}))
    assert workspace.data.version("orders").schema[0].type == "boolean"
    code = """
import json, os, sys
import pandas as pd
frame = pd.read_parquet(sys.argv[-1])
counts = frame["paid"].value_counts(dropna=False).to_dict()
folder = os.environ["RECIPE_OUTPUTS"]
json.dump({str(word): count for word, count in counts.items()}, open(folder + "/metrics.json", "w"))
"""
    name = script(workspace, code, dataset_parameter="data")
    result = RunRecipeWorkflow.run(at_once(workspace), recipe=name, dataset="orders")
    metrics = workspace.experiments.run(result["run"]).metrics
    assert {word: metrics[word].last for word in ("Yes", "No")} == {"Yes": 2, "No": 1}
