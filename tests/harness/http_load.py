"""A closed-loop client in a process of its own: every connection asks again once it is answered.

python tests/harness/http_load.py PORT CONNECTIONS SECONDS FILE    the file holds a whole request
"""

from __future__ import annotations

import json
import selectors
import socket
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Load:
    """Answers a second, and percentiles of how long they took in milliseconds."""

    rate: float
    requests: int
    p50_ms: float
    p99_ms: float


def post_request(port: int, path: str, body: bytes) -> bytes:
    """A whole POST request of JSON."""
    head = (
        f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n"
        f"Content-Length: {len(body)}\r\nContent-Type: application/json\r\n\r\n"
    )
    return head.encode() + body


def load(port: int, connections: int, seconds: float, request: Path) -> Load:
    """Run the client, and return what it measured. Raises AssertionError for a refusal."""
    command = [sys.executable, __file__, str(port), str(connections), str(seconds), str(request)]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr[-2000:]
    return Load(**json.loads(result.stdout))


def _measured(port: int, connections: int, seconds: float, request: bytes) -> Load:
    lines = [_connected(port) for _ in range(connections)]
    selector = selectors.DefaultSelector()
    for number, line in enumerate(lines):
        selector.register(line, selectors.EVENT_READ, number)
    received = [b""] * connections
    took: list[float] = []
    began = time.perf_counter()
    sent = [began] * connections
    for line in lines:
        line.sendall(request)
    open_lines = connections
    while open_lines:
        for key, _ in selector.select(60.0):
            number = key.data
            received[number] += lines[number].recv(1 << 16)
            if not _is_whole(received[number]):
                continue
            now = time.perf_counter()
            took.append(now - sent[number])
            received[number] = b""
            if now - began < seconds:
                sent[number] = now
                lines[number].sendall(request)
            else:
                open_lines -= 1
    spent = time.perf_counter() - began
    took.sort()
    middle, last = took[len(took) // 2], took[int(len(took) * 0.99)]
    return Load(len(took) / spent, len(took), round(middle * 1e3, 3), round(last * 1e3, 3))


def _connected(port: int) -> socket.socket:
    line = socket.create_connection(("127.0.0.1", port), timeout=60)
    line.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return line


def _is_whole(data: bytes) -> bool:
    head, separator, body = data.partition(b"\r\n\r\n")
    if not separator:
        return False
    if b" 200 " not in head[:16]:
        raise SystemExit(data.decode(errors="replace"))
    lengths = [line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length")]
    return len(body) >= int(lengths[0].split(b":")[1])


def main() -> None:
    """Measure, and print the figures as JSON."""
    port, connections, seconds, file = sys.argv[1:]
    request = Path(file).read_bytes()
    result = _measured(int(port), int(connections), float(seconds), request)
    sys.stdout.write(json.dumps(vars(result)))


if __name__ == "__main__":
    main()
