"""Callers that never pause, in a process of their own: what became of each of their requests.

python tests/harness/steady_load.py PORT CONNECTIONS FILE     the file holds a whole request

It asks until its input is closed, and says how far it is five times a second.
"""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import threading
import time
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

SECONDS = 60.0


@dataclass
class LoadReport:
    """Statuses and versions of the answers, requests that lost their connection, and attempts to
    connect that were refused. `longest_gap` is the longest time without an answer of 200."""

    statuses: Counter[str] = field(default_factory=Counter)
    versions: Counter[str] = field(default_factory=Counter)
    broken: int = 0
    refused: int = 0
    longest_gap: float = 0.0

    @property
    def answered(self) -> int:
        """How many answers were received."""
        return sum(self.statuses.values())

    @classmethod
    def read(cls, line: str) -> LoadReport:
        """The report of one line."""
        content = json.loads(line)
        counters = {name: Counter(content.pop(name)) for name in ("statuses", "versions")}
        return cls(**counters, **content)


class SteadyLoad:
    """Starts the callers for a block; `report` is what has become of their requests so far."""

    def __init__(self, port: int, request: bytes, folder: Path, connections: int = 4) -> None:
        self._request = folder / f"request-{time.monotonic_ns()}.http"
        self._request.write_bytes(request)
        self._command = [sys.executable, __file__, str(port), str(connections), str(self._request)]
        self.report = LoadReport()

    def __enter__(self) -> SteadyLoad:
        pipe = subprocess.PIPE
        self._process = subprocess.Popen(self._command, stdin=pipe, stdout=pipe, text=True)
        self._reader = threading.Thread(target=self._read)
        self._reader.start()
        return self

    def __exit__(self, *_: object) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._reader.join(SECONDS)
        self._process.wait(SECONDS)
        assert self._process.stdout is not None
        self._process.stdout.close()

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            self.report = LoadReport.read(line)

    def until(self, answers: int, seconds: float = 900.0) -> None:
        """Wait until so many answers have come since the start."""
        end = time.monotonic() + seconds
        while self.report.answered < answers:
            assert time.monotonic() < end, f"{self.report} after {seconds:.0f} s"
            time.sleep(0.05)

    def more(self, answers: int, seconds: float = 900.0) -> None:
        """Wait for so many more answers."""
        self.until(self.report.answered + answers, seconds)

    def until_version(self, version: int, seconds: float = 120.0) -> None:
        """Wait until a version answers from now on."""
        before, end = self.report.versions[str(version)], time.monotonic() + seconds
        while self.report.versions[str(version)] <= before:
            assert time.monotonic() < end, f"{self.report} after {seconds:.0f} s"
            time.sleep(0.02)


class _Callers:
    """The connections of this process."""

    def __init__(self, port: int, request: bytes) -> None:
        self._port, self._text = port, request
        self._lock = threading.Lock()
        self._last = time.monotonic()
        self.report = LoadReport()
        self.stop = threading.Event()

    def call(self) -> None:
        """Ask until it is told to stop; a connection that breaks is opened again."""
        while not self.stop.is_set():
            try:
                line = socket.create_connection(("127.0.0.1", self._port), SECONDS)
            except OSError:
                self.report.refused += 1
                time.sleep(0.02)
                continue
            with suppress(OSError), line:
                line.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                self._ask(line)

    def _ask(self, line: socket.socket) -> None:
        while not self.stop.is_set():
            try:
                line.sendall(self._text)
                head = _head(line)
            except OSError:
                head = b""
            if not head:
                with self._lock:
                    self.report.broken += 1
                return
            self._note(head)

    def _note(self, head: bytes) -> None:
        status = head[9:12].decode()
        version = next(
            (part[17:].decode() for part in head.split(b"\r\n") if part.startswith(VERSION)), ""
        )
        with self._lock:
            self.report.statuses[status] += 1
            if status == "200":
                now = time.monotonic()
                self.report.versions[version] += 1
                self.report.longest_gap = max(self.report.longest_gap, now - self._last)
                self._last = now


VERSION, LENGTH = b"x-model-version: ", b"content-length: "


def _head(line: socket.socket) -> bytes:
    """The head of a whole answer; empty when the connection ends before it is whole."""
    data = b""
    while b"\r\n\r\n" not in data:
        part = line.recv(1 << 16)
        if not part:
            return b""
        data += part
    head, _, body = data.partition(b"\r\n\r\n")
    parts = head.lower().split(b"\r\n")
    length = next((int(part[16:]) for part in parts if part.startswith(LENGTH)), 0)
    while len(body) < length:
        part = line.recv(1 << 16)
        if not part:
            return b""
        body += part
    return b"\r\n".join([parts[0], *parts[1:]])


def main(port: str, connections: str, file: str) -> None:
    """Ask and report until the input ends."""
    callers = _Callers(int(port), Path(file).read_bytes())
    threads = [threading.Thread(target=callers.call) for _ in range(int(connections))]
    for thread in threads:
        thread.start()
    reader = threading.Thread(target=sys.stdin.read)
    reader.start()
    while reader.is_alive():
        reader.join(0.2)
        sys.stdout.write(json.dumps(vars(callers.report)) + "\n")
        sys.stdout.flush()
    callers.stop.set()
    for thread in threads:
        thread.join(SECONDS)
    sys.stdout.write(json.dumps(vars(callers.report)) + "\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
