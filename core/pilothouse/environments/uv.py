"""Running uv: with the workspace's cache, a deadline, and its messages in the job's log."""

from __future__ import annotations

import contextvars
import logging
import os
import shutil
import signal
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from pilothouse.environments.failure import EnvironmentFailure, classify
from pilothouse.environments.index_config import index_variables
from pilothouse.environments.redaction import redact, secrets_of
from pilothouse.kit.settings import Settings
from pilothouse.storage import Store

POLL_SECONDS = 0.1
MAX_OUTPUT = 200_000
NO_DATES = "missing an upload date"
PASSED = (
    *("PATH", "HOME", "USER", "LANG", "LC_ALL", "TMPDIR", "NETRC", "PYENV_ROOT"),
    *("SSL_CERT_FILE", "SSL_CERT_DIR", "XDG_CONFIG_HOME", "XDG_CONFIG_DIRS"),
    *("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY"),
    *("http_proxy", "https_proxy", "all_proxy", "no_proxy"),
)
Tick = Callable[[], None]
log = logging.getLogger(__name__)


@dataclass(frozen=True)
class UvOutput:
    """What uv wrote: its result, and its messages without addresses."""

    result: str
    messages: str


class Uv:
    """uv with the settings of a workspace. Raises EnvironmentFailure when it is not installed."""

    def __init__(self, store: Store, cache: Path) -> None:
        self._settings = store.settings
        self._binary = find_uv()
        self.variables = uv_environment(os.environ, cache, store.settings)
        self._secrets = secrets_of(self.variables.values())

    def run(
        self, arguments: Sequence[str], *, text: str = "", tick: Tick | None = None
    ) -> UvOutput:
        """Run uv with `text` as its input; `tick` is called while it runs and may raise to stop it.

        Raises EnvironmentFailure for every way in which uv fails, and after the deadline.
        """
        log.info("uv %s", redact(" ".join(arguments[:2]), self._secrets))
        with tempfile.TemporaryFile() as source, tempfile.TemporaryFile() as result:
            source.write(text.encode())
            source.seek(0)
            process = self._start(arguments, source, result)
            messages = _MessageReader(process, self._secrets)
            try:
                self._wait(process, tick)
            finally:
                _end(process)
                messages.join()
            if process.returncode != 0:
                raise classify(messages.text)
            result.seek(0)
            return UvOutput(result.read().decode(errors="replace"), messages.text)

    def _start(
        self, arguments: Sequence[str], source: IO[bytes], result: IO[bytes]
    ) -> subprocess.Popen[bytes]:
        # In the root, where no project has a configuration that would count. In a session of its
        # own, so that what it starts ends with it.
        return subprocess.Popen(
            [str(self._binary), *arguments],
            cwd=Path.cwd().anchor,
            env=self.variables,
            stdin=source,
            stdout=result,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )

    def _wait(self, process: subprocess.Popen[bytes], tick: Tick | None) -> None:
        seconds = self._settings.environment_timeout_s
        deadline = time.monotonic() + seconds
        while process.poll() is None:
            if time.monotonic() > deadline:
                message = f"uv did not end within {seconds:,} seconds."
                raise EnvironmentFailure(message, kind="timeout")
            if tick is not None:
                tick()
            time.sleep(POLL_SECONDS)


class _MessageReader:
    """Reads what uv writes to stderr, line by line, into the log of the job and into `text`."""

    def __init__(self, process: subprocess.Popen[bytes], secrets: set[str]) -> None:
        self.text = ""
        self._process = process
        self._secrets = secrets
        # The log of a job is chosen by a context variable, which a new thread has not.
        context = contextvars.copy_context()
        self._thread = threading.Thread(target=context.run, args=(self._read,), daemon=True)
        self._thread.start()

    def _read(self) -> None:
        if self._process.stderr is None:
            return
        with self._process.stderr as lines:
            for line in lines:
                text = redact(line.decode(errors="replace").rstrip(), self._secrets)
                if NO_DATES not in text or NO_DATES not in self.text:  # it is written for each file
                    log.info("%s", text)
                if len(self.text) < MAX_OUTPUT:
                    self.text += f"{text}\n"

    def join(self) -> None:
        self._thread.join(timeout=10)


def _end(process: subprocess.Popen[bytes]) -> None:
    """Kill uv and what it started, when it still runs."""
    if process.poll() is None:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def find_uv() -> Path:
    """The program of the installed package, or one on the PATH."""
    try:
        import uv

        return Path(uv.find_uv_bin())
    except (ImportError, FileNotFoundError):
        path = shutil.which("uv")
    if path is None:
        raise EnvironmentFailure("the program uv is not installed.", kind="no_uv")
    return Path(path)


def uv_environment(
    environment: Mapping[str, str], cache: Path, settings: Settings
) -> dict[str, str]:
    """The variables of a uv process: those of uv, of the network, and the package index."""
    own = {
        name: value
        for name, value in environment.items()
        if name in PASSED or name.startswith(("UV_", "SSL_"))
    }
    index = {} if settings.environment_wheels else index_variables(environment)
    variables = index | own
    variables.setdefault("UV_CACHE_DIR", str(cache))
    variables.setdefault("UV_LINK_MODE", "hardlink")
    if settings.environment_offline:
        variables["UV_OFFLINE"] = "1"
    # No interpreter is downloaded, nothing is compiled, and no bar is drawn into a log.
    fixed = {"UV_PYTHON_DOWNLOADS": "never", "UV_NO_PROGRESS": "1", "UV_COMPILE_BYTECODE": "0"}
    return variables | fixed | {"NO_COLOR": "1"}
