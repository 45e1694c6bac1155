"""Exports of versions: the same bytes each time, all that is left out said, and equal answers."""

from __future__ import annotations

import ast
import asyncio
import json
import pickle
import zipfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from harness.serving import EXAMPLE, SIGNATURE, register, trained
from pilothouse.deployments.access.key_ring import CallLimits
from pilothouse.deployments.standalone.scorer import Scorer
from pilothouse.deployments.standalone.standalone_server import application
from pilothouse.deployments.tables import Deployment
from pilothouse.interop.exporting.archive import tar_gz, write_zip
from pilothouse.interop.exporting.export_notes import fenced
from pilothouse.interop.exporting.package_lock import cleaned_lock, installed_lock, merged
from pilothouse.interop.exporting.plan import Content
from pilothouse.interop.exporting.server_modules import server_modules
from pilothouse.interop.exporting.subject import label_of
from pilothouse.interop.exporting.targets import export_targets
from pilothouse.kit.errors import Invalid, NotFound
from pilothouse.kit.parameters import read_params
from pilothouse.kit.settings import Settings
from pilothouse.models.signature import Signature
from pilothouse.storage import open_store
from pilothouse.storage.migrate import migrate
from pilothouse.testing.export_targets import export_subjects
from pilothouse.workspace import Workspace

DEPLOYMENT = "late_prod"
RECORDS = [
    {"distance": 500.0, "carrier": "AA", "wind": 9.5},
    {"distance": 900.0, "carrier": "ZZ", "wind": None},
    {"distance": 300.0, "carrier": "B6", "wind": 13.0},
]
THRESHOLD = 0.3


@pytest.fixture(scope="module")
def exporting(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workspace]:
    """A version with a threshold of its own, and a deployment with every setting."""
    store = open_store(Settings(workspace=tmp_path_factory.mktemp("exports"), actor="ada"))
    migrate(store)
    register(store, "late", trained(), signature=replace(SIGNATURE, threshold=THRESHOLD))
    register(store, "vague", b"nothing", signature=Signature(inputs=(), task="unspecified"))
    workspace = Workspace(store)
    workspace.deployments.launch(DEPLOYMENT, "late", 1)
    workspace.deployments.scale(DEPLOYMENT, 3, most=8)
    workspace.deployments.set_limits(
        DEPLOYMENT, CallLimits(max_concurrent=20, per_second=0.05, burst=3)
    )
    workspace.deployments.set_sleep(DEPLOYMENT, 30.0)
    workspace.deployments.create_api_key("for the shop", ["predict"], [DEPLOYMENT])
    yield workspace
    store.engine.dispose()


@pytest.fixture(scope="module")
def model_folder(exporting: Workspace, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the model in an unpacked export."""
    folder = tmp_path_factory.mktemp("unpacked")
    written = exporting.exports.write("container", "late", 1, folder / "c.zip", DEPLOYMENT)
    zipfile.ZipFile(written.path).extractall(folder)
    return folder / "model"


def test_every_target_writes_the_same_bytes_twice(exporting: Workspace, tmp_path: Path) -> None:
    for target in export_targets.names():
        first = exporting.exports.write(target, "late", 1, tmp_path / "a.zip", DEPLOYMENT)
        again = exporting.exports.write(target, "late", 1, tmp_path / "b.zip", DEPLOYMENT)
        assert first.sha256 == again.sha256, target
        names = zipfile.ZipFile(first.path).namelist()
        assert set(names) == set(first.preview.paths)


def test_what_cannot_be_carried_over_is_said_in_the_archive_too(
    exporting: Workspace, tmp_path: Path
) -> None:
    written = exporting.exports.write("container", "late", 1, tmp_path / "c.zip", DEPLOYMENT)
    notes = zipfile.ZipFile(written.path).read("NOTES.md").decode()
    for line in (*written.preview.left_out, *written.preview.carried):
        assert line in notes
    assert "API keys" in notes
    assert "threshold 0.3" in notes


def test_an_export_holds_no_key(exporting: Workspace, tmp_path: Path) -> None:
    key = exporting.deployments.create_api_key("another", ["predict"], [DEPLOYMENT])
    written = exporting.exports.write("kubernetes", "late", 1, tmp_path / "k.zip", DEPLOYMENT)
    archive = zipfile.ZipFile(written.path)
    everything = b"".join(archive.read(name) for name in archive.namelist())
    assert key.key.encode() not in everything
    assert str(exporting.folder).encode() not in everything


def test_an_export_is_an_entry_of_the_activity_log(exporting: Workspace, tmp_path: Path) -> None:
    written = exporting.exports.write("compose", "late", 1, tmp_path / "c.zip", DEPLOYMENT)
    entry = exporting.activity.entries(size=1).iloc[0]
    assert (entry["verb"], entry["ref"]) == ("exported", "late@1")
    expected = {"target": "compose", "deployment": DEPLOYMENT, "sha256": written.sha256}
    assert entry["after"] == expected


def test_a_deployments_replicas_are_carried_to_kubernetes(
    exporting: Workspace, tmp_path: Path
) -> None:
    archive = zipfile.ZipFile(
        exporting.exports.write("kubernetes", "late", 1, tmp_path / "k.zip", DEPLOYMENT).path
    )
    scaler = yaml.safe_load(archive.read("kubernetes/autoscaler.yaml"))
    assert (scaler["spec"]["minReplicas"], scaler["spec"]["maxReplicas"]) == (3, 8)
    deployment = yaml.safe_load(archive.read("kubernetes/deployment.yaml"))
    assert "replicas" not in deployment["spec"]
    assert deployment["metadata"]["name"] == "late-prod"
    options = {"autoscale": False, "replicas": 2}
    fixed = exporting.exports.preview("kubernetes", "late", 1, DEPLOYMENT, options)
    assert "kubernetes/autoscaler.yaml" not in fixed.paths


def test_the_steps_of_a_running_canary_are_files_of_kserve(exporting: Workspace) -> None:
    register(exporting.store, "late", trained(0.1))
    exporting.deployments.launch("canary", "late", 1)
    with exporting.store.write() as session:
        row = session.get(Deployment, "canary")
        assert row is not None
        row.serving_version = 1
        session.add(row)
    exporting.deployments.start_rollout("canary", 2, "canary", {"steps": [5, 25]})
    tried = exporting.exports.preview("kserve", "late", 2, "canary")
    steps = [path for path in tried.paths if path.startswith("kserve/canary")]
    assert steps == ["kserve/canary-1-5-percent.yaml", "kserve/canary-2-25-percent.yaml"]
    assert any("beside version 1: 5 % for 600 s" in line for line in tried.carried)
    stable = exporting.exports.preview("kserve", "late", 1, "canary")
    assert any("its stable version" in line for line in stable.left_out)
    elsewhere = exporting.exports.preview("compose", "late", 2, "canary")
    assert any("version 1 is an export of its own" in line for line in elsewhere.left_out)


def test_what_cannot_be_served_is_offered_nowhere(exporting: Workspace) -> None:
    offers = exporting.exports.offers("vague", 1)
    assert all("does not say its inputs" in offer.reason for offer in offers)
    assert not any(offer.reason for offer in exporting.exports.offers("late", 1))


def test_wrong_names_and_options_are_refused(exporting: Workspace) -> None:
    exports = exporting.exports
    with pytest.raises(NotFound, match="no export target"):
        exports.preview("mainframe", "late", 1)
    with pytest.raises(Invalid, match="between 1 and"):
        exports.preview("compose", "late", 1, options={"port": 0})
    exporting.deployments.add_external("elsewhere", "late", 1)
    with pytest.raises(Invalid, match="served elsewhere"):
        exports.preview("compose", "late", 1, "elsewhere")


def test_the_exported_server_answers_with_the_same_figures(
    exporting: Workspace, model_folder: Path
) -> None:
    expected = trained_probabilities(exporting)
    scorer = Scorer.load(model_folder)
    answer = scorer.answer(json.dumps({"dataframe_records": RECORDS}).encode(), "invocations")
    body = json.loads(answer.body)
    assert body["scores"] == expected
    assert body["predictions"] == [int(score >= THRESHOLD) for score in expected]
    assert len(set(body["predictions"])) == 2, "the rows must show the threshold"
    parquet = scorer.answer(b"PAR1", "invocations", "application/vnd.apache.parquet")
    assert parquet.status in (415, 422)
    refused = scorer.answer(b'{"dataframe_records": [{"distance": "far"}]}', "invocations")
    assert refused.status == 422
    assert "carrier" in json.loads(refused.body)["error"]


def trained_probabilities(workspace: Workspace) -> list[float]:
    import io

    import joblib
    import pandas as pd

    data = workspace.store.artifacts.read(workspace.registry.version("late", 1).digest)
    model = joblib.load(io.BytesIO(data))
    scores: list[float] = model.predict_proba(pd.DataFrame(RECORDS))[:, 1].tolist()
    return scores


def test_a_file_from_elsewhere_keeps_its_names_and_its_threshold(
    exporting: Workspace, tmp_path: Path
) -> None:
    import joblib
    from sklearn.linear_model import LogisticRegression

    rows = [[0.1, 2.0], [0.9, -1.0], [0.5, 0.4], [0.4, -0.2]]
    model = LogisticRegression().fit(rows, [0, 1, 1, 0])
    joblib.dump(model, tmp_path / "model.joblib")
    registry = exporting.registry
    registry.register_files("foreign", tmp_path / "model.joblib")
    classes, inputs = ["stays", "leaves"], {"size": "number", "age": "number"}
    registry.describe(
        "foreign", 1, "binary", classes=classes, positive="leaves", threshold=0.55, inputs=inputs,
        gives="probability",
    )  # fmt: skip
    written = exporting.exports.write("container", "foreign", 1, tmp_path / "f.zip")
    zipfile.ZipFile(written.path).extractall(tmp_path / "f")
    records = [dict(zip(inputs, row, strict=True)) for row in rows]
    scorer = Scorer.load(tmp_path / "f" / "model")
    body = json.dumps({"dataframe_records": records}).encode()
    answer = json.loads(scorer.answer(body, "invocations").body)
    scores = model.predict_proba(rows)[:, 1].tolist()
    assert answer["scores"] == pytest.approx(scores, abs=1e-12)
    assert answer["predictions"] == [classes[score >= 0.55] for score in scores]


def test_own_code_that_nobody_approved_is_not_exported(
    exporting: Workspace, tmp_path: Path
) -> None:
    (tmp_path / "code.pkl").write_bytes(pickle.dumps(print))
    exporting.registry.register_files("own", tmp_path / "code.pkl")
    inputs = {"size": "number"}
    exporting.registry.describe("own", 1, "regression", inputs=inputs)
    offers = exporting.exports.offers("own", 1)
    assert all("nobody has approved" in offer.reason for offer in offers)


def test_terraform_and_seldon_have_the_objects_of_a_canary() -> None:
    """Neither system can be run here: these are the fields that their published types have."""
    served, plain = export_subjects()
    target = export_targets.get("seldon")
    files = target.plan(served, read_params("", target.parameters, {})).files
    model = loaded(files["seldon/model.yaml"])
    assert set(model["spec"]) <= SELDON_MODEL
    experiment = loaded(files["seldon/experiment.yaml"])["spec"]
    assert set(experiment) <= {"default", "candidates", "mirror", "resourceType"}
    assert [part["weight"] for part in experiment["candidates"]] == [95, 5]
    assert experiment["candidates"][1]["name"] == model["metadata"]["name"]

    target = export_targets.get("terraform")
    files = target.plan(plain, read_params("", target.parameters, {"image": 'a"${b}'})).files
    main = files["terraform/main.tf"]
    assert isinstance(main, bytes)
    assert b'default     = "a\\"$${b}"' in main
    manifest = files["terraform/manifests/deployment.yaml"]
    assert isinstance(manifest, bytes)
    assert b"image: ${jsonencode(image)}" in manifest
    assert b"namespace: ${namespace}" in manifest


def loaded(content: Content) -> Any:
    assert isinstance(content, bytes)
    return yaml.safe_load(content)


SELDON_MODEL = {
    *("storageUri", "modelType", "artifactVersion", "schemaUri", "secretName", "requirements"),
    *("memory", "server", "preLoaded", "dedicated", "logger", "explainer", "parameters", "llm"),
    *(
        "replicas",
        "minReplicas",
        "maxReplicas",
        "dataflow",
        "storageConfig",
        "inferenceArtifactSvc",
    ),
}


def test_the_exported_server_has_the_routes_and_the_limits(
    exporting: Workspace, model_folder: Path
) -> None:
    settings = json.loads((model_folder / "server.json").read_text())
    assert (settings["max_concurrent"], settings["per_second"], settings["burst"]) == (20, 0.05, 3)

    async def calls() -> dict[str, httpx.Response]:
        transport = httpx.ASGITransport(application(model_folder))
        async with httpx.AsyncClient(transport=transport, base_url="http://export") as client:
            records: dict[str, Any] = {"dataframe_records": RECORDS}
            answers = {path: await client.get(path) for path in PAGES}
            answers["infer"] = await client.post(
                f"/v1/models/{DEPLOYMENT}:predict", json={"instances": RECORDS}
            )
            answers["other"] = await client.post("/deployments/other/invocations", json=records)
            answers["get"] = await client.get("/invocations")
            for _ in range(6):
                answers["last"] = await client.post("/invocations", json=records)
            answers["/metrics"] = await client.get("/metrics")
            return answers

    answers = asyncio.run(calls())
    assert {path: answers[path].status_code for path in PAGES} == dict.fromkeys(PAGES, 200)
    assert answers["infer"].status_code == 200
    assert answers["infer"].headers["x-model-version"] == "1"
    assert (answers["other"].status_code, answers["get"].status_code) == (404, 405)
    assert answers["last"].status_code == 429
    assert 'status="429"}' in answers["/metrics"].text


PAGES = ("/v2", "/v2/health/live", "/v2/health/ready", f"/v2/models/{DEPLOYMENT}", "/ping",
         "/healthz", "/")  # fmt: skip


def test_the_copied_modules_import_only_each_other() -> None:
    modules = server_modules()
    there = {path.removesuffix(".py").removesuffix("/__init__") for path in modules}
    missing = {
        (path, name)
        for path, source in modules.items()
        for name in imported(ast.parse(source))
        if name.replace(".", "/") not in there
    }
    lazily = {"deployments/__init__.py", "training/__init__.py", "__init__.py"}
    missing = {pair for pair in missing if pair[0].removeprefix("pilothouse/") not in lazily}
    # To write a log, which an export has not.
    missing.discard(
        (
            "pilothouse/deployments/gateway/labels.py",
            "pilothouse.deployments.prediction_log.journal",
        )
    )
    assert missing == set()


def imported(node: ast.AST) -> Iterator[str]:
    """The modules of Pilothouse that a module imports, but for types."""
    if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test):
        return
    if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("pilothouse"):
        yield node.module or ""
    for child in ast.iter_child_nodes(node):
        yield from imported(child)


def test_commands_stand_between_fences() -> None:
    assert fenced("    a\n    b\n\nthen\n\n    c") == "```sh\na\nb\n```\n\nthen\n\n```sh\nc\n```"


def test_a_lock_has_no_addresses() -> None:
    lines = [
        "numpy==2.4.6 \\",
        "    --hash=sha256:abc",
        "torch==2.13.0+cpu",
        "mine @ https://user:secret@host/mine.whl",
        "# by uv",
        "--index-url https://user:secret@host/simple",
        "scikit_learn==1.9.1  # via x",
    ]
    pins, notes = cleaned_lock(lines)
    assert pins == ("numpy==2.4.6", "scikit-learn==1.9.1", "torch==2.13.0")
    assert len(notes) == 2
    assert "secret" not in " ".join(notes)
    assert merged(["orjson==3.0"], ["orjson==3.13.0", "h11==1"]) == ("h11==1", "orjson==3.0")


def test_what_is_installed_is_pinned_with_all_that_it_needs() -> None:
    names = {line.partition("==")[0] for line in installed_lock(["scikit-learn", "absent-thing"])}
    assert {"scikit-learn", "scipy", "numpy", "joblib", "threadpoolctl"} <= names
    assert "absent-thing" not in names


def test_an_archive_depends_on_its_files_alone(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"1")
    files = {"b": b"2", "a/c": tmp_path / "file"}
    first = write_zip(tmp_path / "1.zip", files)
    assert first == write_zip(tmp_path / "2.zip", dict(reversed(files.items())))
    assert tar_gz(files) == tar_gz(dict(reversed(files.items())))
    for bad in ("../x", "/x", "a//b"):
        with pytest.raises(Invalid):
            write_zip(tmp_path / "bad.zip", {bad: b""})
    assert not (tmp_path / "bad.zip").exists()


@pytest.mark.parametrize(
    ("name", "label"),
    [
        ("Churn.v1_prod", "churn-v1-prod"),
        ("3rd", "model-3rd"),
        ("___", "model"),
        ("a" * 90, "a" * 50),
    ],
)
def test_a_name_becomes_a_label(name: str, label: str) -> None:
    assert label_of(name) == label


def test_the_example_is_in_the_launch(model_folder: Path) -> None:
    launch = json.loads((model_folder / "launch.json").read_text())
    assert launch["example"] == EXAMPLE
    assert launch["deployment"] == DEPLOYMENT
    assert launch["socket"] == ""
