"""Proof of what leaves as events: OpenLineage's and CloudEvents' own libraries take every one.

    python tests/proofs/lineage_events.py [FOLDER]

A workspace loads data, trains a model in a job, logs a run that fails, and registers a version;
its lineage and its activity go to files, which the libraries read in an environment of their own.
"""

from __future__ import annotations

import os
import random
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pandas as pd
from prove import environment, plain_variables

from harness.engine_worker import engine_worker
from pilothouse.interop.events.bridge import ConnectionThread
from pilothouse.interop.events.connections import ConnectionSpec
from pilothouse.interop.tables import EventConnection
from pilothouse.jobs.tables import ENDED
from pilothouse.kit.settings import Settings
from pilothouse.training import TrainingSpec
from pilothouse.workspace import Workspace, open_workspace

PACKAGES = ("openlineage-python==1.54.0", "cloudevents==2.2.0")
READ = Path(__file__).with_name("read_events.py")
SECONDS = 240.0


def main(folder: Path) -> int:
    """Prove it."""
    python = environment(folder, PACKAGES)
    with tempfile.TemporaryDirectory(prefix="lineage-") as scratch:
        settings = Settings(workspace=Path(scratch) / "workspace", actor="ada")
        workspace = open_workspace(settings=settings)
        work(workspace)
        files = [sent(workspace, flow) for flow in ("lineage", "activity")]
        done = subprocess.run(
            [str(python), str(READ), *map(str, files)],
            env=plain_variables(),
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr[-3000:]
        lineage, activity = map(int, done.stdout.split())
        assert lineage >= 4
        sys.stdout.write(f"{lineage} OpenLineage events, {activity} CloudEvents: read and equal\n")
        workspace.store.engine.dispose()
    return 0


def work(workspace: Workspace) -> None:
    """A training by a job, a version of it, and a run of a client that fails."""
    draw = random.Random(1)
    rows = [(draw.random(), draw.choice("xyz"), draw.choice("ab")) for _ in range(400)]
    version = workspace.data.register("rows", pd.DataFrame(rows, columns=["n", "kind", "target"]))
    job = workspace.training.submit(
        TrainingSpec(
            dataset=version.ref,
            target="target",
            trainer="logistic_regression",
            experiment="trained",
        )
    )
    with engine_worker(workspace.folder):
        late = time.monotonic() + SECONDS
        while workspace.jobs.job(job).status not in ENDED:
            assert time.monotonic() < late, workspace.jobs.job(job)
            time.sleep(0.5)
    assert workspace.jobs.job(job).status == "succeeded", workspace.jobs.job(job).error
    run = workspace.experiments.start("of a client")
    workspace.experiments.log_input(run, version.ref)
    workspace.experiments.finish(run, "failed", "it broke")
    time.sleep(2.1)  # until its end is taken for settled


def sent(workspace: Workspace, flow: str) -> Path:
    """The file that a flow was sent to."""
    options = {"start": "earliest"}
    if flow == "activity":
        options["format"] = "cloudevents"
    spec = ConnectionSpec(flow, flow, "file", "", {"name": flow}, options)
    info = workspace.events.add(spec)
    with workspace.store.read() as session:
        running = ConnectionThread(
            workspace.store, session.get_one(EventConnection, info.id)
        ).opened()
    while running.step():
        pass
    return workspace.folder / info.address


if __name__ == "__main__":
    proofs = Path(sys.argv[1] if len(sys.argv) > 1 else os.environ["PROOFS"]).resolve()
    proofs.mkdir(parents=True, exist_ok=True)
    sys.exit(main(proofs))
