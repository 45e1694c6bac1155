"""A limit on the time in which a model loads, which also holds while a library does not return."""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager

EXIT_CODE = 124
GRACE_SECONDS = 5


@contextmanager
def deadline(seconds: float, message: str) -> Iterator[None]:
    """End the process with a message when the block takes longer; 0 sets no limit.

    A thread ends it where the library lets other threads run. Where it does not, the alarm of the
    operating system, which needs no Python, ends it a little later.
    """
    if seconds <= 0:
        yield
        return
    timer = threading.Timer(seconds, _end, (f"{message} ({seconds:g} seconds)",))
    timer.daemon = True
    timer.start()
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    signal.setitimer(signal.ITIMER_REAL, seconds + GRACE_SECONDS)
    try:
        yield
    finally:
        timer.cancel()
        signal.setitimer(signal.ITIMER_REAL, 0)


def _end(message: str) -> None:
    sys.stderr.write(message + "\n")
    sys.stderr.flush()
    os._exit(EXIT_CODE)
