"""A model process: loads one model version, warms it up, and serves it on a unix socket.

    python -m pilothouse.deployments.model_server.server <launch file> --token <token>

It knows neither routes nor the database. The socket appears when the model is ready. It exits on
SIGTERM after its last response, and when its launch file is removed.
"""

from __future__ import annotations

import argparse
import asyncio
import hashlib
import io
import logging
import os
import resource
import signal
import sys
import time
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson

from pilothouse.deployments.model_server import pandas_import
from pilothouse.deployments.model_server.batching import Batches, Columns, Rows
from pilothouse.deployments.model_server.framing import (
    FAILURE,
    PREDICT,
    REFUSED,
    STATE,
    SUCCESS,
    FrameServer,
)
from pilothouse.models.signature import Signature, SignatureField

if TYPE_CHECKING:
    import pandas as pd

log = logging.getLogger("pilothouse.model")
STARTED_AT = time.monotonic()
LAUNCH_CHECK_SECONDS = 5.0
DRAIN_SECONDS = 20.0
TOLERANCE = 1e-6


@dataclass(frozen=True)
class Launch:
    """Everything a model process needs to know."""

    deployment: str
    model: str
    version: int
    artifact: str
    digest: str
    socket: str
    signature: dict[str, Any]
    example: list[dict[str, Any]]

    def write(self, path: Path) -> None:
        """Write the launch file."""
        path.write_bytes(orjson.dumps(asdict(self)))

    @classmethod
    def read(cls, path: Path) -> Launch:
        """The launch that `write` wrote."""
        return cls(**orjson.loads(path.read_bytes()))


class Predictor:
    """The loaded model behind its signature."""

    def __init__(self, model: Any, signature: Signature) -> None:
        self._model = model
        self._signature = signature
        self._gives_probabilities = signature.gives == "probability"
        self._order = _class_order(model, signature) if self._gives_probabilities else []
        # PERF: pandas costs a process about a second of CPU and a hundred megabytes, and making a
        # frame takes longer than many a prediction (benchmark: run.py predict).
        self._needs_frame = not _begins_with_encoder(model)
        if not self._needs_frame:
            pandas_import.refuse()

    def __call__(self, columns: Columns) -> Rows:
        """Class probabilities in the order of the signature's classes, or what is predicted.

        Raises ValueError.
        """
        prepare = to_frame if self._needs_frame else to_arrays
        inputs = prepare(columns, self._signature.inputs)
        try:
            return self._answer(inputs)
        except ImportError:  # a later step of the pipeline may need pandas
            if not pandas_import.allow():
                raise
            return self._answer(inputs)

    def _answer(self, inputs: Any) -> Rows:
        import numpy as np

        if self._gives_probabilities:
            answers = self._model.predict_proba(inputs)[:, self._order]
        else:
            predicted = np.asarray(self._model.predict(inputs))
            answers = predicted.reshape(len(predicted), -1)
        if answers.dtype.kind == "f" and not np.isfinite(answers).all():
            kind = "probabilities" if self._gives_probabilities else "numbers"
            raise ValueError(f"the model returned {kind} that are not finite")
        rows: Rows = answers.tolist()
        return rows


def load(launch: Launch) -> Predictor:
    """Unpickle the artifact whose bytes have the digest that was registered; refuse any other."""
    data = Path(launch.artifact).read_bytes()
    digest = hashlib.sha256(data).hexdigest()
    if digest != launch.digest:
        raise SystemExit(f"the artifact hashes to {digest}, and {launch.digest} was registered")
    return Predictor(_unpickle(data), Signature.from_json(launch.signature))


def _unpickle(data: bytes) -> Any:
    with pandas_import.refused(), suppress(ImportError):  # a model may need no scikit-learn
        import sklearn.utils.fixes  # noqa: F401  # it would import pandas

    import joblib

    return joblib.load(io.BytesIO(data))  # with pandas, for pickles that hold its objects


def warm(predictor: Predictor, launch: Launch) -> None:
    """Predict the input example once: lazy imports and caches must not delay the first request."""
    names = [field["name"] for field in launch.signature["inputs"]]
    if launch.example:
        row = launch.example[0]
        predictor([[row.get(name)] for name in names])


def check(launch: Launch) -> None:
    """Load the model and predict its example. Raises what a launch would."""
    predictor = load(launch)
    for row in launch.example[:1]:
        names = [field["name"] for field in launch.signature["inputs"]]
        answers = predictor([[row.get(name)] for name in names])
        gives_shares = launch.signature.get("gives", "probability") == "probability"
        if gives_shares and abs(sum(answers[0]) - 1) > TOLERANCE:
            raise SystemExit(f"the probabilities of its example add up to {sum(answers[0])}, not 1")


def to_arrays(columns: Columns, fields: tuple[SignatureField, ...]) -> dict[str, Any]:
    """Typed numpy columns by name, as `training.encoding.Encoder` takes them; times are in UTC."""
    pairs = zip(fields, columns, strict=True)
    return {field.name: _array(values, field.type) for field, values in pairs}


def to_frame(columns: Columns, fields: tuple[SignatureField, ...]) -> pd.DataFrame:
    """Typed columns as a pandas frame, for pipelines that were fitted on one."""
    import pandas as pd

    arrays = {
        field.name: pd.to_datetime(values, unit="ms", utc=True)
        if field.type == "time"
        else _array(values, field.type)
        for field, values in zip(fields, columns, strict=True)
    }
    return pd.DataFrame(arrays, copy=False)


def _array(values: list[Any], kind: str) -> Any:
    """Values of one column; None becomes NaN or NaT, and stays None in texts and booleans."""
    import numpy as np

    if kind == "time":
        return np.array(values, dtype="datetime64[ms]")
    if kind == "string":
        return np.array(values, dtype=object)
    if kind == "number":
        return np.array(values, dtype=np.float64)
    missing = None in values
    if kind == "integer":
        return np.array(values, dtype=np.float64 if missing else np.int64)
    return np.array(values, dtype=object if missing else np.bool_)


def _class_order(model: Any, signature: Signature) -> list[int]:
    """The position of each class of the signature in the model's own order.

    Models that training wrote before it named their classes have 0 and 1 for the negative and the
    positive class, which is the order of their signature.
    """
    labels = list(model.classes_)
    if _is_unnamed(model):
        return list(range(len(labels)))
    matches = [signature.match_label(label) for label in labels]
    if set(signature.classes) <= set(matches):
        return [matches.index(label) for label in signature.classes]
    plain = [label.item() if hasattr(label, "item") else label for label in labels]
    raise SystemExit(f"the model knows the classes {plain}, its signature {signature.classes}")


def _is_unnamed(model: Any) -> bool:
    from pilothouse.training.encoding import LabelledPipeline

    return not isinstance(model, LabelledPipeline) and _begins_with_encoder(model)


def _begins_with_encoder(model: Any) -> bool:
    """Whether training here made the model: its first step takes a mapping of columns."""
    from pilothouse.training.encoding import Encoder

    return hasattr(model, "steps") and isinstance(model.steps[0][1], Encoder)


class ModelServer:
    """Handles the requests of one model process."""

    def __init__(self, predictor: Predictor, launch: Launch, token: str) -> None:
        self._batches = Batches(predictor)
        self._launch = launch
        self._token = token
        self._started = time.monotonic()

    async def answer(self, payload: bytes) -> bytes:
        """The response to one frame."""
        kind, body = payload[:1], memoryview(payload)[1:]
        if kind == STATE:
            return SUCCESS + orjson.dumps(self._state())
        if kind != PREDICT:
            return FAILURE + b"unknown kind of request"

        try:
            request = orjson.loads(body)
            rows = await self._batches.predict(request["columns"], request["rows"])
            return SUCCESS + orjson.dumps(rows)
        except ValueError as refused:  # such as numbers that overflow the model's own type
            log.warning("these rows cannot be predicted: %s", refused)
            return REFUSED + str(refused).partition("\n")[0].rstrip(".").encode()
        except Exception:  # the edge of a request: whatever a model raises is its client's response
            log.exception("a prediction failed")
            return FAILURE + b"the model failed on these rows"

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
            "seconds": round(time.monotonic() - self._started, 1),
            "busy_seconds": round(self._batches.busy_seconds, 1),
        }

    async def drained(self) -> None:
        """Wait until every request has its response, for at most 20 s."""
        end = time.monotonic() + DRAIN_SECONDS
        while self._batches.in_flight and time.monotonic() < end:
            await asyncio.sleep(0.02)


async def listen(process: ModelServer, launch: Launch, launch_file: Path) -> None:
    """Serve until SIGTERM, SIGINT or until the launch file is gone."""
    loop = asyncio.get_running_loop()
    stop = asyncio.Event()
    for signal_number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(signal_number, stop.set)

    Path(launch.socket).unlink(missing_ok=True)
    server = await loop.create_unix_server(lambda: FrameServer(process.answer), launch.socket)
    log.info("ready after %.2f s", time.monotonic() - STARTED_AT)

    while not stop.is_set() and launch_file.exists():
        try:
            await asyncio.wait_for(stop.wait(), LAUNCH_CHECK_SECONDS)
        except TimeoutError:
            continue

    server.close()
    await process.drained()
    Path(launch.socket).unlink(missing_ok=True)
    log.info("stopped")


def main() -> None:
    """Load the model, warm it up and serve it; or check it."""
    parser = argparse.ArgumentParser(prog="pilothouse model process")
    parser.add_argument("launch", type=Path)
    parser.add_argument("--token", default="")
    parser.add_argument("--check", action="store_true", help="answer the example, then end")
    arguments = parser.parse_args()
    logging.basicConfig(
        level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s", stream=sys.stdout
    )
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    launch = Launch.read(arguments.launch)
    if arguments.check:
        check(launch)
        return

    log.info("loading %s version %d", launch.model, launch.version)
    predictor = load(launch)
    warm(predictor, launch)
    asyncio.run(listen(ModelServer(predictor, launch, arguments.token), launch, arguments.launch))


if __name__ == "__main__":
    main()
