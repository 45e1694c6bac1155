"""The program of the child process that runs one custom check: `python -I check_process.py`.

It reads a JSON request from its input and writes a JSON answer to its output. It imports nothing of
Pilothouse, so that a check in SQL starts at once. The request has the kind of the check, its code,
where the rows are, the seconds and bytes that it may take, and how often rows of the reference are
drawn in place of the window's, for what chance gives.
"""

from __future__ import annotations

import json
import math
import os
import random
import signal
import sqlite3
import sys
import time
from collections.abc import Callable
from typing import Any

WINDOW, REFERENCE = "window_rows", "reference_rows"
FUNCTION = "check"
MAX_TEXT, MAX_VALUE = 100_000, 10_000_000  # of a statement; of one text in it
STEPS = 20_000  # of SQLite's machine between two looks at the clock
ALLOWED = frozenset(
    {
        sqlite3.SQLITE_SELECT,
        sqlite3.SQLITE_READ,
        sqlite3.SQLITE_FUNCTION,
        sqlite3.SQLITE_RECURSIVE,
    }
)
REFUSED_FUNCTIONS = frozenset({"load_extension", "fts3_tokenizer", "readfile", "writefile", "edit"})


class NoNumber(Exception):
    """The check gives no number; the message says why."""


def main() -> None:
    """Answer one request."""
    request = json.load(sys.stdin)
    # What the code prints must not be taken for the answer.
    answer = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    try:
        limit(request)
        run = run_sql if request["kind"] == "sql" else run_python
        score, draws = run(request)
        result: dict[str, Any] = {"score": score, "draws": draws}
    except NoNumber as why:
        result = {"error": str(why)}
    except MemoryError:
        result = {"error": f"it needs more than {request['bytes'] >> 20:,} MB of memory"}
    except Exception as fault:  # the code is somebody's own: it may raise anything
        result = {"error": f"{type(fault).__name__}: {fault}"[:1_000]}
    json.dump(result, answer)
    answer.close()


def limit(request: dict[str, Any]) -> None:
    """Bound memory and processor time, where the operating system can; SQL writes no file."""
    if sys.platform == "win32":
        return
    import resource

    _lower(resource.RLIMIT_DATA, request["bytes"])
    _lower(resource.RLIMIT_CPU, math.ceil(request["seconds"] + request["start_seconds"]))
    _lower(resource.RLIMIT_CORE, 0)
    if request["kind"] == "sql":
        _lower(resource.RLIMIT_FSIZE, 0)


def _lower(what: int, value: int) -> None:
    import resource

    hard = resource.getrlimit(what)[1]
    allowed = value if hard == resource.RLIM_INFINITY else min(value, hard)
    resource.setrlimit(what, (allowed, hard))


def run_sql(request: dict[str, Any]) -> tuple[float | None, list[float]]:
    """The number of one SELECT, and those of it with rows drawn from the reference."""
    database = sqlite3.connect("file::memory:", isolation_level=None, uri=True)
    database.execute("PRAGMA temp_store = MEMORY")
    uri = f"file:{request['rows']}?mode=ro&immutable=1"
    database.execute("ATTACH DATABASE ? AS stored", (uri,))
    for table in (WINDOW, REFERENCE):
        database.execute(f"CREATE TABLE {table} AS SELECT * FROM stored.{table}")
    end = time.monotonic() + request["seconds"]
    score = _guarded(database, request["code"], end, request["seconds"])
    draws = []
    for seed in range(request["draws"]):
        _draw(database, seed, request["window_rows"], request["reference_rows"])
        drawn = _guarded(database, request["code"], end, request["seconds"])
        if drawn is not None:
            draws.append(drawn)
    return score, draws


def _draw(database: sqlite3.Connection, seed: int, count: int, among: int) -> None:
    """Rows of the reference in place of the window's, drawn with replacement."""
    database.set_authorizer(None)
    database.set_progress_handler(None, 0)
    rng = random.Random(seed)
    database.execute(f"DELETE FROM {WINDOW}")
    database.execute("CREATE TEMP TABLE IF NOT EXISTS drawn (number INTEGER)")
    database.execute("DELETE FROM drawn")
    numbers = [(rng.randrange(among) + 1,) for _ in range(count)]
    database.execute("BEGIN")
    database.executemany("INSERT INTO drawn VALUES (?)", numbers)
    database.execute("COMMIT")
    database.execute(
        f"INSERT INTO {WINDOW} SELECT r.* FROM drawn JOIN {REFERENCE} r ON r.rowid = drawn.number"
    )


def _guarded(database: sqlite3.Connection, code: str, end: float, seconds: float) -> float | None:
    """Run the statement of somebody else: reading only, one statement, until the time is up."""
    for what, value in (
        (sqlite3.SQLITE_LIMIT_LENGTH, MAX_VALUE),
        (sqlite3.SQLITE_LIMIT_SQL_LENGTH, MAX_TEXT),
        (sqlite3.SQLITE_LIMIT_ATTACHED, 1),
        (sqlite3.SQLITE_LIMIT_EXPR_DEPTH, 200),
        (sqlite3.SQLITE_LIMIT_COMPOUND_SELECT, 100),
    ):
        database.setlimit(what, value)
    database.set_authorizer(_may)
    database.set_progress_handler(lambda: time.monotonic() > end, STEPS)
    try:
        rows = database.execute(code).fetchmany(2)
    except sqlite3.ProgrammingError as why:  # several statements
        raise NoNumber(f"it must be one SELECT: {why}") from None
    except sqlite3.Error as why:
        raise NoNumber(_sql_error(str(why), seconds)) from None
    if not rows:
        return None
    if len(rows) > 1 or len(rows[0]) != 1:
        raise NoNumber("it must give one row with one number")
    return _number(rows[0][0])


def _sql_error(text: str, seconds: float) -> str:
    if text == "interrupted":
        return f"it took longer than {seconds:g} s"
    if any(word in text for word in ("not authorized", "authorization denied", "prohibited")):
        return f"it may only read the tables {WINDOW} and {REFERENCE}, by one SELECT ({text})"
    return text


def _may(
    action: int, first: str | None, second: str | None, schema: str | None, trigger: str | None
) -> int:
    """What a statement may do: read the two tables and call functions."""
    allowed = action in ALLOWED
    if action == sqlite3.SQLITE_READ:
        allowed = first not in ("sqlite_master", "sqlite_schema", "drawn") and schema != "stored"
    if action == sqlite3.SQLITE_FUNCTION:
        allowed = (second or "").lower() not in REFUSED_FUNCTIONS
    return sqlite3.SQLITE_OK if allowed else sqlite3.SQLITE_DENY


def run_python(request: dict[str, Any]) -> tuple[float | None, list[float]]:
    """The number of `check(window, reference)`, and those of it with rows of the reference."""
    import pandas as pd

    namespace: dict[str, Any] = {"__name__": "custom_check"}
    exec(compile(request["code"], "check.py", "exec"), namespace)  # their own code
    function: Callable[[pd.DataFrame, pd.DataFrame], Any] | None = namespace.get(FUNCTION)
    if not callable(function):
        raise NoNumber(f"the file has no function {FUNCTION}(window, reference)")
    window, reference = (
        pd.read_parquet(os.path.join(request["rows"], f"{name}.parquet"))
        for name in (WINDOW, REFERENCE)
    )
    if hasattr(signal, "setitimer"):  # ends the process, also in the middle of C code
        signal.setitimer(signal.ITIMER_REAL, request["seconds"])
    score = _number(function(window.copy(), reference.copy()))
    draws = []
    for seed in range(request["draws"]):
        drawn = reference.sample(len(window), replace=True, random_state=seed, ignore_index=True)
        number = _number(function(drawn, reference.copy()))
        if number is not None:
            draws.append(number)
    return score, draws


def _number(value: Any) -> float | None:
    """The value as a number; None for none and for NaN."""
    if value is None:
        return None
    if isinstance(value, str | bytes):
        raise NoNumber(f"it gave the text {value!r:.60}, not a number")
    try:
        number = float(value)
    except (TypeError, ValueError):
        raise NoNumber(f"it gave a {type(value).__name__}, not a number") from None
    if math.isinf(number):
        raise NoNumber("it gave an infinite number")
    return None if math.isnan(number) else number


if __name__ == "__main__":
    main()
