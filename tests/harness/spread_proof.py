"""What proofs of backends compare: the same trainings, searches and predictions, here and there."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from harness.dask_functions import end_process, letter
from pilothouse.deployments import scoring
from pilothouse.deployments.block_scoring import score_blocks
from pilothouse.jobs import Progress
from pilothouse.jobs.backends import part_runner, spread_over
from pilothouse.kit.errors import Cancelled, Invalid, Unavailable
from pilothouse.training import TrainingSpec
from pilothouse.workspace import Workspace

SPECS = (
    ("price", "ridge", {"evaluation": "held_out", "trials": 12}),
    ("sold", "logistic_regression", {"evaluation": "folds"}),
)
FILES = ("folds.json", "importance.json", "measured.json", "rows.json")


def prove_spread(workspace: Workspace, backend: str, setting: str, address: str) -> None:
    """Prove one backend at an address; raises when anything differs."""
    settings = workspace.store.settings.model_copy(update={setting: address})
    far = Workspace(replace(workspace.store, settings=settings))
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"x": rng.normal(size=600), "area": rng.choice(["n", "s"], 600)})
    frame["price"] = frame["x"] + rng.normal(0, 1, 600)
    frame["sold"] = np.where(frame["price"] > 0.5, "yes", "no")
    far.data.register("homes", frame)
    for target, trainer, choices in SPECS:
        spec = TrainingSpec("homes@1", target, ("x", "area"), trainer=trainer, folds=3, **choices)
        here, seconds = timed(lambda spec=spec: outcome(far, far.training.train_now(spec)))
        there, far_seconds = timed(
            lambda spec=spec: outcome(far, far.training.train_now(spec, spread=backend))
        )
        assert here == there, (here, there)
        say(f"{trainer}, {choices}: equal; {seconds:.1f} s here, {far_seconds:.1f} s there")
    blocks(far, backend)
    parts(far, backend)


def outcome(workspace: Workspace, run: str) -> tuple[object, ...]:
    """All that a training measured and chose, to the last digit, but the time that it took."""
    info = workspace.experiments.run(run)
    values = {key: metric.last for key, metric in info.metrics.items() if key != "fit_seconds"}
    return values, info.params, [workspace.experiments.artifact(run, file) for file in FILES]


def blocks(far: Workspace, backend: str) -> None:
    """Blocks of rows are answered in order, as in one model process."""
    spec = TrainingSpec("homes@1", "sold", ("x", "area"), trainer="logistic_regression", folds=2)
    version = far.registry.register("homes", far.training.train_now(spec))
    rng = np.random.default_rng(1)
    frame = pd.DataFrame({"x": rng.normal(size=4_200), "area": rng.choice(["n", "s"], 4_200)})
    progress = Progress(far.store, None)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(scoring, "BATCH_ROWS", 200)
        here = score_blocks(far.store, version, frame, progress)
        there, seconds = timed(
            lambda: score_blocks(spread_over(far.store, backend), version, frame, progress)
        )
    assert here == there
    say(f"{len(there.rows):,} rows in 5 blocks: equal, in {seconds:.1f} s")


def parts(far: Workspace, backend: str) -> None:
    """Order, errors, cancel, and a process that is lost."""
    folder = Path(far.folder) / "parts"
    folder.mkdir()
    with part_runner(spread_over(far.store, backend).settings) as runner:
        data = [*"abcdefgh"]
        assert "".join(runner.map(letter, data, ((n, 0.0) for n in range(8)))) == "abcdefgh"
        with pytest.raises(Invalid, match="no letter 9"):
            list(runner.map(letter, data, [(9, 0.0)]))
        slow = runner.map(letter, data, ((n, 2.0, str(folder)) for n in range(8)), cancelled)
        began = time.perf_counter()
        with pytest.raises(Cancelled):
            next(slow)
        seconds = time.perf_counter() - began
        time.sleep(5)
        left = len(list(folder.iterdir()))
        assert left < 8, "cancelling gave nothing up"
        say(f"cancelled in {seconds:.1f} s; {left} of 8 parts had run")
        with pytest.raises(Unavailable, match="were lost") as lost:
            list(runner.map(end_process, None, [()]))
        say(str(lost.value))


def cancelled() -> None:
    """A job that somebody cancels at once."""
    raise Cancelled("the job was cancelled.")


def timed(act: Callable[[], Any]) -> tuple[Any, float]:
    """A result, and the seconds that it took."""
    began = time.perf_counter()
    return act(), time.perf_counter() - began


def say(text: str) -> None:
    """Print a line at once."""
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def search_path() -> str:
    """The packages of this process, for the interpreters of a cluster."""
    return os.pathsep.join(path for path in sys.path if path)
