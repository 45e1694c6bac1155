"""Answers a second beside MLServer, LitServe and `mlflow models serve`.

A logistic regression on scaled numbers (30 of them), and a mixed pipeline (9 numbers, 6 texts), one
row a request, one process for the model each. Ours logs every prediction before it answers, with
the engine that it chooses itself. The mixed pipeline is served with ONNX Runtime too, in an
environment that has the extra `onnx`: there this file is the program, and beside it stands one
caller's rate of `predict_proba` in a process, its frame ready.

    python tests/bench/peers.py FOLDER    serve the mixed pipeline until the input ends
"""

from __future__ import annotations

import importlib.util
import os
import statistics
import subprocess
import sys
import tempfile
import time
import tomllib
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

HERE = Path(__file__).parent
if __name__ == "__main__":  # where this folder is first, in which files have names of packages
    sys.path[:] = [str(HERE.parent), *(p for p in sys.path if Path(p or ".").resolve() != HERE)]

import orjson  # noqa: E402

from harness.http_load import load, post_request  # noqa: E402
from harness.mlserver import mlserver  # noqa: E402
from harness.other_servers import litserve, mlflow_serve  # noqa: E402
from harness.proof_environments import environment, proofs_folder  # noqa: E402
from harness.serving import ServerProcess, Worker, register  # noqa: E402
from pilothouse.deployments import Deployments  # noqa: E402
from pilothouse.kit.settings import Settings  # noqa: E402
from pilothouse.workspace import open_workspace  # noqa: E402

os.environ.setdefault("OMP_NUM_THREADS", "1")  # as in a model process
CONNECTIONS, ROUNDS, SECONDS = (1, 16), 3, 3.0
MODELS = {"linear": ("mlserver", "mlflow", "litserve"), "mixed": ("mlserver", "mlflow")}


def measure() -> dict[str, Any]:
    """Every server of each model in turn, several rounds; medians."""
    result: dict[str, Any] = {"work": "peers"}
    with tempfile.TemporaryDirectory() as folder:
        for model in MODELS:
            result |= _of_model(model, Path(folder) / model)
    for model, others in MODELS.items():
        for other in others:
            ratio = result[f"{model}_ours_16"] / result[f"{model}_{other}_16"]
            result[f"{model}_beside_{other}"] = round(ratio, 2)
    for other in MODELS["mixed"]:
        ratio = result["mixed_onnx_16"] / result[f"mixed_{other}_16"]
        result[f"mixed_onnx_beside_{other}"] = round(ratio, 2)
    result["mixed_onnx_beside_loop"] = round(result["mixed_onnx_1"] / result["mixed_loop"], 2)
    ours, reference = result["linear_ours_16"], result["linear_litserve_16"]
    return result | {
        "ours": ours,
        "reference": reference,
        "ratio": round(ours / reference, 2),
        "unit": "answers/s of a linear model, sixteen connections",
        "reference_is": "LitServe 0.2.19",
        "rounds": ROUNDS,
    }


def _of_model(model: str, folder: Path) -> dict[str, Any]:
    folder.mkdir()
    artifact = _artifact(model)
    rates: dict[str, list[float]] = {}
    with ExitStack() as stack:
        port = stack.enter_context(_served(model, folder / "ours"))
        requests = {"ours": _tensors(port, model, "/v2/models/bench/infer")}
        if model == "mixed":
            port = stack.enter_context(_with_onnx(folder / "onnx"))
            requests["onnx"] = _tensors(port, model, "/v2/models/bench/infer")
            rates["mixed_loop"] = [_loop_rate(artifact)]
        theirs = stack.enter_context(mlserver(folder / "mlserver", artifact))
        requests["mlserver"] = _tensors(theirs.port, model, "/v2/models/bench/infer", pandas=True)
        flow = stack.enter_context(mlflow_serve(folder / "mlflow", artifact))
        requests["mlflow"] = _split(flow.port, model, flow.path)
        if model == "linear":
            lit = stack.enter_context(litserve(folder / "litserve", artifact))
            requests["litserve"] = _post(lit.port, lit.path, {"rows": [_values(model)]})
        for _ in range(ROUNDS):
            for name, (port, request) in requests.items():
                for connections in CONNECTIONS:
                    (folder / "request").write_bytes(request)
                    measured = load(port, connections, SECONDS, folder / "request")
                    key = f"{model}_{name}_{connections}"
                    rates.setdefault(key, []).append(measured.rate)
                    rates.setdefault(f"{key}_p99_ms", []).append(measured.p99_ms)
    return {key: round(statistics.median(values), 2) for key, values in rates.items()}


@contextmanager
def _with_onnx(folder: Path) -> Iterator[int]:
    """The mixed pipeline behind ours, in an environment that has the extra `onnx`."""
    root = HERE.parent.parent
    project = tomllib.loads((root / "pyproject.toml").read_text())["project"]
    lines = [*project["dependencies"], *project["optional-dependencies"]["onnx"], "psutil"]
    python = environment(proofs_folder(), lines)
    [packages] = (python.parent.parent / "lib").glob("python*/site-packages")
    (packages / "pilothouse.pth").write_text(f"{root / 'core'}\n")
    folder.mkdir()
    variables = {"PATH": os.environ["PATH"], "HOME": str(folder), "OMP_NUM_THREADS": "1"}
    child = subprocess.Popen(
        [str(python), str(HERE / "peers.py"), str(folder / "workspace")],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env=variables,
        text=True,
    )
    try:
        assert child.stdout is not None
        yield int(child.stdout.readline())
    finally:
        child.communicate("end\n", timeout=60)


def _loop_rate(artifact: bytes) -> float:
    """Calls a second of `predict_proba` with a frame of one row that is ready."""
    import io

    import joblib

    model, frame = joblib.load(io.BytesIO(artifact)), _table().head(1)
    count, began = 0, time.perf_counter()
    while (spent := time.perf_counter() - began) < SECONDS:
        model.predict_proba(frame)
        count += 1
    return count / spent


@contextmanager
def _served(model: str, folder: Path, engine: str = "") -> Iterator[int]:
    """The model behind the real server; with `engine`, that is the one that has to answer."""
    module = _bench(model)
    store = open_workspace(settings=Settings(workspace=folder)).store
    example = [dict(zip(_names(model), _values(model), strict=True))]
    register(store, "bench", _artifact(model), signature=module.SIGNATURE, example=example)
    deployments = Deployments(store)
    with Worker(store), ServerProcess(store) as server:
        deployments.launch("bench", "bench", 1)
        [replica] = deployments.wait_until_ready("bench").replicas
        assert replica.engine is not None
        assert engine in ("", replica.engine.engine), replica.engine.sentence
        yield int(server.url.rsplit(":", 1)[1])
    store.engine.dispose()


def _bench(model: str) -> ModuleType:
    """The benchmark whose model it is: `serving` for numbers, `predict` for mixed columns."""
    name = "serving" if model == "linear" else "predict"
    key = f"bench_{name}"
    if key not in sys.modules:
        spec = importlib.util.spec_from_file_location(key, HERE / f"{name}.py")
        assert spec is not None
        assert spec.loader is not None
        sys.modules[key] = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(sys.modules[key])
    return sys.modules[key]


def _artifact(model: str) -> bytes:
    module = _bench(model)
    data: bytes = (
        module._trained("logistic")[0] if model == "linear" else module._trained(_table())[0]
    )
    return data


def _table() -> Any:
    return _bench("mixed")._frame(1_000)


def _names(model: str) -> list[str]:
    module = _bench(model)
    return list(module.NAMES) if model == "linear" else [*module.NUMBERS, *module.TEXTS]


def _values(model: str) -> list[Any]:
    if model == "linear":
        return [0.25 + place / 100 for place in range(len(_names(model)))]
    values: list[Any] = _table().head(1).to_dict("split")["data"][0]
    return values


def _tensors(port: int, model: str, path: str, *, pandas: bool = False) -> tuple[int, bytes]:
    """A request in the Open Inference Protocol."""
    if model == "linear":
        values = _values(model)
        tensor = {"name": "x", "shape": [1, len(values)], "datatype": "FP64", "data": [values]}
        body = {"inputs": [tensor], "outputs": [{"name": "predict_proba"}]}
        return _post(port, path, body)
    inputs: list[dict[str, Any]] = [
        {
            "name": name,
            "shape": [1],
            "datatype": "BYTES" if isinstance(value, str) else "FP64",
            "data": [value],
        }
        for name, value in zip(_names(model), _values(model), strict=True)
    ]
    body: dict[str, Any] = {"inputs": inputs, "outputs": [{"name": "predict_proba"}]}
    if pandas:  # how MLServer is asked to make a frame
        body["parameters"] = {"content_type": "pd"}
        for tensor in inputs:
            if tensor["datatype"] == "BYTES":
                tensor["parameters"] = {"content_type": "str"}
    return _post(port, path, body)


def _split(port: int, model: str, path: str) -> tuple[int, bytes]:
    names, values = _names(model), _values(model)
    body: dict[str, Any] = {"dataframe_split": {"columns": names, "data": [values]}}
    return _post(port, path, body if model == "mixed" else {"inputs": [values]})


def _post(port: int, path: str, body: dict[str, Any]) -> tuple[int, bytes]:
    return port, post_request(port, path, orjson.dumps(body))


if __name__ == "__main__":
    with _served("mixed", Path(sys.argv[1]), "onnx_runtime") as listening:
        print(listening, flush=True)
        sys.stdin.readline()
