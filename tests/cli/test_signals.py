"""A program that is told to end while it starts has nothing to close, and says nothing about it."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

IMPORTING_S = 0.4


@pytest.mark.parametrize("arguments", [("up", "--no-browser"), ("demo", "flights")])
def test_told_to_end_while_starting(folder: Path, arguments: tuple[str, ...]) -> None:
    command = [sys.executable, "-m", "pilothouse.cli", *arguments, "--workspace", str(folder)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        time.sleep(IMPORTING_S)
        started = psutil.Process(process.pid).children(recursive=True)
        process.send_signal(signal.SIGTERM)
        _, err = process.communicate(timeout=60)
    assert b"Traceback" not in err
    assert process.returncode in (-signal.SIGTERM, 0, 130)
    assert [child for child in started if child.is_running()] == []
