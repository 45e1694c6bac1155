"""Predictions a second through the real HTTP endpoint, beside a raw `predict_proba` loop.

One model of 15 mixed columns (scaled numbers, one-hot texts, logistic regression). Ours pays for
HTTP, JSON, the signature check, the hop to the model process and the journal; the reference is the
same model in this process, called with a frame that is ready. One caller shows the cost of the
way, 16 callers what batching gives back, 1,000 rows a request what a batch job sees.
"""

from __future__ import annotations

import asyncio
import io
import os
import statistics
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson

from harness.serving import ServerProcess, Worker, register
from pilothouse.deployments import Deployments
from pilothouse.kit.settings import Settings
from pilothouse.models.signature import Signature, SignatureField
from pilothouse.workspace import open_workspace

if TYPE_CHECKING:
    import pandas as pd

os.environ.setdefault("OMP_NUM_THREADS", "1")  # as in a model process
NUMBERS = [f"number_{i}" for i in range(9)]
TEXTS = [f"text_{i}" for i in range(6)]
MANY, CALLERS, ROUNDS, SECONDS = 1_000, 16, 5, 1.0
SIGNATURE = Signature(
    inputs=(
        *(SignatureField(name, "number", required=False) for name in NUMBERS),
        *(SignatureField(name, "string") for name in TEXTS),
    ),
    target="late",
    classes=(0, 1),
    positive=1,
)


def measure() -> dict[str, Any]:
    """Each way in turn, several rounds; medians."""
    frame = _frame(MANY)
    artifact, model = _trained(frame)
    one, many = _request(frame.head(1)), _request(frame)
    with _served(artifact) as (port, start_seconds):
        rounds = [_round(port, model, frame, one, many) for _ in range(ROUNDS)]
    middle = {name: statistics.median(figures[name] for figures in rounds) for name in rounds[0]}
    ratios = [figures["ours"] / figures["reference"] for figures in rounds]
    crowds = [figures["callers_16"] / figures["reference"] for figures in rounds]
    overhead = [figures["many_ours_ms"] - figures["many_reference_ms"] for figures in rounds]
    return {
        "work": "predict",
        "ours": round(middle["ours"]),
        "reference": round(middle["reference"]),
        "ratio": round(statistics.median(ratios), 3),
        "unit": "requests/s of one row, one caller",
        "reference_is": "predict_proba of the same model in process, its frame ready",
        "callers_16": round(middle["callers_16"]),
        "callers_16_ratio": round(statistics.median(crowds), 3),
        "rows_1000_ms": round(middle["many_ours_ms"], 2),
        "rows_1000_reference_ms": round(middle["many_reference_ms"], 2),
        "rows_1000_overhead_ms": round(statistics.median(overhead), 2),
        "model_process_start_s": round(start_seconds, 2),
        "rounds": ROUNDS,
    }


def _round(port: int, model: Any, frame: pd.DataFrame, one: bytes, many: bytes) -> dict[str, float]:
    single = frame.head(1)
    return {
        "reference": _rate(lambda: model.predict_proba(single)),
        "ours": asyncio.run(_load(port, one, 1)),
        "callers_16": asyncio.run(_load(port, one, CALLERS)),
        "many_reference_ms": 1_000 / _rate(lambda: model.predict_proba(frame)),
        "many_ours_ms": 1_000 / asyncio.run(_load(port, many, 1)),
    }


def _rate(call: Any) -> float:
    count, began = 0, time.perf_counter()
    while (spent := time.perf_counter() - began) < SECONDS:
        call()
        count += 1
    return count / spent


async def _load(port: int, request: bytes, callers: int) -> float:
    """Answers a second while every caller asks again as soon as it is answered."""
    end = time.perf_counter() + SECONDS
    began = time.perf_counter()
    counts = await asyncio.gather(*(_call(port, request, end) for _ in range(callers)))
    return sum(counts) / (time.perf_counter() - began)


async def _call(port: int, request: bytes, end: float) -> int:
    reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=1 << 24)
    count = 0
    while time.perf_counter() < end:
        writer.write(request)
        head = (await reader.readuntil(b"\r\n\r\n")).lower()
        if not head.startswith(b"http/1.1 200"):
            raise SystemExit(head.decode())
        length = int(head.split(b"content-length:", 1)[1].split(b"\r\n", 1)[0])
        await reader.readexactly(length)
        count += 1
    writer.close()
    await writer.wait_closed()
    return count


def _request(frame: pd.DataFrame) -> bytes:
    inputs = [
        {
            "name": name,
            "shape": [len(frame)],
            "datatype": "FP64" if name in NUMBERS else "BYTES",
            "data": frame[name].tolist(),
        }
        for name in frame
    ]
    body = orjson.dumps({"inputs": inputs})
    head = f"POST /v2/models/bench/infer HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: {len(body)}"
    return head.encode() + b"\r\nContent-Type: application/json\r\n\r\n" + body


@contextmanager
def _served(artifact: bytes) -> Iterator[tuple[int, float]]:
    """The model behind the real server: its port, and how long its process took to be ready."""
    with tempfile.TemporaryDirectory() as folder:
        store = open_workspace(settings=Settings(workspace=Path(folder))).store
        register(store, "bench", artifact, signature=SIGNATURE, example=[_example()])
        deployments = Deployments(store)
        with Worker(store), ServerProcess(store) as server:
            deployments.launch("bench", "bench", 1)
            info = deployments.wait_until_ready("bench")
            yield int(server.url.rsplit(":", 1)[1]), info.replicas[0].start_seconds or 0.0
        store.engine.dispose()


def _example() -> dict[str, Any]:
    return dict.fromkeys(NUMBERS, 0.0) | dict.fromkeys(TEXTS, "word 1")


def _frame(rows: int) -> pd.DataFrame:
    import numpy as np
    import pandas as pd

    draw = np.random.default_rng(7)
    vocabulary = np.array([f"word {i}" for i in range(20)], dtype=object)
    columns: dict[str, Any] = {name: draw.normal(size=rows) for name in NUMBERS}
    return pd.DataFrame(columns | {name: draw.choice(vocabulary, rows) for name in TEXTS})


def _trained(frame: pd.DataFrame) -> tuple[bytes, Any]:
    import joblib
    from sklearn.compose import make_column_transformer
    from sklearn.impute import SimpleImputer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OneHotEncoder, StandardScaler

    prepared = make_column_transformer(
        (make_pipeline(SimpleImputer(), StandardScaler()), NUMBERS),
        (OneHotEncoder(handle_unknown="ignore"), TEXTS),
    )
    late = (frame[NUMBERS[0]] + frame[NUMBERS[1]] > 0).astype(int)
    model = make_pipeline(prepared, LogisticRegression(max_iter=1_000)).fit(frame, late)
    file = io.BytesIO()
    joblib.dump(model, file)
    return file.getvalue(), model
