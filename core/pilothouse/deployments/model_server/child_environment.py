"""What a child process of deployments may see of its parent's environment."""

from __future__ import annotations

import os
import sys
from pathlib import Path

KEPT = ("PATH", "LANG", "LC_ALL", "TZ", "TMPDIR")


def environment() -> dict[str, str]:
    """The little that a model process may see: no secrets, one thread each for BLAS and OpenMP."""
    package = Path(sys.modules["pilothouse"].__path__[0]).parent
    kept = {name: os.environ[name] for name in KEPT if name in os.environ}
    one = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
    return kept | one | {"PYTHONPATH": str(package), "PYTHONUNBUFFERED": "1"}
