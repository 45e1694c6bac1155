"""Where the parts of jobs run, as a person chooses it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pandas as pd
import pytest

from pilothouse.jobs.backends import part_runner
from pilothouse.jobs.context import JobContext
from pilothouse.jobs.executor_choice import WholeJobs, open_executor
from pilothouse.jobs.process_pool import ChildProcesses
from pilothouse.kit.errors import Invalid, NotFound, Unavailable
from pilothouse.kit.settings import Settings
from pilothouse.training import TrainingSpec
from pilothouse.workspace import Workspace

ADDRESS = "tcp://10.0.0.1:8786"


def with_settings(workspace: Workspace, **values: str) -> Workspace:
    settings = workspace.store.settings.model_copy(update=values)
    return Workspace(replace(workspace.store, settings=settings))


def test_a_place_that_is_not_ready_is_refused_before_there_is_a_job(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    spec = TrainingSpec("homes@1", "price")
    with pytest.raises(Invalid, match="it has no address") as refused:
        workspace.training.submit(spec, spread="dask")
    assert "PILOTHOUSE_DASK_ADDRESS" in str(refused.value.hint)
    with pytest.raises(NotFound, match="no backend named 'slurm'"):
        workspace.training.submit(spec, spread="slurm")
    monkeypatch.setattr("pilothouse.kit.optional_packages.find_spec", lambda _name: None)
    far = with_settings(workspace, spark_address="spark://10.0.0.1:7077", spread="spark")
    with pytest.raises(Unavailable) as missing:
        far.training.submit(spec)
    assert 'pip install "pilothouse[spark]"' in str(missing.value.hint)
    assert workspace.jobs.active() == []


def test_the_choice_is_an_argument_of_the_job(workspace: Workspace) -> None:
    frame = pd.DataFrame({"x": [n * n % 17 / 2 for n in range(300)]})
    frame["price"] = frame["x"] * 2
    workspace.data.register("homes", frame)
    far = with_settings(workspace, dask_address=ADDRESS)
    spec = TrainingSpec("homes@1", "price")
    first, second = far.training.submit(spec, spread="dask"), far.training.submit(spec)
    assert workspace.jobs.job(first).args["spread"] == "dask"
    assert "spread" not in workspace.jobs.job(second).args


def test_places_are_listed_without_secrets_and_with_what_they_lack(workspace: Workspace) -> None:
    far = with_settings(workspace, dask_address="tls://ada:secret@10.0.0.1:8786")
    whole, here, dask, *others = far.jobs.backends()
    assert (whole.name, whole.title, whole.is_default) == ("", "Dask, as one task", True)
    assert (here.name, here.is_default, here.is_ready) == ("this_machine", False, True)
    assert (dask.name, dask.address) == ("dask", "tls://10.0.0.1:8786")
    assert all(place.lacks for place in others)
    [own, *_] = workspace.jobs.backends()
    assert (own.name, own.is_default) == ("this_machine", True)


def test_jobs_that_spread_their_parts_are_coordinated_by_child_processes(
    workspace: Workspace,
) -> None:
    calls: list[tuple[str, str]] = []

    class Recorded:
        closed = False

        def __init__(self, name: str) -> None:
            self._name = name

        def compute(self, store: Any, *_: Any) -> None:
            calls.append((self._name, store.settings.spread))

        def raise_if_closed(self) -> None: ...

        def close(self) -> None: ...

    executor = WholeJobs(Recorded("cluster"), Recorded("children"))
    job = JobContext(workspace.store, "a-job", lambda _name, act: act(), executor.compute)
    for run in (job, job.spread_over("dask"), job.spread_over("")):
        run._computer(run.store, run.id, "", (0.0, 1.0), {})
    assert calls == [("cluster", ""), ("children", "dask"), ("cluster", "")]
    both = {"dask_address": ADDRESS, "ray_address": "10.0.0.1:6379"}
    assert isinstance(open_executor(Settings(**both, spread="ray")), ChildProcesses)
    with pytest.raises(Invalid, match="both set"):
        open_executor(Settings(**both))


def test_this_machine_runs_a_part_when_its_result_is_asked_for(workspace: Workspace) -> None:
    ran: list[int] = []

    def part(data: str, number: int) -> str:
        ran.append(number)
        return data * number

    with part_runner(workspace.store.settings) as runner:
        results = runner.map(part, "a", ((number,) for number in range(3)))
        assert (runner.where, ran) == ("", [])
        assert next(results) == ""
        assert ran == [0]
        assert list(results) == ["a", "aa"]
