"""Runs a command in a process group that ends when its parent does.

    python -I process_group.py FOLDER COMMAND

It uses the standard library only and is run as a file, so that it starts at once. The parent holds
the other end of this process's standard input. When that closes, because the parent closed it or
died, every process of the group is ended: first asked, then killed.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from contextlib import suppress

GRACE_SECONDS = 10.0


def main() -> None:
    """Run the command with `sh -c` in the folder and exit with its exit code."""
    folder, command = sys.argv[1:3]
    process = subprocess.Popen(
        ["/bin/sh", "-c", command], cwd=folder, stdin=subprocess.DEVNULL, start_new_session=True
    )

    def watch() -> None:
        # The descriptor itself: a buffer has a lock, which an interpreter that ends would wait for.
        while os.read(0, 1024):
            pass
        end_group(process)

    threading.Thread(target=watch, daemon=True).start()
    code = process.wait()
    # What the command left behind in the background ends with it.
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    sys.exit(code if code >= 0 else 128 - code)


def end_group(process: subprocess.Popen[bytes]) -> None:
    """Ask the group to end, and kill it when it does not within 10 s."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGTERM)
        end = time.monotonic() + GRACE_SECONDS
        while process.poll() is None and time.monotonic() < end:
            time.sleep(0.1)
        os.killpg(process.pid, signal.SIGKILL)


if __name__ == "__main__":
    main()
