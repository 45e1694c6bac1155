"""A model process: loads one model version, warms it up, and serves it on a unix socket.

    python -m pilothouse.deployments.model_server.server <launch file> --token <token>

It knows neither routes nor the database. The socket appears when the model is ready. It exits on
SIGTERM after its last response, and when its launch file is removed. One that is started for a
piece of work (`--parent`) also ends when the process that started it is gone.
"""

from __future__ import annotations

import argparse
import asyncio
import hashlib
import logging
import os
import resource
import signal
import sys
import time
from collections.abc import Coroutine
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

import orjson

from pilothouse.deployments.model_server.batching import MAX_BATCH_ROWS, Batches, Rows
from pilothouse.deployments.model_server.deadline import deadline
from pilothouse.deployments.model_server.framing import (
    FAILURE,
    PREDICT,
    PREDICT_NUMBERS,
    REFUSED,
    STATE,
    SUCCESS,
    FrameServer,
    Reply,
)
from pilothouse.deployments.model_server.inspection import inspect_model
from pilothouse.deployments.model_server.predictor import TOLERANCE, Predictor, is_batchable
from pilothouse.deployments.model_server.verification import verify_folder
from pilothouse.kit import garbage, logs
from pilothouse.kit.errors import PilothouseError
from pilothouse.models.columns import Columns
from pilothouse.models.engine_choice import EngineResult, choose_engine
from pilothouse.models.formats import LoadedModel, format_of
from pilothouse.models.package import ModelPackage
from pilothouse.models.signature import Signature

log = logging.getLogger("pilothouse.model")
STARTED_AT = time.monotonic()
LAUNCH_CHECK_SECONDS = 5.0
DRAIN_SECONDS = 20.0
PROBE_ROWS = 3
FLOAT32_TOLERANCE = 1e-3  # what probabilities of a network may lack to 1


@dataclass(frozen=True)
class Launch:
    """Everything a model process needs to know.

    A version of a training here is `artifact` and `digest`. A version with a `package` is a
    `folder` with `files` (path -> SHA-256). `python` is the interpreter, "" for that of Pilothouse.
    `approved` allows the code in the files. The model has `deadline_seconds` to load and to answer
    once (0: no limit), and at most `memory_bytes` of address space (0: no limit).
    """

    deployment: str
    model: str
    version: int
    artifact: str
    digest: str
    socket: str
    signature: dict[str, Any]
    example: list[dict[str, Any]]
    python: str = ""
    folder: str = ""
    files: dict[str, str] = field(default_factory=dict)
    package: dict[str, Any] | None = None
    approved: bool = False
    deadline_seconds: float = 0.0
    memory_bytes: int = 0

    def write(self, path: Path) -> None:
        """Write the launch file."""
        path.write_bytes(orjson.dumps(asdict(self)))

    @classmethod
    def read(cls, path: Path) -> Launch:
        """The launch that `write` wrote, in this version of Pilothouse or in another."""
        names = {part.name for part in fields(cls)}
        content = orjson.loads(path.read_bytes())
        return cls(**{name: value for name, value in content.items() if name in names})


def load(launch: Launch) -> Predictor:
    """The model whose files have the digests that were registered; any others are refused."""
    signature = Signature.from_json(launch.signature)
    return Predictor(load_model(launch, signature), signature)


def load_to_serve(launch: Launch) -> tuple[Predictor, EngineResult]:
    """The same model with the engine that may answer for it."""
    signature = Signature.from_json(launch.signature)
    model, result = choose_engine(load_model(launch, signature), launch.example)
    log.info("%s answers: %s", result.engine, orjson.dumps(result.to_json()).decode())
    return Predictor(model, signature), result


def load_model(launch: Launch, signature: Signature) -> LoadedModel:
    """Load through the format of the package, or the file of a training here."""
    if launch.package is None:
        return _load_pipeline(launch, signature)
    package = ModelPackage.from_json(launch.package)
    folder = Path(launch.folder)
    verify_folder(folder, launch.files or package.files)
    return format_of(package).load(folder, package, signature, approved=launch.approved)


def _load_pipeline(launch: Launch, signature: Signature) -> LoadedModel:
    from pilothouse.models.formats.pilothouse_pipeline import load_pipeline

    data = Path(launch.artifact).read_bytes()
    digest = hashlib.sha256(data).hexdigest()
    if digest != launch.digest:
        raise SystemExit(f"the artifact hashes to {digest}, and {launch.digest} was registered")
    return load_pipeline(data, signature)


def example_columns(launch: Launch, rows: int = 1) -> Columns:
    """The first rows of the example as columns in the order of the inputs; none without one."""
    names = [column["name"] for column in launch.signature["inputs"]]
    examples = launch.example[:rows]
    return [[row.get(name) for row in examples] for name in names] if examples else []


def warm(predictor: Predictor, launch: Launch) -> bool:
    """Predict the example once: lazy imports and caches must not delay the first request.

    Returns whether requests may be joined into batches. A model from elsewhere is tried with one
    row and with several.
    """
    columns = example_columns(launch, PROBE_ROWS if launch.package is not None else 1)
    if not columns:
        return True
    if launch.package is None:
        predictor(columns)
        return True
    if len(columns[0]) == 1:
        columns = [values * PROBE_ROWS for values in columns]
    return is_batchable(predictor, columns)


def check(launch: Launch) -> None:
    """Load the model and predict its example. Raises what a launch would."""
    predictor = load(launch)
    columns = example_columns(launch)
    if not columns:
        return
    rows = predictor(columns)
    signature = Signature.from_json(launch.signature)
    tolerance = TOLERANCE if launch.package is None else FLOAT32_TOLERANCE
    one_of_several = signature.gives == "probability" and bool(signature.classes)
    if one_of_several and abs(sum(rows[0]) - 1) > tolerance:
        raise SystemExit(f"the probabilities of its example add up to {sum(rows[0])}, not 1")
    from pilothouse.models.tasks import task_of

    try:
        task_of(signature).decide(signature, rows)
    except ValueError as wrong:
        raise SystemExit(
            f"the answer to its example does not fit its signature: {wrong}"
        ) from wrong


class ModelServer:
    """Handles the requests of one model process."""

    def __init__(
        self,
        predictor: Predictor,
        launch: Launch,
        token: str,
        engine: EngineResult,
        *,
        batchable: bool = True,
    ) -> None:
        # A limit of one row joins no requests: each is predicted as it came.
        most = MAX_BATCH_ROWS if batchable else 1
        self._batches = Batches(predictor, most, on_loop=predictor.is_steady)
        self._engine = engine.to_json()
        self._width = len(predictor.signature.inputs)
        self._takes_numbers = predictor.takes_numbers
        self._launch = launch
        self._token = token
        self._started = time.monotonic()

    def answer(self, payload: bytes, reply: Reply) -> None:
        """Respond to one frame, at once or when it was predicted."""
        kind, body = payload[:1], memoryview(payload)[1:]
        if kind == STATE:
            reply(SUCCESS + orjson.dumps(self._state()))
            return
        try:
            columns, rows = self._request(kind, body)
        except (ValueError, LookupError, TypeError):
            log.exception("a request could not be read")
            reply(FAILURE + b"unknown kind of request")
            return
        self._batches.submit(columns, rows, lambda answer: reply(_response(answer)))

    def _request(self, kind: bytes, body: memoryview) -> tuple[Columns, int]:
        """The columns of a request and the number of its rows. Raises ValueError."""
        if kind == PREDICT:
            request = orjson.loads(body)
            return request["columns"], request["rows"]
        if kind == PREDICT_NUMBERS and self._takes_numbers:
            import numpy as np

            values = np.frombuffer(body, dtype="<f8").reshape(self._width, -1)
            return values, values.shape[1]
        raise ValueError(f"unknown kind of request {kind!r}")

    def _state(self) -> dict[str, Any]:
        return {
            "token": self._token,
            "pid": os.getpid(),
            "deployment": self._launch.deployment,
            "model": self._launch.model,
            "version": self._launch.version,
            "in_flight": self._batches.in_flight,
            "served_rows": self._batches.served_rows,
            "batches": self._batches.batches,
            "takes_numbers": self._takes_numbers,
            "engine": self._engine,
            "seconds": round(time.monotonic() - self._started, 1),
            "busy_seconds": round(self._batches.busy_seconds, 1),
            "cpu_seconds": time.process_time(),
        }

    async def drained(self) -> None:
        """Wait until every request has its response, for at most 20 s."""
        end = time.monotonic() + DRAIN_SECONDS
        while self._batches.in_flight and time.monotonic() < end:
            await asyncio.sleep(0.02)


def _response(answer: Rows | BaseException) -> bytes:
    """The payload for rows, or for what predicting them raised."""
    if not isinstance(answer, BaseException):
        return SUCCESS + orjson.dumps(answer)
    if isinstance(answer, ValueError):  # such as numbers that overflow the model's own type
        log.warning("these rows cannot be predicted: %s", answer)
        return REFUSED + str(answer).partition("\n")[0].rstrip(".").encode()
    log.error("a prediction failed", exc_info=answer)
    return FAILURE + b"the model failed on these rows"


async def listen(process: ModelServer, launch: Launch, launch_file: Path, parent: int = 0) -> None:
    """Serve until SIGTERM, SIGINT or until the launch file is gone, or the parent where one is."""
    loop = asyncio.get_running_loop()
    stop = asyncio.Event()
    for signal_number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(signal_number, stop.set)

    Path(launch.socket).unlink(missing_ok=True)
    server = await loop.create_unix_server(lambda: FrameServer(process.answer), launch.socket)
    log.info("ready after %.2f s", time.monotonic() - STARTED_AT)

    stopping = asyncio.ensure_future(stop.wait())
    while not stop.is_set() and launch_file.exists() and parent in (0, os.getppid()):
        await asyncio.wait({stopping}, timeout=LAUNCH_CHECK_SECONDS)

    stopping.cancel()
    server.close()
    await process.drained()
    Path(launch.socket).unlink(missing_ok=True)
    log.info("stopped")


def main() -> None:
    """Load the model, warm it up and serve it; or check it, or print what it says of itself."""
    parser = argparse.ArgumentParser(prog="pilothouse model process")
    parser.add_argument("launch", type=Path)
    parser.add_argument("--token", default="")
    parser.add_argument("--parent", type=int, default=0, help="end when this process is gone")
    parser.add_argument("--check", action="store_true", help="answer the example, then end")
    parser.add_argument("--inspect", action="store_true", help="print facts as JSON, then end")
    arguments = parser.parse_args()
    launch = Launch.read(arguments.launch)
    # What a check or an inspection prints is read by the process that asked for it.
    is_read = arguments.check or arguments.inspect
    about = {"deployment": launch.deployment, "model": launch.model, "version": launch.version}
    logs.configure("model", logs.TEXT if is_read else "", sys.stdout, **about)
    limit_resources(launch)
    try:
        run(launch, arguments)
    except PilothouseError as refused:
        raise SystemExit(str(refused)) from refused


def limit_resources(launch: Launch) -> None:
    """No core dumps, and no more address space than the launch allows."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if launch.memory_bytes:
        resource.setrlimit(resource.RLIMIT_AS, (launch.memory_bytes, launch.memory_bytes))


def run(launch: Launch, arguments: argparse.Namespace) -> None:
    """Check, inspect or serve, as the arguments say."""
    with deadline(launch.deadline_seconds, "the model did not load and answer in time"):
        if arguments.check:
            check(launch)
            return
        if arguments.inspect:
            sys.stdout.flush()
            sys.stdout.write("\n" + orjson.dumps(_inspected(launch)).decode() + "\n")
            return
        log.info("loading %s version %d", launch.model, launch.version)
        predictor, engine = load_to_serve(launch)
        batchable = warm(predictor, launch)

    process = ModelServer(predictor, launch, arguments.token, engine, batchable=batchable)
    garbage.freeze()  # PERF: a collection among a library's 100,000 objects takes 50 ms
    _run_loop(listen(process, launch, arguments.launch, arguments.parent))


def _run_loop(serving: Coroutine[Any, Any, None]) -> None:
    """Run until it ends; with uvloop, where the model's environment has it."""
    try:
        import uvloop
    except ImportError:
        asyncio.run(serving)
    else:
        uvloop.run(serving)


def _inspected(launch: Launch) -> dict[str, Any]:
    package = ModelPackage.from_json(launch.package or {})
    signature = Signature.from_json(launch.signature)
    return inspect_model(
        lambda described: load_model(launch, described), package, signature, launch.example
    )


if __name__ == "__main__":
    main()
