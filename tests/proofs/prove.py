"""Proof of the formats: what MLflow predicts for its author is what a model process answers.

    python tests/proofs/prove.py [FOLDER [NAME ...]]

FOLDER is by default that of the variable PROOFS. Builds the author's environment once, saves the
models there with MLflow's client, builds for each format the environment that its requirements ask
for, and compares. It takes minutes and some GB, so that it is no test of every day: `make proof`.
"""

from __future__ import annotations

import itertools
import json
import math
import os
import subprocess
import sys
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

from harness.model_files import launch_of, model_process, package_of
from harness.proof_environments import environment, plain_variables
from pilothouse.deployments.controller.trial import inspect_launch
from pilothouse.deployments.version_environments import needed_modules
from pilothouse.environments.requirement_lines import needed, read_requirements
from pilothouse.kit.errors import PilothouseError
from pilothouse.models.audit import OWN_CODE
from pilothouse.models.formats import format_of
from pilothouse.models.package import ModelPackage
from pilothouse.models.signature import UNKNOWN, OutputField, Signature, SignatureField

AUTHOR = Path(__file__).with_name("author.py")
PACKAGES = (
    *(
        "mlflow==3.17.2",
        "torch==2.13.0",
        "tensorflow-cpu",
        "keras",
        "xgboost-cpu",
        "lightgbm",
        "catboost",
    ),
    *("onnx", "onnxruntime", "skl2onnx", "statsmodels", "skops", "scikit-learn", "pandas"),
)
TOLERANCE = 1e-6
FLOAT32 = 1e-5  # of networks and of ONNX, in steps of float32
# Where our answer is meant to be another one.
DIFFERENCES = {
    "xgboost_margin": "MLflow gives the log-odds; here it is the probability",
    "lightgbm_one_against_all": "scores per class are brought to a sum of 1",
    "catboost_poisson_base": "the base class gives the logarithm; here it is the expected value",
}


def main(folder: Path, names: list[str]) -> int:
    """Prove the named models, or all; the number of those that differ without a reason."""
    models = folder / "models"
    missing = [name for name in names or all_names() if not (models / name / "proof.json").exists()]
    if missing:
        author = environment(folder, PACKAGES)
        subprocess.run([author, AUTHOR, models, *missing], check=True, env=plain_variables())
    bad = 0
    for name in names or all_names():
        try:
            verdict = proof_of(folder, models / name, name)
        except (PilothouseError, subprocess.CalledProcessError) as failed:
            verdict = f"DIFFERENT: {failed}"
        bad += verdict.startswith("DIFFERENT")
        sys.stdout.write(f"{name:36} {verdict}\n")
        sys.stdout.flush()
    return bad


def all_names() -> list[str]:
    """The models of the author's script, in its order."""
    lines = AUTHOR.read_text(encoding="utf-8").splitlines()
    marked = [below for line, below in itertools.pairwise(lines) if line == "@model"]
    return [line.removeprefix("def ").partition("(")[0] for line in marked]


def proof_of(folder: Path, saved: Path, name: str) -> str:
    """The verdict on one model, with its format and badge."""
    package = package_of(saved / "model")
    kind = format_of(package)
    audit = kind.audit(saved / "model", package)
    modules = needed_modules(package, audit.imports)
    required = needed(read_requirements(kind.requirements(package)), modules)
    python = environment(folder, required.lines)
    proof = json.loads((saved / "proof.json").read_text())
    columns = [list(values) for values in zip(*proof["rows"], strict=True)]

    launch = launch_of(
        saved / "model",
        replace(UNKNOWN, inputs=()),
        approved=audit.badge == OWN_CODE,
        python=str(python),
        deadline_seconds=kind.start_seconds,
    )
    facts = inspect_launch(launch)
    signature = described(facts, package, len(columns))
    with tempfile.TemporaryDirectory(prefix="proof-") as scratch:
        launch = replace(launch, signature=signature.to_json())
        with model_process(Path(scratch), launch) as process:
            rows = process.predict(columns)
    difference = largest_difference(rows, proof["predicted"], signature)
    words = f"{package.format}, {audit.badge}, {signature.task}"
    limit = FLOAT32 if package.format in ("torch", "keras", "onnx", "xgboost") else TOLERANCE
    if difference <= limit:
        return f"equal ({difference:.1e}; {words})"
    reason = DIFFERENCES.get(name)
    return f"{'differs: ' + reason if reason else 'DIFFERENT'} ({difference:.1e}; {words})"


def described(facts: dict[str, Any], package: ModelPackage, width: int) -> Signature:
    """The signature that a person would confirm: what the model says of itself."""
    fields = facts["input_fields"] or [
        {"name": f"x{index}", "type": "number"} for index in range(width)
    ]
    classes = tuple(facts.get("classes") or ())
    outputs = tuple(OutputField(part["name"], part["type"]) for part in facts.get("outputs") or ())
    return Signature(
        inputs=tuple(SignatureField(part["name"], part["type"], required=False) for part in fields),
        target="target",
        classes=classes,
        positive=classes[1] if facts["task"] == "binary" else "",
        task=facts["task"],
        gives=facts["gives"],
        levels=tuple(facts.get("levels") or ()),
        outputs=outputs,
    )


def largest_difference(
    rows: list[list[Any]], predicted: list[list[Any]], signature: Signature
) -> float:
    """Between raw rows and MLflow's answers: of numbers, or 1 where a label is another."""
    if len(rows) != len(predicted):
        return math.inf
    pairs = zip(rows, predicted, strict=True)
    return max(_difference(ours, theirs, signature) for ours, theirs in pairs)


def _difference(row: list[Any], other: list[Any], signature: Signature) -> float:
    if isinstance(other[-1], dict):  # ONNX: the label, then a map of probabilities
        return max(abs(p - other[-1][str(c)]) for p, c in zip(row, signature.classes, strict=True))
    if signature.task == "multilabel":
        return max(_distance(int(p > 0.5), b) for p, b in zip(row, other, strict=True))
    if len(other) == len(row) + 1 and signature.gives == "probability":
        other = other[1:]  # ONNX: the label, then the probabilities
    if len(other) == len(row):
        return max(_distance(a, b) for a, b in zip(row, other, strict=True))
    if len(other) != 1 or not signature.classes:
        return math.inf
    label = signature.classes[max(range(len(row)), key=row.__getitem__)]
    if other[0] == label:
        return 0.0
    is_score = len(row) == 2 and isinstance(other[0], float) and other[0] not in (0.0, 1.0)
    return _distance(row[1], other[0]) if is_score else 1.0


def _distance(a: Any, b: Any) -> float:
    if isinstance(a, int | float) and isinstance(b, int | float):
        return abs(a - b) / max(1.0, abs(b))
    return 0.0 if a == b else 1.0


if __name__ == "__main__":
    folder = Path(sys.argv[1] if len(sys.argv) > 1 else os.environ["PROOFS"]).resolve()
    folder.mkdir(parents=True, exist_ok=True)
    sys.exit(main(folder, sys.argv[2:]))
