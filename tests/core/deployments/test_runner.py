"""Model processes in another environment: a few copied modules and orjson are all they need."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
import venv
from pathlib import Path

import numpy as np
import pytest

from harness.model_files import launch_of, model_process
from pilothouse.deployments.controller.trial import inspect_launch, try_launch
from pilothouse.deployments.model_server.child_environment import package_environment
from pilothouse.deployments.model_server.runner import runner_folder
from pilothouse.models.formats import formats
from pilothouse.models.signature import Signature, SignatureField
from pilothouse.models.tasks import tasks

# orjson stands for itself: it is the one distribution that a process needs.
BARE = """
import sys, types
sys.modules["orjson"] = types.ModuleType("orjson")
import pilothouse.deployments.model_server.server
from pilothouse.models.formats import formats
from pilothouse.models.tasks import tasks
assert pilothouse.__file__.startswith(sys.argv[1]), pilothouse.__file__
libraries = {"numpy", "pandas", "sklearn", "yaml", "pydantic", "sqlmodel"}
assert not libraries & set(sys.modules)
print(",".join(formats.names()), ",".join(tasks.names()))
"""
VERSIONS = ("3.10", "3.11", "3.12", "3.13", "3.14")
SIGNATURE = Signature(
    (SignatureField("x", "number"), SignatureField("y", "number")),
    "target",
    task="regression",
    gives="value",
)


def interpreter(version: str) -> str:
    """An interpreter of that version on this machine; "" without one."""
    if version == f"{sys.version_info[0]}.{sys.version_info[1]}":
        return sys.executable
    pyenv = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv") / "versions"
    found = next(pyenv.glob(f"{version}.*/bin/python{version}"), None)
    return str(found or shutil.which(f"python{version}") or "")


@pytest.mark.parametrize("version", VERSIONS)
def test_the_runner_needs_the_standard_library_and_orjson(version: str, tmp_path: Path) -> None:
    python = interpreter(version)
    if not python:
        pytest.skip(f"there is no Python {version} here")
    runner = runner_folder(tmp_path)
    result = subprocess.run(
        [python, "-S", "-c", BARE, str(runner)],
        env={"PYTHONPATH": str(runner), "PATH": os.environ["PATH"]},
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stderr
    assert result.stdout.split() == [",".join(formats.names()), ",".join(tasks.names())]


def test_a_runner_is_written_once(tmp_path: Path) -> None:
    first = runner_folder(tmp_path)
    assert runner_folder(tmp_path) == first
    assert list(tmp_path.iterdir()) == [first]


def test_a_process_of_another_environment_sees_no_secrets_and_no_packages_of_this_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "hush")
    monkeypatch.setenv("PYTHONPATH", "/somewhere")
    variables = package_environment(tmp_path / "home", tmp_path / "runner")
    assert "hush" not in variables.values()
    assert variables["PYTHONPATH"] == str(tmp_path / "runner")
    assert variables["HOME"] == str(tmp_path / "home")
    assert variables["OMP_NUM_THREADS"] == "1"


def test_a_model_answers_in_the_environment_of_its_own(tmp_path: Path) -> None:
    import lightgbm

    rows = np.random.default_rng(2).normal(size=(100, 2))
    folder = tmp_path / "model"
    folder.mkdir()
    data = lightgbm.Dataset(rows, rows[:, 0])
    booster = lightgbm.train({"objective": "regression", "verbose": -1}, data, 5)
    booster.save_model(folder / "model.lgb")

    # An environment with the libraries of this one: to install them again would take a minute.
    venv.create(tmp_path / "env", symlinks=True)
    python = tmp_path / "env" / "bin" / "python"
    [packages] = (tmp_path / "env" / "lib").glob("python*/site-packages")
    libraries = {sysconfig.get_path("purelib"), str(Path(lightgbm.__file__).parents[1])}
    (packages / "libraries.pth").write_text("\n".join(sorted(libraries)))

    example = [{"x": 0.5, "y": 1.0}]
    launch = launch_of(folder, SIGNATURE, python=str(python), example=example)
    assert try_launch(launch) == ""
    assert inspect_launch(launch)["task"] == "regression"
    with model_process(tmp_path, launch) as process:
        answers = process.predict(rows[:5].T.tolist())
    assert np.allclose(np.array(answers)[:, 0], booster.predict(rows[:5]))
    assert any((tmp_path / "runner").iterdir())
