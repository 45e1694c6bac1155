"""Models that an MLflow client logs: described, promoted, launched, and answering as its own do."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from harness.mlflow_server import run_client
from harness.policies import set_gates
from harness.serving import ServerProcess, Worker
from harness.tracking_calls import Caller
from pilothouse.deployments.scoring import score_frame
from pilothouse.kit.settings import Settings
from pilothouse.models.audit import DATA_ONLY, KNOWN_CLASSES, OWN_CODE
from pilothouse.workspace import Workspace, open_workspace

for library in ("mlflow", "xgboost", "lightgbm"):
    pytest.importorskip(library)
SCRIPT = Path(__file__).with_name("live_models.py")
ADDRESS = "http://127.0.0.1:5000"
THREE = {"classes": ("low", "mid", "top"), "gives": "probability"}
DESCRIPTIONS: Mapping[str, dict[str, Any]] = {
    "sklearn": {"task": "multiclass", **THREE},
    "pickled": {"task": "multiclass", **THREE},
    "onnx": {"task": "multiclass", **THREE},
    "xgboost": {"task": "regression", "unit": "EUR"},
    "lightgbm": {
        "task": "binary",
        "classes": ("on time", "late"),
        "positive": "late",
        "gives": "probability",
    },
    "pyfunc": {"task": "unspecified", "outputs": ("low", "middle", "high")},
}
BADGES = {
    "sklearn": KNOWN_CLASSES,
    "pickled": KNOWN_CLASSES,
    "onnx": DATA_ONLY,
    "xgboost": DATA_ONLY,
    "lightgbm": DATA_ONLY,
    "pyfunc": OWN_CODE,
}


@dataclass(frozen=True)
class Logged:
    """A workspace to which a client has logged its models, and what these predict."""

    workspace: Workspace
    url: str
    rows: list[dict[str, Any]]
    answers: dict[str, list[Any]]

    def expected(self, name: str) -> list[Any]:
        """The raw rows of a model, as the client's own library predicts."""
        if name not in self.answers:
            pytest.skip(f"the client has no library for {name}")
        values = self.answers[name]
        if name == "lightgbm":  # it gives the probability of the second class
            return [[1 - value, value] for value in values]
        return [value if isinstance(value, list) else [value] for value in values]


@pytest.fixture(scope="module")
def logged(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Logged]:
    folder = tmp_path_factory.mktemp("live")
    workspace = open_workspace(settings=Settings(workspace=folder / "workspace", actor="ada"))
    with ServerProcess(workspace.store) as server:
        content = _run_script(server.url, folder)
        yield Logged(workspace, server.url, content["rows"], content["answers"])
    workspace.store.engine.dispose()


def _run_script(url: str, folder: Path) -> dict[str, Any]:
    script = folder / "live_models.py"
    script.write_text(SCRIPT.read_text(encoding="utf-8").replace(ADDRESS, url), encoding="utf-8")
    output = run_client(script, folder=folder, MLFLOW_HTTP_REQUEST_MAX_RETRIES="0")
    content: dict[str, Any] = json.loads(output.splitlines()[-1])
    return content


def _quiet(fraction: float, message: str) -> None:
    del fraction, message


@pytest.mark.timeout(600)
@pytest.mark.parametrize("name", DESCRIPTIONS)
def test_a_logged_model_goes_to_production_and_answers_as_its_author_does(
    logged: Logged, name: str
) -> None:
    import pandas as pd

    expected = logged.expected(name)
    registry, deployments = logged.workspace.registry, logged.workspace.deployments
    audit = registry.code_audit(name, 1)
    assert audit is not None
    assert audit.badge == BADGES[name]
    assert "pilothouse models describe" in deployments.not_servable(name, 1)
    if audit.is_own_code:
        assert registry.inspection(name, 1) is None
        registry.approve_code(name, 1, "read it")

    facts = registry.inspection(name, 1)
    assert facts is not None
    assert facts["answer"] == [pytest.approx(row, rel=1e-5) for row in expected[:3]] or (
        name == "lightgbm"  # a booster gives one number: its second class is inferred
    )
    description = dict(DESCRIPTIONS[name])
    registry.describe(name, 1, description.pop("task"), **description)

    set_gates(logged.workspace, "production", ())
    move = {"name": name, "version": "1", "stage": "Production"}
    caller = Caller(logged.url)
    caller.post("model-versions/transition-stage", **move)
    caller.http.close()
    champion = registry.champion(name)
    assert champion is not None

    frame = pd.DataFrame(logged.rows)
    scored = score_frame(logged.workspace.store, champion, frame, _quiet)
    assert len(scored.rows) == len(expected)
    for row, own_row in zip(scored.rows, expected, strict=True):
        assert row == pytest.approx(own_row, rel=1e-5, abs=1e-6)
    assert all(step.done for step in deployments.readiness(name, 1))


@pytest.mark.timeout(300)
def test_a_deployment_serves_a_logged_model(logged: Logged) -> None:
    registry, deployments = logged.workspace.registry, logged.workspace.deployments
    if not registry.version("xgboost", 1).signature.is_described:
        registry.describe("xgboost", 1, "regression")
    with Worker(logged.workspace.store):
        deployments.launch("served", "xgboost", 1, "a test")
        deployments.wait_until_ready("served")
        answer = deployments.predict("served", logged.rows[:5])
    expected = logged.answers["xgboost"][:5]
    assert [row["prediction"] for row in answer] == pytest.approx(expected, rel=1e-5)
    assert "serves it" in registry.reason_not_described("xgboost", 1)


def test_libraries_that_pilothouse_lacks_are_named_before_a_launch(
    logged: Logged, tmp_path: Path
) -> None:
    logged.expected("sklearn")
    source = logged.workspace.registry.version("pickled", 1)
    assert source.package is not None
    folder = tmp_path / "model"
    for path, digest in source.package.files.items():
        target = folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(logged.workspace.store.artifacts.read(digest))
    lines = (folder / "requirements.txt").read_text().splitlines()
    old = ["scikit-learn==1.2.2" if "scikit-learn" in line else line for line in lines]
    (folder / "requirements.txt").write_text("\n".join(old))

    registry, deployments = logged.workspace.registry, logged.workspace.deployments
    registry.register_files("old", folder)
    registry.describe("old", 1, "multiclass", **THREE)
    [unmet] = deployments.unmet_requirements("old", 1)
    assert unmet.startswith("scikit-learn==1.2.* (has 1.")
    assert "scikit-learn==1.2.*" in deployments.not_servable("old", 1)

    deployments.request_environment("old", 1, "house")
    assert "being built" in deployments.not_servable("old", 1)
