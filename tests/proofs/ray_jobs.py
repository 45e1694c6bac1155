"""Proof of Ray: trainings and searches on a real node have the results of child processes.

    python tests/proofs/ray_jobs.py [FOLDER]

Ray's packages come from an environment of their own, behind ours. Errors come through whole, a
task whose process dies is said to be lost, and closing ends what runs. Fits and blocks of rows that
are spread over the node have the results of this machine.
"""

from __future__ import annotations

import os
import secrets
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from prove import environment

from harness.spread_proof import prove_spread, search_path
from pilothouse.jobs.executor import Executor, Interrupted
from pilothouse.jobs.process_pool import ChildProcesses
from pilothouse.jobs.ray_cluster import RayCluster
from pilothouse.kit.errors import Invalid, Unavailable
from pilothouse.kit.settings import Settings
from pilothouse.storage import open_store
from pilothouse.storage.migrate import migrate
from pilothouse.training import TrainingSpec
from pilothouse.workspace import Workspace

PACKAGES = ("ray==2.60.0",)
NODE = Path(__file__).parents[1] / "harness" / "ray_cluster.py"
FUNCTIONS = "harness.dask_functions"
TRAIN = "pilothouse.training.job_functions:train_one"
WHOLE = (0.0, 1.0)


def main(folder: Path) -> int:
    """Prove it; the number of what differs, 0 unless something raises."""
    python = environment(folder, PACKAGES)
    [packages] = (python.parent.parent / "lib").glob("python*/site-packages")
    sys.path.append(str(packages))
    os.environ |= {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": secrets.token_hex(32)}
    with tempfile.TemporaryDirectory(prefix="ray-") as scratch, node() as address:
        store = open_store(Settings(workspace=Path(scratch) / "workspace", actor="ada"))
        migrate(store)
        workspace = Workspace(store)
        cluster = RayCluster(address)
        errors(cluster, workspace)
        trainings(cluster, workspace)
        closing(cluster, workspace)
        os.environ["PYTHONPATH"] = search_path()
        prove_spread(workspace, "ray", "ray_address", address)
        store.engine.dispose()
    return 0


def call(executor: Executor, workspace: Workspace, name: str, **args: Any) -> Any:
    """Run a function of the tests."""
    return executor.compute(workspace.store, "a-job", f"{FUNCTIONS}:{name}", WHOLE, args)


def errors(cluster: RayCluster, workspace: Workspace) -> None:
    """Errors come through with all that they carry; a process that dies is said to be lost."""
    result = call(cluster, workspace, "process_id", seconds=0)
    assert result["pid"] != os.getpid()
    assert result["actor"] == "ada"
    with pytest.raises(Invalid) as refused:
        call(cluster, workspace, "refuse")
    assert (refused.value.hint, refused.value.fields) == ("Add it.", {"column": "needed"})
    assert refused.value.remedy == {"kind": "wait"}
    with pytest.raises(Unavailable) as lost:
        call(cluster, workspace, "die")
    say(f"errors come through; {lost.value.message}")


def trainings(cluster: RayCluster, workspace: Workspace) -> None:
    """A cross-validated training and a search, equal to the last digit."""
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"x": rng.normal(size=400), "area": rng.choice(["n", "s"], 400)})
    frame["price"] = frame["x"] + rng.normal(0, 1, 400)
    workspace.data.register("flats", frame)
    spec = TrainingSpec("flats@1", "price", trainer="ridge", folds=3, evaluation="held_out")
    local = ChildProcesses(1)
    seconds = []
    try:
        results = []
        for executor, job in ((local, "a" * 32), (cluster, "b" * 32)):
            began = time.perf_counter()
            args = {"spec": spec.to_json(), "job_id": job}
            results.append(executor.compute(workspace.store, job, TRAIN, WHOLE, args))
            seconds.append(time.perf_counter() - began)
    finally:
        local.close()
    own, remote = results
    for result in results:
        assert result["metrics"].pop("fit_seconds") > 0
    assert remote["metrics"] == own["metrics"], (own, remote)
    assert remote["value"] == own["value"], (own, remote)
    here, there = seconds
    say(f"a training of 3 folds has equal metrics; {here:.1f} s here, {there:.1f} s there")


def closing(cluster: RayCluster, workspace: Workspace) -> None:
    """What runs is ended when the worker closes."""
    raised: list[BaseException] = []

    def wait() -> None:
        try:
            call(cluster, workspace, "report_on", label="closed")
        except BaseException as ended:
            raised.append(ended)

    thread = threading.Thread(target=wait)
    thread.start()
    limit = time.monotonic() + 60
    while not (workspace.store.folder / "closed-began").exists():
        assert time.monotonic() < limit, "it never began"
        time.sleep(0.05)
    began = time.perf_counter()
    cluster.close()
    thread.join(30)
    assert not thread.is_alive(), "it waits on"
    assert isinstance(raised[0], Interrupted), raised
    say(f"closing ended what ran in {time.perf_counter() - began:.1f} s")


@contextmanager
def node() -> Iterator[str]:
    """The address of a Ray node of two CPUs, which ends with this."""
    paths = os.pathsep.join(path for path in sys.path if path)
    with subprocess.Popen(
        [sys.executable, str(NODE)],
        env=os.environ | {"PYTHONPATH": paths, "RAY_USAGE_STATS_ENABLED": "0"},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            yield process.stdout.readline().strip()
        finally:
            process.stdin.close()


def say(text: str) -> None:
    """Print a line at once."""
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    proofs = Path(sys.argv[1] if len(sys.argv) > 1 else os.environ["PROOFS"]).resolve()
    proofs.mkdir(parents=True, exist_ok=True)
    sys.exit(main(proofs))
