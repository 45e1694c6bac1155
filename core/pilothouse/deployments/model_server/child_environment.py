"""The environment variables of a child process."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from pilothouse.kit import logs

PASSED_VARIABLES = ("PATH", "LANG", "LC_ALL", "TZ", "TMPDIR", logs.VARIABLE)
ONE_THREAD = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
MORE_THREADS = (
    *("NUMEXPR_NUM_THREADS", "VECLIB_MAXIMUM_THREADS"),
    *("TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS"),
)


def environment() -> dict[str, str]:
    """A model process sees no secrets, and uses one thread each for BLAS and OpenMP."""
    package = Path(sys.modules["pilothouse"].__path__[0]).parent
    passed = {name: os.environ[name] for name in PASSED_VARIABLES if name in os.environ}
    single_threaded = dict.fromkeys(ONE_THREAD, "1")
    return passed | single_threaded | {"PYTHONPATH": str(package), "PYTHONUNBUFFERED": "1"}


def package_environment(home: Path, runner: Path | None = None) -> dict[str, str]:
    """The environment of a process for a model from elsewhere.

    Libraries write below HOME, so that it is a folder of the process. With a `runner` folder the
    interpreter is that of another environment, which must not see the packages of this one.
    """
    variables = environment() | dict.fromkeys(MORE_THREADS, "1")
    if runner is not None:
        variables["PYTHONPATH"] = str(runner)
    return variables | {
        "HOME": str(home),
        "XDG_CACHE_HOME": str(home / "cache"),
        "MPLCONFIGDIR": str(home / "matplotlib"),
        "TF_CPP_MIN_LOG_LEVEL": "2",
        "MLFLOW_DISABLE_TELEMETRY": "true",
        "PYTHONNOUSERSITE": "1",
    }
