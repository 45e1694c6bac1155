"""Frames: whatever pieces a socket hands over, what was sent comes out, in order."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pilothouse.deployments.model_server.framing import (
    HEAD,
    MAX_FRAME,
    BrokenFrame,
    FrameClient,
    FrameDecoder,
    FrameServer,
    Reply,
    encode_frame,
    request,
)

messages = st.lists(st.tuples(st.integers(0, 2**32 - 1), st.binary(max_size=300)), max_size=8)


@given(messages, st.lists(st.integers(1, 50), min_size=1, max_size=20))
def test_every_frame_survives_any_cutting(sent: list[tuple[int, bytes]], cuts: list[int]) -> None:
    wire = b"".join(encode_frame(number, payload) for number, payload in sent)
    frames, got, at = FrameDecoder(), [], 0
    for turn in range(len(wire) + 1):
        piece = wire[at : at + cuts[turn % len(cuts)]]
        at += len(piece)
        got += list(frames.feed(piece))
    assert got == sent


def test_a_frame_that_is_too_large_breaks_the_line() -> None:
    with pytest.raises(BrokenFrame):
        list(FrameDecoder().feed(HEAD.pack(MAX_FRAME + 1, 1)))


def slow_first(payload: bytes, reply: Reply) -> None:
    loop = asyncio.get_running_loop()
    loop.call_later(0.02 if payload == b"slow" else 0, reply, payload.upper())


def test_answers_find_their_askers_out_of_order(tmp_path: Path) -> None:
    path = str(tmp_path / "s")

    async def talk() -> list[bytes]:
        loop = asyncio.get_running_loop()
        server = await loop.create_unix_server(lambda: FrameServer(slow_first), path)
        client = await FrameClient.connect(path)
        answers = await asyncio.gather(*(client.request(p) for p in (b"slow", b"a", b"b")))
        plain = await asyncio.to_thread(request, path, b"hello", 1.0)
        client.close()
        server.close()
        return [*answers, plain]

    assert asyncio.run(talk()) == [b"SLOW", b"A", b"B", b"HELLO"]


def test_a_broken_line_tells_everyone_who_waits(tmp_path: Path) -> None:
    path = str(tmp_path / "s")

    async def talk() -> None:
        loop = asyncio.get_running_loop()
        received = asyncio.Event()

        def never(_: bytes, reply: Reply) -> None:
            received.set()

        made: list[FrameServer] = []

        def accept() -> FrameServer:
            made.append(FrameServer(never))
            return made[-1]

        server = await loop.create_unix_server(accept, path)
        client = await FrameClient.connect(path)
        waiting = asyncio.ensure_future(client.request(b"x"))
        await received.wait()
        made[0].close()
        with pytest.raises(ConnectionError):
            await waiting
        assert not client.is_open
        server.close()

    asyncio.run(talk())
