"""Runs of pipelines: results of steps are kept, retried, forked and backfilled."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import UTC, date, datetime
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sqlmodel import select

from harness.engine_worker import engine_worker
from harness.jobs import at_once
from pilothouse.data import ContractBreach
from pilothouse.jobs import JobInfo
from pilothouse.jobs.schedules import submit_due
from pilothouse.jobs.tables import JobSchedule
from pilothouse.kit.clock import FixedClock
from pilothouse.kit.errors import Conflict, Invalid, NotFound
from pilothouse.kit.settings import Settings
from pilothouse.pipelines.workflows.run_pipeline import RunPipelineWorkflow
from pilothouse.pipelines.workflows.run_pipeline_step import RunPipelineStepWorkflow
from pilothouse.workspace import Workspace, open_workspace

PATIENCE_S = 90
COUNT = """
name: count
parameters:
  folder: {type: text}
  day: {type: date, default: today}
steps:
  - name: first
    uses: command
    with:
      command: |
        echo "first speaks" && echo first >> "$FOLDER/trace"
        echo '{"n": 20, "day": "'$DAY'"}' > "$STEP_OUTPUTS"
      env: {FOLDER: "${{ parameters.folder }}", DAY: "${{ parameters.day }}"}
      outputs: [n, day]
  - name: beside
    uses: command
    with: {command: 'echo beside >> "$FOLDER/trace"', env: {FOLDER: "${{ parameters.folder }}"}}
  - name: second
    uses: command
    with:
      command: |
        echo second >> "$FOLDER/trace"
        test -e "$FOLDER/sign" || { echo "there is no sign"; exit 3; }
        echo '{"m": '$(expr 2 \\* $N)'}' > "$STEP_OUTPUTS"
      env: {FOLDER: "${{ parameters.folder }}", N: "${{ steps.first.n }}"}
      outputs: [m]
  - name: third
    uses: command
    with:
      command: echo "$TEXT" && echo third >> "$FOLDER/trace"
      env: {FOLDER: "${{ parameters.folder }}", TEXT: "m is ${{ steps.second.m }}"}
"""


def until(holds: Callable[[], bool]) -> None:
    end = time.monotonic() + PATIENCE_S
    while not holds():
        assert time.monotonic() < end, "it never came to hold"
        time.sleep(0.05)


def ended(workspace: Workspace, run: str) -> JobInfo:
    until(lambda: workspace.jobs.job(run).ended)
    return workspace.jobs.job(run)


def trace(folder: Path) -> list[str]:
    return (folder / "trace").read_text().split()


@pytest.fixture
def counting(workspace: Workspace) -> Workspace:
    workspace.pipelines.register_text(COUNT)
    return workspace


@pytest.fixture(scope="module")
def working(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workspace]:
    """A workspace with the pipeline and a worker."""
    folder = tmp_path_factory.mktemp("working") / "workspace"
    workspace = open_workspace(settings=Settings(workspace=folder, actor="ada"))
    workspace.pipelines.register_text(COUNT)
    with engine_worker(folder):
        yield workspace
    workspace.store.engine.dispose()


def test_a_failed_run_is_retried_from_its_step_and_forked_from_another(
    working: Workspace, tmp_path: Path
) -> None:
    pipelines = working.pipelines
    run = pipelines.run("count", {"folder": str(tmp_path), "day": "2026-03-01"})
    job = ended(working, run)
    assert job.status == "failed"
    assert job.error == "the command ended with exit code 3: there is no sign"
    details = pipelines.run_details(run)
    assert {step.name: step.status for step in details.steps} == {
        "first": "succeeded", "beside": "succeeded", "second": "failed", "third": "pending",
    }  # fmt: skip
    assert details.step("first").outputs == {
        "n": 20, "day": "2026-03-01", "output": "first speaks",
    }  # fmt: skip
    assert details.step("second").inputs["env"]["N"] == 20
    assert "first speaks" in pipelines.step_log(run, "first")
    assert "there is no sign" not in pipelines.step_log(run, "first")
    assert "there is no sign" in pipelines.step_log(run, "second")
    assert details.forkable == ("first", "beside", "second")
    with pytest.raises(Conflict, match="third needs second"):
        pipelines.fork(run, "third")

    (tmp_path / "sign").touch()
    again = working.jobs.retry(run)
    assert ended(working, again).status == "succeeded"
    assert trace(tmp_path) == ["first", "beside", "second", "second", "third"]
    repaired = pipelines.run_details(again)
    assert [step.status for step in repaired.steps] == ["succeeded"] * 4
    assert repaired.parameters == {"folder": str(tmp_path), "day": "2026-03-01"}
    assert repaired.step("third").outputs == {"output": "m is 40"}
    assert "first speaks" in pipelines.step_log(again, "first")

    fork = pipelines.fork(again, "second")
    assert ended(working, fork).status == "succeeded"
    forked = pipelines.run_details(fork)
    assert [step.status for step in forked.steps] == ["reused", "reused", "succeeded", "succeeded"]
    assert (forked.forked_from, forked.from_step) == (again, "second")
    assert forked.step("first").source_run == again
    assert trace(tmp_path)[5:] == ["second", "third"]
    states = pipelines.runs("count")["status"].tolist()
    assert states == ["succeeded", "succeeded", "failed"]


@pytest.mark.proof
def test_a_run_goes_on_after_its_worker_was_killed(tmp_path: Path) -> None:
    folder = tmp_path / "workspace"
    workspace = open_workspace(settings=Settings(workspace=folder, actor="ada"))
    wait = COUNT.replace("test -e", 'while ! test -e "$FOLDER/go"; do sleep 0.05; done; test -e')
    workspace.pipelines.register_text(wait)
    (tmp_path / "sign").touch()
    run = workspace.pipelines.run("count", {"folder": str(tmp_path)})
    with engine_worker(folder) as first:
        until(lambda: workspace.pipelines.run_details(run).step("second").status == "running")
        until(lambda: "second" in trace(tmp_path))
        first.kill()
        first.wait()
    (tmp_path / "go").touch()
    with engine_worker(folder):
        assert ended(workspace, run).status == "succeeded"
    assert trace(tmp_path) == ["first", "beside", "second", "second", "third"]
    details = workspace.pipelines.run_details(run)
    assert [step.status for step in details.steps] == ["succeeded"] * 4
    workspace.store.engine.dispose()


def test_the_same_content_is_the_same_version(counting: Workspace) -> None:
    pipelines = counting.pipelines
    assert pipelines.register_text(COUNT).existed
    changed = pipelines.register_text(COUNT.replace("name: third", "name: last"))
    assert (changed.version, changed.existed) == (2, False)
    assert pipelines.source("count", 1) == COUNT
    assert pipelines.pipeline("count").definition.steps[-1].name == "last"
    entries = counting.activity.entries(size=2)
    assert entries["verb"].tolist() == ["changed", "registered"]
    with pytest.raises(NotFound, match="no version 9"):
        pipelines.pipeline("count", 9)


def do(workspace: Workspace, run: str) -> None:
    """Do the steps of a run in this process."""
    job = workspace.jobs.job(run)
    RunPipelineWorkflow.run(at_once(workspace, run), **job.args)


def test_a_fork_with_another_version_takes_only_what_is_written_the_same(
    counting: Workspace, tmp_path: Path
) -> None:
    (tmp_path / "sign").touch()
    pipelines = counting.pipelines
    run = pipelines.run("count", {"folder": str(tmp_path)})
    do(counting, run)
    pipelines.register_text(COUNT.replace("echo beside", "echo other").replace("m is", "m ="))
    fork = pipelines.fork(run, "third", version=2)
    do(counting, fork)
    details = pipelines.run_details(fork)
    assert [step.source_run for step in details.steps] == [run, None, run, None]
    assert details.step("third").outputs == {"output": "m = 40"}
    assert trace(tmp_path)[4:] == ["other", "third"]
    pipelines.register_text(COUNT.replace("first speaks", "first sings"))
    with pytest.raises(Conflict, match="third needs first, second"):
        pipelines.fork(run, "third", version=3)


def test_a_backfill_runs_each_period_that_has_not_succeeded(
    counting: Workspace, tmp_path: Path
) -> None:
    pipelines = counting.pipelines
    given = {"folder": str(tmp_path)}
    rows = pipelines.backfill(
        "count", date(2026, 1, 5), date(2026, 1, 20), every="week", parameters=given
    )
    assert rows["date"].tolist() == ["2026-01-05", "2026-01-12", "2026-01-19"]
    assert rows["state"].tolist() == ["submitted"] * 3
    counting.jobs.cancel(rows["run"][1], "not this week")
    again = pipelines.backfill(
        "count", date(2026, 1, 5), date(2026, 1, 20), every="week", parameters=given
    )
    assert again["state"].tolist() == ["skipped", "submitted", "skipped"]
    assert again["run"][0] == rows["run"][0]
    details = pipelines.run_details(again["run"][1])
    assert details.parameters == {"day": "2026-01-12", **given}
    with pytest.raises(Invalid, match="cannot run with these parameters"):
        pipelines.backfill("count", date(2026, 1, 5), date(2026, 1, 20))


def test_a_schedule_runs_the_newest_version_on_the_day(
    counting: Workspace, clock: FixedClock, tmp_path: Path
) -> None:
    (tmp_path / "sign").touch()
    pipelines = counting.pipelines
    with pytest.raises(Invalid, match="folder: needed"):
        pipelines.add_schedule("count", "0 6 * * *")
    name = pipelines.add_schedule("count", "0 6 * * *", {"folder": str(tmp_path)})
    pipelines.register_text(COUNT.replace("m is", "m ="))
    with counting.store.read() as session:
        due = session.exec(select(JobSchedule)).one().next_at
    clock.advance(due - clock.now())
    with counting.store.write() as session:
        (job,) = submit_due(session, counting.store)
    do(counting, job)
    details = pipelines.run_details(job)
    assert (details.version, details.parameters["day"]) == (2, "2026-03-02")
    assert pipelines.pipelines()["schedules"].tolist() == [1]
    with pytest.raises(Conflict, match="the schedule 'Run count' runs count"):
        pipelines.remove("count")
    counting.jobs.remove_schedule(name)
    counting.jobs.cancel(job)
    pipelines.remove("count", "no longer needed")
    assert pipelines.run_details(job).definition.name == "count"
    assert pipelines.register_text(COUNT).version == 3


def test_steps_of_another_programs_run_take_one_anothers_outputs(
    counting: Workspace, tmp_path: Path
) -> None:
    (tmp_path / "sign").touch()
    pipelines, given = counting.pipelines, {"folder": str(tmp_path)}

    def step(name: str, key: str = "scheduled__2026-03-01") -> None:
        job = pipelines.run_step("count", name, key, given)
        args = counting.jobs.job(job).args
        RunPipelineStepWorkflow.run(at_once(counting, job), **args)

    step("first")
    with pytest.raises(Conflict, match="third needs second"):
        step("third")
    with pytest.raises(Conflict, match="second needs first"):
        step("second", "another run")
    step("second")
    step("third")
    run = pipelines.runs("count").query("key == 'scheduled__2026-03-01'").iloc[0]
    assert run["status"] == "running"  # beside is still to come
    step("beside")
    details = pipelines.run_details(run["run"])
    assert details.status == "succeeded"
    assert details.step("third").outputs == {"output": "m is 40"}
    step("first")
    assert trace(tmp_path) == ["first", "second", "third", "beside", "first"]


def test_a_command_must_write_what_it_declares(counting: Workspace) -> None:
    text = """
    name: silent
    steps: [{name: only, uses: command, with: {command: 'true', outputs: [n]}}]
    """
    counting.pipelines.register_text(text)
    run = counting.pipelines.run("silent")
    with pytest.raises(Invalid, match="has not written its outputs n"):
        do(counting, run)
    step = counting.pipelines.run_details(run).step("only")
    assert (step.status, step.outputs) == ("failed", None)
    assert "$STEP_OUTPUTS" in step.hint


def test_data_that_breaks_a_contract_stops_the_run_with_a_way_on(workspace: Workspace) -> None:
    workspace.data.register("homes", pd.DataFrame({"price": [1.0, 2.0]}))
    late = pd.DataFrame({"price": [1.0, None], "town": ["a", "b"]})
    workspace.data.register("late", late)
    workspace.pipelines.register_text(
        "name: check\nsteps:\n"
        "- {name: it, uses: check_contract, with: {dataset: late, against: homes@1}}"
    )
    run = workspace.pipelines.run("check")
    with pytest.raises(ContractBreach, match="late@1 breaks the contract of homes@1") as broken:
        do(workspace, run)
    assert broken.value.remedy is not None
    accepted = {key: broken.value.remedy[key] for key in ("ref", "data", "columns")}
    workspace.data.accept_data(**accepted)
    again = workspace.pipelines.run("check")
    do(workspace, again)
    assert workspace.pipelines.run_details(again).step("it").outputs == {"dataset": "late@1"}


TRAINING = """
name: homes
steps:
  - name: data
    uses: dataset_version
    with: {dataset: homes, min_rows: 100}
  - name: train
    uses: train
    with:
      dataset: ${{ steps.data.dataset }}
      target: sold
      trainer: logistic_regression
      options: {folds: 2, evaluation: held_out}
  - name: train-again
    uses: train
    with:
      dataset: ${{ steps.data.dataset }}
      target: sold
      trainer: dummy
      options: {evaluation: held_out}
  - name: register
    uses: register_version
    with: {model: homes, run: "${{ steps.train.run }}"}
  - name: evaluate
    uses: evaluate_version
    with:
      model: ${{ steps.register.model }}
      version: ${{ steps.register.version }}
      dataset: homes@1
  - name: propose
    uses: propose_promotion
    needs: evaluate
    with: {model: homes, version: "${{ steps.register.version }}", stage: staging}
  - name: predict
    uses: predict_dataset
    with: {model: homes, version: "${{ steps.register.version }}", dataset: homes}
"""


def test_from_a_dataset_to_a_proposal(workspace: Workspace, answering: None) -> None:
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"x": rng.normal(size=300), "area": rng.choice(["n", "s"], 300)})
    frame["sold"] = np.where(frame["x"] + rng.normal(0, 0.3, 300) > 0, "yes", "no")
    workspace.data.register("homes", frame)
    workspace.pipelines.register_text(TRAINING)
    run = workspace.pipelines.run("homes")
    do(workspace, run)
    details = workspace.pipelines.run_details(run)
    outputs = {step.name: step.outputs or {} for step in details.steps}
    assert outputs["data"] == {"dataset": "homes@1", "rows": 300}
    assert outputs["train"]["run"] != outputs["train-again"]["run"]
    assert outputs["train"]["metric"] == "roc_auc"
    assert workspace.experiments.run(outputs["train"]["run"]).experiment == "homes"
    assert outputs["register"] == {"model": "homes", "version": 1, "ref": "homes@1"}
    assert outputs["predict"] == {"dataset": "homes-predictions@1", "rows": 300}
    promotion = workspace.registry.promotion(outputs["propose"]["promotion"])
    assert (promotion.status, promotion.origin) == ("pending", "pipeline")
    assert workspace.registry.champion("homes") is None
    evaluations = workspace.registry.evaluations("homes", 1)
    assert outputs["evaluate"]["metrics"]["roc_auc"] > 0.9
    assert evaluations["run_id"].tolist() == [outputs["evaluate"]["run"]]
    assert datetime.now(UTC) > details.created_at


def test_a_dataset_is_read_from_its_source_again_and_one_that_breaks_its_contract_fails(
    workspace: Workspace, tmp_path: Path
) -> None:
    shop = tmp_path / "shop.db"
    with closing(sqlite3.connect(shop)) as database:
        database.execute("create table customers (id integer, plan text)")
        database.executemany(
            "insert into customers values (?, ?)",
            [(number, ("basic", "plus")[number % 2]) for number in range(40)],
        )
        database.commit()
    workspace.data.register_sql("customers", f"sqlite:///{shop}", table="customers")
    workspace.pipelines.register_text(
        "name: weekly\nsteps: [{name: read, uses: refresh_dataset, with: {dataset: customers}}]"
    )

    def read() -> dict[str, object]:
        run = workspace.pipelines.run("weekly")
        do(workspace, run)
        return dict(workspace.pipelines.run_details(run).step("read").outputs)

    assert read() == {"dataset": "customers@1", "rows": 40, "existed": True}
    with closing(sqlite3.connect(shop)) as database:
        database.execute("insert into customers values (39, 'basic')")
        database.commit()
    assert read() == {"dataset": "customers@2", "rows": 41, "existed": False}
    with closing(sqlite3.connect(shop)) as database:
        database.execute("update customers set plan = 'gold' where id > 10")
        database.commit()
    with pytest.raises(ContractBreach):
        read()
    assert workspace.data.version("customers").ref == "customers@2"
