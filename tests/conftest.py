"""A real workspace in a temporary folder with a clock that tests move; and a running demo."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from xdist.scheduler import LoadFileScheduling

from harness import compiled_statements
from harness.demo_workspace import Instance, copied_demo, running_demo
from pilothouse.kit import garbage
from pilothouse.kit.clock import FixedClock
from pilothouse.kit.settings import Settings
from pilothouse.registry import built_in_policy
from pilothouse.registry.default_gates import BASIC
from pilothouse.storage import Store
from pilothouse.workspace import Workspace, open_workspace

# What the recommended gates need is measured in tests of its own: others promote without.
built_in_policy.NEW = BASIC
compiled_statements.share()
# Commands and programs of the tests decide too, and the account that they run as never does.
os.environ.setdefault("PILOTHOUSE_ACTOR", "ada")

# Files that count as one, since every process would start what they share: by its name.
TOGETHER = {
    "a workspace without a demo": (
        "tests/journeys/test_every_task.py",
        "tests/journeys/test_own_data.py",
        "tests/journeys/test_table.py",
        "tests/journeys/test_work.py",
    ),
    "the voyage": (
        "tests/processes/test_voyage.py",
        "tests/journeys/test_loop.py",
        "tests/journeys/test_why.py",
        "tests/journeys/test_working_day.py",
    ),
    "stores that MLflow wrote": ("tests/interop/importing/",),
}
# What takes about a minute and has few tests: begun last, it would leave the other cores idle.
# The first one runs the demo, and the voyage takes a copy of it: it begins when there is one.
LONG = (
    "tests/journeys/test_screens.py",
    "a workspace without a demo",
    "tests/processes/test_notifications.py",
    "tests/journeys/test_decision.py",
    "the voyage",
    "tests/interop/test_live_models.py",
    "tests/core/deployments/test_serving.py",
    "tests/core/deployments/test_controller.py",
    "tests/core/jobs/test_engine.py",
    "tests/core/pipelines/test_version_evaluation.py",
    "tests/interop/test_differential.py",
    "tests/core/pipelines/test_batch_prediction.py",
    "tests/core/pipelines/test_retraining_tasks.py",
)


class WholeFiles(LoadFileScheduling):  # type: ignore[misc]
    """Each process runs whole files, the long ones first; some files count as one."""

    def _split_scope(self, nodeid: str) -> str:
        for name, files in TOGETHER.items():
            if nodeid.startswith(files):
                return name
        return str(super()._split_scope(nodeid))

    def _assign_work_unit(self, node: Any) -> None:
        for name in LONG:
            if name in self.workqueue:
                self.workqueue.move_to_end(name, last=False)
                break
        super()._assign_work_unit(node)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> WholeFiles | None:
    """How `--dist loadfile` gives tests to its processes."""
    return WholeFiles(config, log) if config.getoption("dist") == "loadfile" else None


def pytest_collection_finish() -> None:
    """Modules and tests stay until the end: to look for garbage among them took a tenth of all."""
    garbage.freeze()


def pytest_runtest_setup(item: pytest.Item) -> None:
    """No proof begins after `PROOFS_UNTIL` (seconds since 1970), which `.ci/run` sets.

    Hypothesis reads what was imported since its last test: not while it times a test's draws.
    """
    until = float(os.environ.get("PROOFS_UNTIL", "inf"))
    if item.get_closest_marker("proof") is not None and time.time() > until:
        pytest.skip("the time of this run is used up: `make proof` runs it")
    if getattr(getattr(item, "function", None), "is_hypothesis_test", False):
        from hypothesis.internal.conjecture.providers import _get_local_constants

        _get_local_constants()


@pytest.fixture
def clock() -> FixedClock:
    return FixedClock(datetime(2026, 3, 1, 12, tzinfo=UTC))


@pytest.fixture(scope="session")
def empty_database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The database of a new workspace: to migrate one takes longer than most tests."""
    folder = tmp_path_factory.mktemp("empty") / "workspace"
    open_workspace(settings=Settings(workspace=folder)).store.engine.dispose()
    return folder / "pilothouse.db"


@pytest.fixture
def new_folder(tmp_path: Path, empty_database: Path) -> Path:
    """The folder of a new workspace, with its database."""
    folder = tmp_path / "workspace"
    if not folder.exists():  # another fixture may have filled it
        folder.mkdir(mode=0o700)
        shutil.copy(empty_database, folder)
    return folder


@pytest.fixture
def workspace(new_folder: Path, clock: FixedClock) -> Iterator[Workspace]:
    # Whether the repository of these tests has changes must not decide how they end.
    settings = Settings(workspace=new_folder, actor="ada", code_patch=False)
    opened = open_workspace(settings=settings, clock=clock)
    yield opened
    opened.store.engine.dispose()


@pytest.fixture
def answering(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every version answers its example: for tests of promotions whose models are mere bytes."""
    monkeypatch.setattr("pilothouse.deployments.controller.trial.try_version", lambda *_: "")


@pytest.fixture
def store(workspace: Workspace) -> Store:
    return workspace.store


@pytest.fixture(scope="session")
def voyage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Instance]:
    """An instance whose demo has ended, although its processes were killed on the way."""
    with running_demo(copied_demo(tmp_path_factory, "voyage")) as instance:
        yield instance
