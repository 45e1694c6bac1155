"""The worker's duties: what fails is tried again, ever more slowly, and is not logged for ever."""

from __future__ import annotations

import logging
import threading

import pytest

from pilothouse.cli import worker


def test_the_pause_grows_to_a_bound() -> None:
    pauses = [worker.pause_after(number) for number in (1, 2, 3, 7, 1000)]
    assert pauses == [1.0, 2.0, 4.0, 60.0, 60.0]


def test_a_duty_that_stays_broken_is_logged_in_full_once(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    stop = threading.Event()
    calls: list[int] = []

    def act() -> None:
        calls.append(1)
        if len(calls) == 4:
            stop.set()
        raise ValueError("the journal is odd")

    monkeypatch.setattr(worker, "pause_after", lambda failures: 0.0)
    with caplog.at_level(logging.ERROR):
        worker._repeat(0.0, act, stop, "compaction")
    assert len(caplog.records) == 4
    assert [record.exc_info is not None and bool(record.exc_info) for record in caplog.records] == [
        True,
        False,
        False,
        False,
    ]
    assert "compaction failed 4 times in a row" in caplog.records[-1].getMessage()
    assert "the journal is odd" in caplog.records[-1].getMessage()
