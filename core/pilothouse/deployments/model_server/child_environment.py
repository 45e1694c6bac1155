"""The environment variables of a child process."""

from __future__ import annotations

import os
import sys
from pathlib import Path

PASSED_VARIABLES = ("PATH", "LANG", "LC_ALL", "TZ", "TMPDIR")


def environment() -> dict[str, str]:
    """A model process sees no secrets, and uses one thread each for BLAS and OpenMP."""
    package = Path(sys.modules["pilothouse"].__path__[0]).parent
    passed = {name: os.environ[name] for name in PASSED_VARIABLES if name in os.environ}
    single_threaded = dict.fromkeys(
        ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1"
    )
    return passed | single_threaded | {"PYTHONPATH": str(package), "PYTHONUNBUFFERED": "1"}
