"""Scores rows with a model version in a model process that runs as long as they need it.

Evaluations, comparisons and batch predictions use it, so that no model is loaded anywhere else. A
row is prepared as the gateway prepares a request, so that it gets the answer that a deployment
gives.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from socket import gethostname
from typing import TYPE_CHECKING, Any

import orjson
import psutil

from pilothouse.deployments.controller.model_processes import ReplicaPaths
from pilothouse.deployments.gateway.columns import Columns, check_column, check_columns
from pilothouse.deployments.model_launch import launch_of, start_seconds
from pilothouse.deployments.model_server import framing
from pilothouse.deployments.model_server.start import start_command
from pilothouse.kit import processes
from pilothouse.kit.errors import Invalid, Unavailable
from pilothouse.kit.ids import run_id
from pilothouse.models.tasks import Row, Task, task_of
from pilothouse.registry import versions

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    import pandas as pd

    from pilothouse.models.signature import Signature, SignatureField
    from pilothouse.registry.info import VersionInfo
    from pilothouse.storage import Store

Report = Callable[[float, str], None]
START_SECONDS = 120.0  # as long as a deployment waits for its model process
BATCH_SECONDS = 120.0
STOP_SECONDS = 10.0
POLL_SECONDS = 0.05
BATCH_ROWS = 2_000  # as many as a model process predicts at once
BATCH_CELLS = 200_000
LOG_LINES, LOG_CHARACTERS = 5, 600
ROW = re.compile(r"^row (\d+)\b")


@dataclass(frozen=True)
class Scored:
    """The answers to rows, in their order: output columns, and the raw rows of the model."""

    columns: Columns
    rows: list[Row]

    def predictions(self, signature: Signature) -> list[Any]:
        """What a person would call the prediction of each row."""
        return task_of(signature).predictions(signature, self.columns)


def score_frame(store: Store, version: VersionInfo, frame: pd.DataFrame, report: Report) -> Scored:
    """Score every row of a frame, in a model process that is started for it.

    Raises what `scoring` and `ScoringProcess.score` raise.
    """
    with scoring(store, version, report) as process:
        return process.score(frame, report)


@contextmanager
def scoring(store: Store, version: VersionInfo, report: Report) -> Iterator[ScoringProcess]:
    """A model process of a version for the block; it has loaded the model and its example.

    `report` is called while it waits, and may raise Cancelled. Raises Conflict for a version whose
    answers mean nothing yet, Refused for a file that is not trusted, Unavailable with the last
    lines of its log when the process ends, or is not ready in time.
    """
    versions.check_described(version)
    _remove_abandoned(store)
    process = ScoringProcess(store, version)
    try:
        process.start(report)
        yield process
    finally:
        process.stop()


def batch_rows(signature: Signature) -> int:
    """How many rows a model process is asked to predict at once."""
    return max(min(BATCH_ROWS, BATCH_CELLS // max(len(signature.inputs), 1)), 1)


class ScoringProcess:
    """One model process with a socket of its own; `scoring` starts and ends it."""

    def __init__(self, store: Store, version: VersionInfo) -> None:
        self._store = store
        self._version = version
        self._signature = version.signature
        self._task: Task = task_of(version.signature)
        self._token = run_id()
        self._folder = _folder(store, self._token)
        self._socket = ReplicaPaths(store.run_folder, store.log_folder).socket(self._token)
        self._process: subprocess.Popen[bytes] | None = None

    def start(self, report: Report) -> None:
        """Start the process and wait until it answers."""
        self._folder.mkdir(parents=True)
        launch = launch_of(
            self._store,
            self._version,
            self._folder,
            deployment="scoring",
            socket=self._socket,
        )
        options = ("--token", self._token, "--parent", str(os.getpid()))
        command = start_command(launch, self._folder / "launch.json", *options)
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                command.arguments,
                env=command.variables,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

        seconds = START_SECONDS if self._version.package is None else start_seconds(self._version)
        end = time.monotonic() + seconds
        while not self._answers():
            report(0.0, f"starting a model process for {self._version.ref}")
            if self._process.poll() is not None:
                raise self._ended("ended before it was ready")
            if time.monotonic() > end:
                raise self._ended(f"was not ready within {seconds:.0f} seconds")
            time.sleep(POLL_SECONDS)

    def _answers(self) -> bool:
        with suppress(OSError):
            return framing.request(self._socket, framing.STATE, BATCH_SECONDS)[:1] == (
                framing.SUCCESS
            )
        return False

    def score(self, frame: pd.DataFrame, report: Report) -> Scored:
        """Score the rows of a frame in batches; a whole-number index numbers the rows in messages.

        Raises Invalid for a missing column, for a value that its input does not take (with its row)
        and for rows that the model refuses, Unavailable when the process fails or is late.
        """
        rows: list[Row] = []
        logged = self._task.columns(self._signature)
        columns: dict[str, list[Any]] = {column.name: [] for column in logged}
        step = batch_rows(self._signature)
        for start in range(0, len(frame), step):
            report(start / len(frame), f"{start:,} rows scored by {self._version.ref}")
            batch = frame.iloc[start : start + step]
            prepared = request_columns(self._signature, batch)
            answers = self._predict(prepared, len(batch))
            for name, values in self._decide(answers).items():
                columns.setdefault(name, []).extend(values)
            rows.extend(answers)
        return Scored(columns, rows)

    def memory_bytes(self) -> int:
        """The resident memory of the process. Raises Unavailable when it has ended."""
        try:
            if self._process is not None:
                return int(psutil.Process(self._process.pid).memory_info().rss)
        except psutil.Error as gone:
            raise self._ended("ended while it was measured") from gone
        raise Unavailable(f"no model process of {self._version.ref} runs.")

    def stop(self) -> None:
        """End the process, if need be by force, and remove its files."""
        if self._process is not None:
            self._process.terminate()
            try:
                self._process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
        Path(self._socket).unlink(missing_ok=True)
        shutil.rmtree(self._folder, ignore_errors=True)

    def _predict(self, columns: Columns, count: int) -> list[Row]:
        body = {"columns": list(columns.values()), "rows": count}
        payload = framing.PREDICT + orjson.dumps(body)
        try:
            raw = framing.request(self._socket, payload, BATCH_SECONDS)
        except TimeoutError as late:
            raise self._ended(f"did not answer within {BATCH_SECONDS:.0f} seconds") from late
        except OSError as gone:
            raise self._ended("ended while it predicted") from gone

        message = raw[1:]
        if raw[:1] == framing.REFUSED:
            text = str(message, "utf-8", "replace")
            raise Invalid(f"{self._version.ref} cannot predict these rows: {text}.")
        if raw[:1] != framing.SUCCESS:
            raise self._ended(f"failed: {str(message, 'utf-8', 'replace')}")
        answers: list[Row] = orjson.loads(message)
        if len(answers) != count:
            raise Invalid(f"{self._version.ref} gave {len(answers)} answers to {count} rows.")
        return answers

    def _decide(self, answers: Sequence[Row]) -> Columns:
        try:
            return self._task.decide(self._signature, answers)
        except (ValueError, IndexError, TypeError) as wrong:
            raise Invalid(
                f"the answers of {self._version.ref} do not fit its signature: {wrong}.",
                hint="Correct what its answer means on the version's page.",
            ) from wrong

    @property
    def _log(self) -> Path:
        return self._folder / "log.txt"

    def _ended(self, what: str) -> Unavailable:
        """What happened to the process, with the end of its log."""
        with suppress(OSError, subprocess.TimeoutExpired):
            if self._process is not None:
                self._process.wait(POLL_SECONDS)  # its last lines are written
        lines = self._log.read_text(errors="replace").strip().splitlines()[-LOG_LINES:]
        log_end = " | ".join(line.strip() for line in lines)[-LOG_CHARACTERS:]
        more = f" Its log ends with: {log_end}" if log_end else ""
        return Unavailable(f"the model process of {self._version.ref} {what}.{more}")


def request_columns(signature: Signature, frame: pd.DataFrame) -> Columns:
    """The input columns of rows as a request has them, checked as the gateway checks one.

    Missing values are None, times milliseconds. A number that is not finite is missing where the
    input may be, as in training. Raises Invalid with the row as the frame's index numbers it.
    """
    received = {
        field.name: plain_values(frame[field.name], field)
        for field in signature.inputs
        if field.name in frame
    }
    others = tuple(str(name) for name in frame.columns if name not in received)
    try:
        return check_columns(signature, received, len(frame), unused=others)
    except Invalid as refused:
        raise _with_dataset_rows(refused, frame) from refused


def answerable(signature: Signature, frame: pd.DataFrame) -> npt.NDArray[np.bool_]:
    """Which rows a deployment would answer: those without a missing value in a needed input."""
    import numpy as np

    result = np.ones(len(frame), dtype=np.bool_)
    for field in signature.inputs:
        if not field.takes_missing and field.name in frame:
            column = frame[field.name]
            result &= column.notna().to_numpy()
            if column.dtype.kind == "f":
                result &= np.isfinite(column.to_numpy())
    return result


def of_right_type(signature: Signature, frame: pd.DataFrame) -> npt.NDArray[np.bool_]:
    """Which rows hold no value of a type that its input does not take; missing ones count as fit.

    PERF: values are looked at one by one only in a column that is refused as a whole.
    """
    import numpy as np

    result = np.ones(len(frame), dtype=np.bool_)
    for field in signature.inputs:
        if field.name not in frame:
            continue
        values = plain_values(frame[field.name], field)
        if not _takes(field, values):
            result &= [value is None or _takes(field, [value]) for value in values]
    return result


def _takes(field: SignatureField, values: list[Any]) -> bool:
    try:
        check_column(field, values, len(values))
    except Invalid:
        return False
    return True


def plain_values(column: pd.Series[Any], field: SignatureField) -> list[Any]:
    """The values of a column as JSON would bring them."""
    import numpy as np
    import pandas as pd

    missing = column.isna().to_numpy()
    if pd.api.types.is_datetime64_any_dtype(column):
        at = column.dt.tz_localize("UTC") if column.dt.tz is None else column
        values = at.dt.tz_convert("UTC").dt.tz_localize(None).astype("datetime64[ms]")
        plain: list[Any] = values.astype("int64").tolist()
    else:
        plain = column.tolist()
        if column.dtype.kind == "f" and field.takes_missing:
            missing = missing | np.isinf(column.to_numpy())
    if not missing.any():
        return plain
    return [None if gone else value for value, gone in zip(plain, missing.tolist(), strict=True)]


def _with_dataset_rows(refused: Invalid, frame: pd.DataFrame) -> Invalid:
    """The refusal with rows of the dataset in place of rows of the batch."""
    import pandas as pd

    if not pd.api.types.is_integer_dtype(frame.index.dtype):
        return refused

    def shifted(message: str) -> str:
        return ROW.sub(lambda match: f"row {frame.index[int(match[1])]}", message, count=1)

    fields = {name: shifted(message) for name, message in refused.fields.items()}
    if fields == refused.fields:
        return refused
    summary = "; ".join(f"{name}: {message}" for name, message in fields.items())
    hint = refused.hint or "Rows are counted from 0. Correct the data, or leave these rows out."
    return Invalid(f"{summary}.", hint=hint, fields=fields)


def _folder(store: Store, token: str) -> Path:
    """A folder that names this process, so that another one can tell when it is gone."""
    own = psutil.Process()
    owner = f"{own.pid}-{own.create_time():.2f}"
    return store.run_folder / "scoring" / f"{owner}-{token[:12]}@{gethostname()}"


def _remove_abandoned(store: Store) -> None:
    """Remove the folders of processes that were killed: their model processes end within seconds.

    A model process ends when its launch file is gone. What other machines that share the workspace
    have started is theirs to remove.
    """
    for folder in (store.run_folder / "scoring").glob("*-*-*"):
        owner, _, host = folder.name.partition("@")
        if host not in ("", gethostname()):
            continue
        pid, created, _ = owner.split("-")
        if not processes.is_running(int(pid), float(created)):
            shutil.rmtree(folder, ignore_errors=True)
