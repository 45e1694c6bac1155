"""Run the files of the tests that just failed once more, one process and nothing beside it.

`make test` runs three test processes on two cores, and a test that waits for a real process can
lose a race there that it wins alone. A run with one or two such failures gives their whole files a
second run; what passes is named, for it is a fault still: of the test or of the product. More
failures, or one that fails again, fail the run.

    python -m pytest ... || python tests/rerun_failed.py $? [OPTIONS OF PYTEST]
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

LAST_FAILED = Path(".pytest_cache/v/cache/lastfailed")
TESTS_FAILED = 1  # pytest's exit code when tests ran and some failed
MOST = 2


def main(code: int, options: list[str]) -> int:
    """The exit code of the whole run, given the one of the run that failed."""
    failed = sorted(json.loads(LAST_FAILED.read_text())) if LAST_FAILED.exists() else []
    if code != TESTS_FAILED or not 1 <= len(failed) <= MOST:
        return code
    files = sorted({test.partition("::")[0] for test in failed})
    print(f"Failed beside others: {', '.join(failed)}. Its file is run alone.", flush=True)
    command = [sys.executable, "-m", "pytest", *options, *files]
    again = subprocess.run(command, check=False).returncode
    if again == 0:
        print(f"FLAKY, passed alone: {', '.join(failed)}")
    return again


if __name__ == "__main__":
    raise SystemExit(main(int(sys.argv[1]), sys.argv[2:]))
