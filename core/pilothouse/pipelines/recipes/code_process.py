"""The process that a recipe's code runs in: its variables, its output, and how it ends."""

from __future__ import annotations

import contextvars
import logging
import os
import re
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from pilothouse.pipelines.recipes import process_group

PASSED = (
    *("HOME", "USER", "LOGNAME", "LANG", "LC_ALL", "TZ", "TMPDIR", "SSL_CERT_FILE", "SSL_CERT_DIR"),
    *("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY"),
    *("http_proxy", "https_proxy", "all_proxy", "no_proxy"),
)
POLL_SECONDS = 0.1
LAST_LINES, MAX_LINE, MAX_LOG = 15, 2_000, 10_000_000
END_SECONDS = process_group.GRACE_SECONDS + 10
PERCENT = re.compile(r"\b(100|\d{1,2})(?:\.\d+)?\s?%")
log = logging.getLogger(__name__)


@dataclass
class CodeOutput:
    """What the code has written: its last lines, and the share of its work that it names."""

    lines: deque[str] = field(default_factory=lambda: deque(maxlen=LAST_LINES))
    share: float = 0.0
    logged: int = 0

    @property
    def last_line(self) -> str:
        """The newest line with something in it."""
        return next((line for line in reversed(self.lines) if line.strip()), "")

    def add(self, line: str) -> None:
        """Take a line into the log of the job, up to 10 MB of them."""
        text = line.rstrip()[:MAX_LINE]
        if not text:
            return
        self.lines.append(text)
        if match := PERCENT.search(text):
            self.share = float(match[1]) / 100
        if self.logged <= MAX_LOG:
            log.info("%s", text)
            self.logged += len(text)
            if self.logged > MAX_LOG:
                log.warning("the code has written more than %d MB; the rest is left out",
                            MAX_LOG // 1_000_000)  # fmt: skip


def run_command(
    command: str,
    folder: Path,
    variables: Mapping[str, str],
    tick: Callable[[CodeOutput], None],
) -> tuple[int, CodeOutput]:
    """Run a shell command in a folder; its exit code and its output.

    `tick` is called while it runs and may raise to stop it. Whatever ends this function or this
    process ends every process that the command started.
    """
    process = subprocess.Popen(
        [sys.executable, "-I", process_group.__file__, str(folder), command],
        env=dict(variables),
        stdin=subprocess.PIPE,  # when it closes, the group ends
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )
    output = CodeOutput()
    # The log of a job is chosen by a context variable, which a new thread has not.
    context = contextvars.copy_context()
    reader = threading.Thread(target=context.run, args=(_read, process, output), daemon=True)
    reader.start()
    try:
        while process.poll() is None:
            tick(output)
            time.sleep(POLL_SECONDS)
    finally:
        _end(process)
        reader.join(timeout=10)
    return process.returncode, output


def _read(process: subprocess.Popen[bytes], output: CodeOutput) -> None:
    """Read line by line; a bar that is drawn over itself ends its lines with a carriage return."""
    if process.stdout is None:
        return
    rest = b""
    with process.stdout as stream:
        while block := os.read(stream.fileno(), 65_536):
            *lines, rest = re.split(rb"\r\n|\n|\r", rest + block)
            for line in lines:
                output.add(line.decode(errors="replace"))
            if len(rest) > 64 * MAX_LINE:  # a line without an end
                rest = rest[:MAX_LINE]
    output.add(rest.decode(errors="replace"))


def _end(process: subprocess.Popen[bytes]) -> None:
    """Close the input, which ends the group, and wait for that."""
    if process.stdin is not None:
        with suppress(OSError):
            process.stdin.close()
    try:
        process.wait(END_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def code_variables(program: Path, scripts: Path) -> dict[str, str]:
    """The variables of the code: none of this process's secrets, and its Python first on PATH.

    `scripts` is an empty folder; it gets a `python` and a `python3`, which an interpreter of this
    machine need not have beside it.
    """
    scripts.mkdir(parents=True)
    for name in ("python", "python3"):
        file = scripts / name
        file.write_text(f'#!/bin/sh\nexec "{program}" "$@"\n', encoding="utf-8")
        file.chmod(0o755)
    own = {name: os.environ[name] for name in PASSED if name in os.environ}
    path = os.pathsep.join([str(scripts), str(program.parent), os.environ.get("PATH", os.defpath)])
    return own | {"PATH": path, "PYTHONUNBUFFERED": "1"}
