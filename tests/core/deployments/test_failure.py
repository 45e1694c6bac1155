"""The last error of a version that does not stay up, from the end of its log."""

from __future__ import annotations

from pathlib import Path

import pytest

from pilothouse.deployments.failure import last_error, tail

LOG = """ready
Traceback (most recent call last):
  File "a.py", line 1, in load
    joblib.load(file)
KeyError: 'early'
starting
Traceback (most recent call last):
  File "a.py", line 1, in load
ValueError: could not convert string to float: 'No'

The above exception was the direct cause of the following exception:

Traceback (most recent call last):
  File "b.py", line 7, in <module>
RuntimeError: the example cannot be predicted
"""


@pytest.mark.parametrize(
    ("log", "error"),
    [
        (LOG, "RuntimeError: the example cannot be predicted"),
        ("one\nthe artifact hashes to a\n\n", "the artifact hashes to a"),
        ("Traceback (most recent call last):\n  cut off", "  cut off"),
        ("", ""),
    ],
)
def test_the_last_error_is_the_message_of_the_last_traceback(log: str, error: str) -> None:
    assert last_error(log) == error


def test_only_the_end_of_a_long_log_is_read_from_the_start_of_a_line(tmp_path: Path) -> None:
    file = tmp_path / "log"
    file.write_bytes(b"x" * 5_000 + b"\nfirst\nlast\n")
    assert tail(file, 14) == "first\nlast\n"
    assert tail(file, 8) == "last\n"
    assert tail(file) == file.read_text()
    assert tail(tmp_path / "none") == ""
