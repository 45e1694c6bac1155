"""The head of a response goes out with its body, and nothing waits beyond a turn of the loop."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from pilothouse.http.connections import MAX_HELD_BYTES, JoinedWrites


class Recorded:
    """A transport that records what it is asked to do."""

    def __init__(self) -> None:
        self.calls: list[Any] = []

    def write(self, data: bytes) -> None:
        """Record a write."""
        self.calls.append(data)

    def write_eof(self) -> None:
        """Record the end of the writing side."""
        self.calls.append("eof")

    def close(self) -> None:
        """Record the end."""
        self.calls.append("close")

    def is_closing(self) -> bool:
        """Whether its end was asked for."""
        return "close" in self.calls


def calls_of(use: Callable[[JoinedWrites], None]) -> tuple[list[Any], list[Any]]:
    """What the transport was asked at once, and by the end of the loop's turn."""

    async def run() -> tuple[list[Any], list[Any]]:
        transport: Any = Recorded()
        use(JoinedWrites(transport, asyncio.get_running_loop()))
        at_once = list(transport.calls)
        await asyncio.sleep(0)
        return at_once, transport.calls

    return asyncio.run(run())


def test_a_head_is_written_with_its_body_at_once() -> None:
    def respond(writes: JoinedWrites) -> None:
        for _ in range(2):
            writes.write(b"head")
            writes.write(b"body")

    assert calls_of(respond) == ([b"headbody", b"headbody"], [b"headbody", b"headbody"])


def test_a_head_without_a_body_is_written_in_the_same_turn() -> None:
    assert calls_of(lambda writes: writes.write(b"head")) == ([], [b"head"])


def test_a_large_body_is_not_copied() -> None:
    body = bytes(MAX_HELD_BYTES + 1)

    def respond(writes: JoinedWrites) -> None:
        writes.write(b"head")
        writes.write(body)
        writes.write(body)

    at_once, _ = calls_of(respond)
    assert at_once[0] == b"head"
    assert [part is body for part in at_once[1:]] == [True, True]


def test_what_is_held_is_written_before_the_end() -> None:
    def end(writes: JoinedWrites) -> None:
        writes.write(b"refused")
        writes.write_eof()
        writes.write(b"head")
        writes.close()

    expected = [b"refused", "eof", b"head", "close"]
    assert calls_of(end) == (expected, expected)


def test_what_is_held_for_a_client_that_has_gone_is_dropped() -> None:
    def lose(writes: JoinedWrites) -> None:
        writes.write(b"head")
        writes._transport.close()

    assert calls_of(lose) == (["close"], ["close"])
