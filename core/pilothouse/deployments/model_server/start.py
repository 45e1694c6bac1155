"""How a model process is started: the interpreter, its arguments and its environment variables."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path

from pilothouse.deployments.model_server.child_environment import environment, package_environment
from pilothouse.deployments.model_server.runner import SCRIPT, runner_folder
from pilothouse.deployments.model_server.server import Launch

MODULE = "pilothouse.deployments.model_server.server"


@dataclass(frozen=True)
class StartCommand:
    """A command line, and all environment variables of the process."""

    arguments: list[str]
    variables: dict[str, str]


def start_command(launch: Launch, launch_file: Path, *options: str) -> StartCommand:
    """Write the launch file, and return the command that starts its process.

    A model with a package gets a home folder beside the launch file, which whoever removes the
    launch file removes too (`home_folder`). One with an interpreter of its own runs copies of the
    few modules that it needs, from a folder beside the launch file. Raises OSError.
    """
    launch.write(launch_file)
    rest = [str(launch_file), *options]
    if launch.package is None:
        return StartCommand([sys.executable, "-P", "-m", MODULE, *rest], environment())

    home = home_folder(launch_file)
    home.mkdir(exist_ok=True)
    if not launch.python:
        return StartCommand([sys.executable, "-P", "-m", MODULE, *rest], package_environment(home))
    runner = runner_folder(launch_file.parent / "runner")
    # Python 3.10 has no -P; a script's own folder is on the path, and that is the runner's.
    return StartCommand(
        [launch.python, str(runner / SCRIPT), *rest], package_environment(home, runner)
    )


def home_folder(launch_file: Path) -> Path:
    """Where the libraries of a model from elsewhere may write."""
    return launch_file.with_suffix(".home")


def is_model_process(command: list[str]) -> bool:
    """Whether a command line is that of a model process."""
    return MODULE in command or any(Path(part).name == SCRIPT for part in command[1:2])
