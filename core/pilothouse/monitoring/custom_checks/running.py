"""Runs custom checks, each in a child process of its own, and judges their numbers.

Whatever is wrong with a check is one result of status error, and never stops the others.
"""

from __future__ import annotations

import hashlib
import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pilothouse.monitoring.checks import (
    CUSTOM,
    ERROR,
    FAIL,
    INSUFFICIENT,
    OK,
    WARN,
    Check,
    CheckLimits,
)
from pilothouse.monitoring.custom_checks import check_process
from pilothouse.monitoring.custom_checks.check_rows import write_database
from pilothouse.monitoring.custom_checks.spec import CustomCheckSpec

if TYPE_CHECKING:
    import pandas as pd

PASSED = ("LANG", "LC_ALL", "TZ", "TMPDIR", "SYSTEMROOT")
THREADS = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
START_SECONDS = 30.0  # to start and to read the rows, before the seconds of the check begin
# How the clock of the process, and the system's limit of processor time, end it.
SIGNALS = ("SIGALRM", "SIGXCPU", "SIGKILL")
ENDED_BY_LIMIT = tuple(-int(getattr(signal, name)) for name in SIGNALS if hasattr(signal, name))
METHODS = {"sql": "SQL", "python": "Python"}
LEVEL = 0.005  # chance gives a breach this often, where rows are drawn


@dataclass(frozen=True)
class CheckBudget:
    """What one check may take, with all of its draws."""

    seconds: float = 30.0
    bytes: int = 2 << 30


@dataclass(frozen=True)
class CheckAnswer:
    """What the code of a check gave: a number or an error, and a number of each draw."""

    score: float | None = None
    draws: tuple[float, ...] = ()
    error: str = ""


@dataclass(frozen=True, eq=False)
class CheckTables:
    """The rows of both sides in a temporary folder, written when a check first needs them."""

    window: pd.DataFrame
    reference: pd.DataFrame
    folder: Path
    _written: set[str] = field(default_factory=set)

    def path(self, language: str) -> Path:
        """The database for SQL, or the folder of two Parquet files for Python."""
        path = self.folder / "rows.sqlite" if language == "sql" else self.folder
        if language in self._written:
            return path
        tables = {check_process.WINDOW: self.window, check_process.REFERENCE: self.reference}
        if language == "sql":
            write_database(path, tables)
        else:
            for name, frame in tables.items():
                frame.to_parquet(self.folder / f"{name}.parquet", index=False)
        self._written.add(language)
        return path


def run_checks(
    specs: Sequence[CustomCheckSpec],
    window: pd.DataFrame,
    reference: pd.DataFrame,
    budget: CheckBudget = CheckBudget(),  # frozen
) -> list[Check]:
    """The result of every check on these rows, in their order."""
    with tempfile.TemporaryDirectory(prefix="pilothouse-check-") as folder:
        tables = CheckTables(window, reference, Path(folder))
        return [
            judge(spec, run_check(spec, tables, budget or CheckBudget()), tables) for spec in specs
        ]


def run_check(spec: CustomCheckSpec, tables: CheckTables, budget: CheckBudget) -> CheckAnswer:
    """Run one check in a child process, which is killed when its time is up."""
    draws = spec.draws if len(tables.reference) and len(tables.window) else 0
    request = {
        "kind": spec.language,
        "code": spec.code,
        "rows": str(tables.path(spec.language)),
        "seconds": budget.seconds,
        "start_seconds": START_SECONDS,
        "bytes": budget.bytes,
        "draws": draws,
        "window_rows": len(tables.window),
        "reference_rows": len(tables.reference),
    }
    process = subprocess.Popen(
        [sys.executable, "-I", check_process.__file__],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        cwd=tables.folder,
        # None of this process's secrets.
        env={name: os.environ[name] for name in PASSED if name in os.environ} | THREADS,
        start_new_session=True,
    )
    late = CheckAnswer(error=f"it took longer than {budget.seconds:g} s")
    try:
        output, _ = process.communicate(
            json.dumps(request).encode(), budget.seconds + START_SECONDS
        )
    except subprocess.TimeoutExpired:
        return late
    finally:
        _end(process)
    if process.returncode in ENDED_BY_LIMIT:
        return late
    return _answer(output, process.returncode)


def _answer(output: bytes, code: int) -> CheckAnswer:
    try:
        answer: dict[str, Any] = json.loads(output)
    except ValueError:
        return CheckAnswer(error=f"its process ended without an answer (exit code {code})")
    if "error" in answer:
        return CheckAnswer(error=str(answer["error"]))
    return CheckAnswer(answer["score"], tuple(answer["draws"]))


def _end(process: subprocess.Popen[bytes]) -> None:
    """Kill what is left of the group that this child began; the group has its process id."""
    if sys.platform == "win32":
        process.kill()
    else:
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def method_of(spec: CustomCheckSpec) -> str:
    """The language, and the beginning of the digest of the code: which version gave a result."""
    digest = hashlib.sha256(spec.code.encode()).hexdigest()
    return f"{METHODS[spec.language]}, {digest[:8]}"


def judge(spec: CustomCheckSpec, answer: CheckAnswer, tables: CheckTables) -> Check:
    """The number against its limits and, with draws, against what the reference's rows give."""
    check = Check(
        CUSTOM, spec.name, "", method_of(spec), INSUFFICIENT, spec.direction,
        warn=spec.warn, threshold=spec.fail,
        n_current=len(tables.window), n_reference=len(tables.reference),
    )  # fmt: skip
    if answer.error:
        return replace(check, status=ERROR, message=answer.error)
    if answer.score is None:
        return replace(check, message="it gave no number")
    status = CheckLimits(spec.warn, spec.fail, spec.direction).judge(answer.score)
    check = replace(check, score=answer.score, status=status)
    if not spec.draws:
        return check
    if len(answer.draws) < spec.draws:
        message = "the reference has too few rows to say what chance gives"
        return replace(check, status=INSUFFICIENT, message=message)
    return _beyond_draws(check, answer.score, answer.draws)


def _beyond_draws(check: Check, score: float, draws: Sequence[float]) -> Check:
    """A breach only beyond chance: the share of draws that are as bad or worse is the p-value.

    One more than both counts is divided (Davison and Hinkley, Bootstrap methods and their
    application, 1997, section 4.2.5), so 199 draws give .005 at least.
    """
    sign = -1 if check.direction == "below" else 1
    rising = sorted(sign * draw for draw in draws)
    worse = sum(draw >= sign * score for draw in rising)
    p_value = (1 + worse) / (1 + len(draws))
    level = max(LEVEL, 1 / (1 + len(draws)))
    noise = sign * rising[-max(int(level * (1 + len(draws))), 1)]
    status, message = check.status, check.message
    if p_value > level and status in (WARN, FAIL):
        status = OK
        message = f"within chance: rows of the reference give up to {noise:.3g}"
    return replace(
        check,
        status=status,
        message=message if check.direction == "above" else message.replace("up to", "down to"),
        noise=noise,
        noise_method=f"{len(draws)} draws of the reference",
        noise_level=level,
        p_value=p_value,
    )
