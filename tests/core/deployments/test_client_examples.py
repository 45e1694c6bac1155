"""The programs on a deployment's page run as they stand: three kinds of model, a live server."""

from __future__ import annotations

import io
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import orjson
import pytest
from sklearn.linear_model import LinearRegression, LogisticRegression

from harness.serving import ServerProcess, Worker, register, workspace_of
from pilothouse.deployments import Deployments
from pilothouse.deployments.client_examples import ClientExample, client_examples, example_record
from pilothouse.models.signature import Signature, SignatureField

FIELDS = (SignatureField("it's wide", "number"), SignatureField("b", "number"))
REGRESSION = Signature(FIELDS, "price", task="regression", gives="value")
KINDS = Signature(FIELDS, "kind", ("x", "y", "z"), task="multiclass")
NAMES = ("flights", "prices", "kinds")
Served = dict[str, tuple[ClientExample, ...]]


def saved(model: Any) -> bytes:
    file = io.BytesIO()
    joblib.dump(model, file)
    return file.getvalue()


@pytest.fixture(scope="module")
def served(
    tmp_path_factory: pytest.TempPathFactory, artifacts: tuple[bytes, bytes]
) -> Iterator[Served]:
    """The examples of a binary, a regression and a three-class deployment."""
    rows = np.random.default_rng(3).normal(size=(60, 2))
    price = LinearRegression().fit(rows, rows.sum(axis=1))
    kind = LogisticRegression().fit(rows, np.array(["x", "y", "z"] * 20))
    folder = tmp_path_factory.mktemp("clients") / "workspace"
    with workspace_of(folder, artifacts[0]) as store:
        register(store, "price", saved(price), signature=REGRESSION, example=[])
        register(store, "kind", saved(kind), signature=KINDS, example=[{"it's wide": 1.5, "b": 2}])
        with ServerProcess(store) as server, Worker(store):
            deployments = Deployments(store)
            for name, model in zip(NAMES, ("late", "price", "kind"), strict=True):
                deployments.launch(name, model, 1)
            examples: Served = {}
            for name in NAMES:
                deployments.wait_until_ready(name)
                info = deployments.deployment(name)
                examples[name] = client_examples(
                    name, info.signature, info.input_example, server.url
                )
            yield examples


@pytest.mark.parametrize("name", NAMES)
def test_programs_of_each_protocol_run(served: Served, name: str, tmp_path: Path) -> None:
    examples = served[name]
    by_curl = [orjson.loads(run_curl(example.programs["curl"])) for example in examples]
    predictions = [plain(answer) for answer in by_curl]
    assert len({orjson.dumps(values) for values in predictions}) == 1, predictions
    assert len(predictions[0]) == 1
    assert [run_python(example.programs["Python"]) for example in examples]
    if shutil.which("node"):
        file = tmp_path / "clients.mjs"
        file.write_text("\n".join(f"{{\n{e.programs['JavaScript']}\n}}" for e in examples))
        lines = subprocess.run(["node", file], capture_output=True, text=True, timeout=60)
        assert lines.returncode == 0, lines.stderr


def run_curl(command: str) -> bytes:
    done = subprocess.run(["sh", "-c", command], capture_output=True, timeout=60, check=True)
    return done.stdout


def run_python(program: str) -> str:
    output = io.StringIO()
    with redirect_stdout(output):
        exec(program, {})
    return output.getvalue()


def plain(answer: Any) -> list[Any]:
    """The predictions in an answer of any protocol."""
    if isinstance(answer, list):
        return answer
    if "predictions" in answer:
        return list(answer["predictions"])
    return list(answer["outputs"][0]["data"])


def test_a_record_is_complete_without_an_example() -> None:
    signature = Signature(
        (
            SignatureField("n", "number", low=2.5),
            SignatureField("i", "integer"),
            SignatureField("s", "string", categories=("a", "b")),
            SignatureField("t", "time"),
            SignatureField("b", "boolean"),
            SignatureField("o", "number", required=False),
        )
    )
    record = example_record(signature, {"i": 7})
    assert record == {"n": 2.5, "i": 7, "s": "a", "t": 1_767_225_600_000, "b": False, "o": None}


def test_a_key_is_named_where_one_is_needed() -> None:
    for example in client_examples("d", REGRESSION, [], "http://x", needs_key=True):
        for language, program in example.programs.items():
            assert "Bearer KEY" in program, language
