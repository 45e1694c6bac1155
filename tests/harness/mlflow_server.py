"""For tests and benchmarks beside MLflow: its own server, as its users start it, and quiet."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

from harness.programs import free_port
from harness.serving import ServerProcess
from pilothouse.kit.settings import Settings
from pilothouse.workspace import Workspace, open_workspace

KEPT = ("PATH", "LANG", "LC_ALL", "TZ", "TMPDIR")
QUIET = {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "DO_NOT_TRACK": "1",
    "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
    "GIT_PYTHON_REFRESH": "quiet",
}
STARTS_WITHIN_S, ENDS_WITHIN_S = 240.0, 280.0


@contextlib.contextmanager
def side_by_side(folder: Path) -> Iterator[tuple[Workspace, str, str]]:
    """A server of ours and one of MLflow's, both new: our workspace, our address and theirs."""
    workspace = open_workspace(settings=Settings(workspace=folder / "ours", actor="ada"))
    with (
        ReferenceServer(folder / "theirs") as reference,
        ServerProcess(workspace.store) as local,
    ):
        yield workspace, local.url, reference.url
    workspace.store.engine.dispose()


def run_client(
    script: Path, *arguments: str, folder: Path, python: str = sys.executable, **variables: str
) -> str:
    """Run a script of an MLflow client in a folder, with only these variables; what it prints."""
    environment = {"PATH": os.environ["PATH"], "HOME": str(folder), "NO_PROXY": "127.0.0.1"}
    result = subprocess.run(
        [python, "-W", "ignore", str(script), *arguments],
        cwd=folder,
        env=environment | QUIET | variables,
        capture_output=True,
        text=True,
        timeout=ENDS_WITHIN_S,
        check=False,
    )
    assert result.returncode == 0, result.stderr[-4000:]
    return result.stdout


class ReferenceServer:
    """`mlflow server` with one worker on SQLite, in a folder of its own."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._process: subprocess.Popen[bytes] | None = None
        self.url = ""

    def __enter__(self) -> ReferenceServer:
        self._folder.mkdir(parents=True, exist_ok=True)
        port = free_port()
        self.url = f"http://127.0.0.1:{port}"
        command = [sys.executable, "-m", "mlflow", "server", "--workers", "1"]
        command += ["--backend-store-uri", f"sqlite:///{self._folder / 'mlflow.db'}"]
        command += ["--artifacts-destination", str(self._folder / "artifacts")]
        command += ["--host", "127.0.0.1", "--port", str(port)]
        environment = {name: os.environ[name] for name in KEPT if name in os.environ}
        environment |= QUIET | {"HOME": str(self._folder)}
        with (self._folder / "server.log").open("ab") as out:
            self._process = subprocess.Popen(
                command,
                stdout=out,
                stderr=out,
                env=environment,
                cwd=self._folder,
                start_new_session=True,
            )
        self._wait(time.monotonic() + STARTS_WITHIN_S)
        return self

    def __exit__(self, *_: object) -> None:
        assert self._process is not None
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()

    @property
    def pid(self) -> int:
        """The id of its first process; the others are below it."""
        assert self._process is not None
        return self._process.pid

    def _wait(self, end: float) -> None:
        assert self._process is not None
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        while time.monotonic() < end and self._process.poll() is None:
            with (
                contextlib.suppress(OSError),
                opener.open(f"{self.url}/health", timeout=2) as answer,
            ):
                if answer.status == 200:
                    return
            time.sleep(0.05)
        log_text = (self._folder / "server.log").read_text(errors="replace")
        self.__exit__()
        raise AssertionError(f"MLflow's server did not start. {log_text[-2000:]}")
