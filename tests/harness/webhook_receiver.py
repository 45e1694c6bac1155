"""For tests of webhooks: a receiver on loopback that keeps what it is sent."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

Reply = Callable[["Received"], "tuple[int, dict[str, str], bytes]"]


@dataclass(frozen=True)
class Received:
    """One request as it came."""

    path: str
    headers: dict[str, str]
    body: bytes


class Receiver:
    """Where it answers and what came; `reply` says with what, 200 unless it is set."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.reply: Reply = lambda _: (200, {}, b"thanks")
        self._came: queue.Queue[Received] = queue.Queue()

    def next(self, seconds: float = 20.0) -> Received:
        """The next request that came or comes. Raises queue.Empty when none does."""
        return self._came.get(timeout=seconds)

    @property
    def waiting(self) -> int:
        """How many came that nobody has looked at."""
        return self._came.qsize()

    def keep(self, request: Received) -> tuple[int, dict[str, str], bytes]:
        """Keep a request and say what to answer."""
        self._came.put(request)
        return self.reply(request)


@contextmanager
def receiving() -> Iterator[Receiver]:
    """A receiver that answers as long as the block lasts."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            status, headers, content = receiver.keep(Received(self.path, dict(self.headers), body))
            self.send_response(status)
            for name, value in {"Content-Length": str(len(content)), **headers}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, format: str, *args: object) -> None:
            pass

    class Server(ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, request: object, client_address: object) -> None:
            """A caller that is gone is nobody's fault."""

    server = Server(("127.0.0.1", 0), Handler)
    receiver = Receiver(f"http://127.0.0.1:{server.server_port}/hook")
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield receiver
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
