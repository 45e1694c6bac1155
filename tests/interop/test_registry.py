"""Versions over the protocol: where they may come from, and what our own registry makes of them."""

from __future__ import annotations

import json
from typing import Any

import pytest

from harness.open_gates import open_gates
from harness.policies import set_gates
from harness.serving import EXAMPLE, SIGNATURE
from harness.tracking_calls import Caller
from pilothouse.kit.errors import Refused
from pilothouse.registry.policy import GateRule
from pilothouse.workspace import Workspace

pytestmark = pytest.mark.parametrize("database", ["sqlite", "postgresql"], indirect=True)

BAD = "INVALID_PARAMETER_VALUE"
FILES = "/api/2.0/mlflow-artifacts/artifacts"


@pytest.fixture
def run(caller: Caller) -> str:
    """A run with one model file; the registered model `m` waits for versions."""
    made = caller.run()
    caller.send("PUT", f"{FILES}/0/{made}/artifacts/model/MLmodel", content=b"flavors: {}")
    caller.post("registered-models/create", name="m")
    return made


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("runs:/RUN/model", "The run_id request parameter must identify"),
        ("mlflow-artifacts:/0/RUN/artifacts/model", "The run_id request parameter must identify"),
        ("mlflow-artifacts:/0/other", "The run_id request parameter must identify"),
        ("models:/m-1234", "The model_id request parameter must identify"),
        ("/etc/passwd", "To use a local path as a model version source"),
        ("file:///etc", "To use a local path as a model version source"),
        ("relative/path", "To use a local path as a model version source"),
        ("C:\\windows", "To use a local path as a model version source"),
        ("s3://bucket", "without relative path references present"),
        ("http://inner/x", "cannot use the 'http' scheme"),
    ],
)
def test_a_source_outside_what_the_request_names_is_refused(
    caller: Caller, run: str, source: str, words: str
) -> None:
    fields = {"name": "m", "source": source.replace("RUN", run)}
    status, code, message = caller.refused("POST", "model-versions/create", json=fields)
    assert (status, code) == (400, BAD)
    assert words in message


@pytest.mark.parametrize(
    "tail", ["/../../x", "/%2e%2e/x", "/%252e%252e/x", "/a/..%2f..", "/..%5cx", "?path=/etc", "#x"]
)
def test_a_source_that_climbs_is_refused_however_it_is_written(
    caller: Caller, run: str, tail: str
) -> None:
    for root in (f"mlflow-artifacts:/0/{run}/artifacts", f"runs:/{run}/model"):
        fields = {"name": "m", "source": root + tail, "run_id": run}
        assert caller.refused("POST", "model-versions/create", json=fields)[:2] == (400, BAD)


def test_a_version_is_a_named_import_with_the_digest_of_its_files(
    caller: Caller, run: str, ours: Workspace
) -> None:
    source = f"runs:/{run}/model"
    made = caller.post("model-versions/create", name="m", source=source, run_id=run)
    told = made["model_version"]
    assert (told["version"], told["current_stage"], told["status"]) == ("1", "None", "READY")
    where = caller.get("model-versions/get-download-uri", name="m", version="1")["artifact_uri"]
    assert where == f"mlflow-artifacts:/0/{run}/artifacts/model"
    seen = ours.registry.version("m", 1)
    assert (seen.import_source, seen.run_id) == (f"MLflow: {source}", run)
    [file] = json.loads(ours.store.artifacts.read(seen.digest))["files"]
    assert ours.store.artifacts.read(file["sha256"]) == b"flavors: {}"
    target = "/model-versions/get-artifact?name=m&version=1&path=MLmodel"
    assert caller.send("GET", target).content == b"flavors: {}"
    with pytest.raises(Refused, match="does not say its inputs"):
        ours.deployments.launch("m", "m", 1)
    assert ours.registry.assess("m", 1, "production").verdicts is not None


def test_a_copy_of_a_version_and_a_source_kept_elsewhere(caller: Caller, run: str) -> None:
    caller.post("model-versions/create", name="m", source=f"runs:/{run}/model", run_id=run)
    copied = caller.post("model-versions/create", name="m", source="models:/m/1")["model_version"]
    assert copied["run_id"] == run
    kept = caller.post("model-versions/create", name="m", source="s3://bucket/key", run_link="x")
    assert (kept["model_version"]["version"], kept["model_version"]["run_link"]) == ("3", "x")
    where = caller.get("model-versions/get-download-uri", name="m", version="3")
    assert where == {"artifact_uri": "s3://bucket/key"}
    fields = {"name": "m", "source": "models:/m/9"}
    assert caller.refused("POST", "model-versions/create", json=fields)[0] == 404


def test_our_own_versions_pass_their_gates_or_are_refused(caller: Caller, ours: Workspace) -> None:
    run = ours.experiments.start("native")
    ours.experiments.log_metrics(run, {"roc_auc": 0.9})
    ours.experiments.log_artifact(run, "model/model.joblib", b"model")
    signature = json.dumps(SIGNATURE.to_json()).encode()
    ours.experiments.log_artifact(run, "model/signature.json", signature)
    ours.experiments.log_artifact(run, "model/input_example.json", json.dumps(EXAMPLE).encode())
    ours.experiments.finish(run)
    ours.registry.register("late", run)
    told = caller.get("model-versions/get", name="late", version="1")["model_version"]
    assert (told["source"], told["run_id"]) == (f"runs:/{run}/model", run)
    expected = ours.registry.assess("late", 1, "production")
    move = {"name": "late", "version": "1", "stage": "Production"}
    answer = caller.send("POST", "model-versions/transition-stage", json=move)
    pointed = caller.send(
        "POST",
        "registered-models/alias",
        json={"name": "late", "alias": "champion", "version": "1"},
    )
    assert answer.status_code == pointed.status_code == (200 if expected.accepted else 403)
    archived = {"name": "late", "version": "1", "stage": "Archived"}
    assert caller.send("POST", "model-versions/transition-stage", json=archived).status_code == 200
    assert ours.registry.version("late", 1).stage == "archived"


def test_a_refused_client_archives_nothing(caller: Caller, run: str, ours: Workspace) -> None:
    fields: dict[str, Any] = {"name": "m", "source": f"runs:/{run}/model", "run_id": run}
    for _ in range(2):
        caller.post("model-versions/create", **fields)
    open_gates(ours, "m", 1, 2)
    caller.post("model-versions/transition-stage", name="m", version="1", stage="Production")

    set_gates(ours, "production", [GateRule("has_contract")])
    move = {"name": "m", "version": "2", "stage": "Production", "archive_existing_versions": True}
    status, code, _ = caller.refused("POST", "model-versions/transition-stage", json=move)
    assert (status, code) == (403, "PERMISSION_DENIED")
    alias = {"name": "m", "alias": "champion", "version": "2"}
    assert caller.refused("POST", "registered-models/alias", json=alias)[0] == 403
    champion = ours.registry.champion("m")
    assert champion is not None
    assert champion.version == 1
    assert ours.registry.versions("m")["stage"].tolist() == ["none", "production"]


def test_stages_and_aliases_are_seen_from_both_sides(
    caller: Caller, run: str, ours: Workspace
) -> None:
    fields: dict[str, Any] = {"name": "m", "source": f"runs:/{run}/model", "run_id": run}
    for _ in range(2):
        caller.post("model-versions/create", **fields)
    moves = ("POST", "model-versions/transition-stage")
    move = {"name": "m", "version": "1", "stage": "Production"}
    status, code, message = caller.refused(*moves, json=move)
    assert (status, code) == (403, "PERMISSION_DENIED")
    assert "pilothouse models assess m 1 production" in message

    open_gates(ours, "m", 1, 2)
    for version in ("1", "2"):
        caller.post(
            "model-versions/transition-stage", name="m", version=version, stage="Production"
        )
    frame = ours.registry.versions("m")
    assert frame["stage"].tolist() == ["production", "archived"]
    champion = ours.registry.champion("m")
    assert champion is not None
    assert champion.version == 2
    ours.registry.archive("m", 2, "tired")
    ours.registry.set_alias("m", "old", 1)
    told = caller.get("registered-models/get", name="m")["registered_model"]
    assert told["aliases"] == [{"alias": "old", "version": "1"}]
    stages = {each["version"]: each["current_stage"] for each in told["latest_versions"]}
    assert stages == {"2": "Archived"}
    assert ours.activity.verify().intact


@pytest.mark.parametrize(
    ("claim", "expected"),
    [
        ("name = 'm'", ["1", "2"]),
        ("name LIKE 'M%'", []),
        ("name ILIKE 'M%'", ["1", "2"]),
        ("name IN ('m', 'x') AND run_id NOT IN ('x')", ["1", "2"]),
        ("source_path = 's3://b/k'", ["2"]),
        ("version_number > 1", ["2"]),
        ("version_number = '1'", ["1"]),
        ("tags.k = 'v'", ["2"]),
        ("tags.k IS NULL", ["1"]),
        ("tags.`mlflow.prompt.is_prompt` != 'true'", ["1", "2"]),
    ],
)
def test_versions_are_found(caller: Caller, run: str, claim: str, expected: list[str]) -> None:
    caller.post("model-versions/create", name="m", source=f"runs:/{run}/model", run_id=run)
    tags = [{"key": "k", "value": "v"}]
    caller.post("model-versions/create", name="m", source="s3://b/k", tags=tags)
    order = {"filter": claim, "order_by": ["version_number ASC"]}
    found = caller.get("model-versions/search", **order).get("model_versions", [])
    assert [each["version"] for each in found] == expected


@pytest.mark.parametrize(
    ("claim", "expected"),
    [
        ("name = 'm'", ["m"]),
        ("name IN ('m', 'n')", ["m", "n"]),
        ("tags.a = 'b'", ["n"]),
        ("tags.zz != 'b'", []),
        ("tag.`mlflow.prompt.is_prompt` != 'true'", ["m", "n"]),
    ],
)
def test_models_are_found(caller: Caller, run: str, claim: str, expected: list[str]) -> None:
    caller.post("registered-models/create", name="n", tags=[{"key": "a", "value": "b"}])
    found = caller.get("registered-models/search", filter=claim, order_by="name ASC")
    assert [each["name"] for each in found.get("registered_models", [])] == expected


@pytest.mark.parametrize(
    ("alias", "words"),
    [
        ("latest", "'latest' alias name (case insensitive) is reserved."),
        ("v1", "Version alias name 'v1' is reserved."),
        ("a b", "Invalid alias name: 'a b'."),
    ],
)
def test_some_words_cannot_be_an_alias(caller: Caller, run: str, alias: str, words: str) -> None:
    caller.post("model-versions/create", name="m", source=f"runs:/{run}/model", run_id=run)
    fields = {"name": "m", "alias": alias, "version": "1"}
    status, code, message = caller.refused("POST", "registered-models/alias", json=fields)
    assert (status, code) == (400, BAD)
    assert message.startswith(words)


def test_a_source_in_runs_that_are_not_here_is_kept_as_it_is(caller: Caller) -> None:
    caller.post("registered-models/create", name="m")
    source = {"source": "runs:/elsewhere/model"}
    for run in ({}, {"run_id": "elsewhere"}, {"run_id": "another"}):
        caller.post("model-versions/create", name="m", **source, **run)
    here = caller.run()
    for run_id, place in ((here, "runs:/elsewhere/model"), ("another", f"runs:/{here}/model")):
        fields = {"name": "m", "source": place, "run_id": run_id}
        assert caller.refused("POST", "model-versions/create", json=fields)[0] == 400
    fields = {"name": "m", "source": f"runs:/{here}/model"}
    assert caller.refused("POST", "model-versions/create", json=fields)[0] == 400


def test_searches_and_models_leave_out_the_aliases_of_versions(caller: Caller) -> None:
    caller.post("registered-models/create", name="m")
    caller.post("model-versions/create", name="m", source="s3://b/k")
    caller.post("registered-models/alias", name="m", alias="best", version="1")
    told = caller.get("registered-models/get", name="m")["registered_model"]
    assert told["aliases"] == [{"alias": "best", "version": "1"}]
    assert "aliases" not in told["latest_versions"][0]
    assert "aliases" not in caller.get("model-versions/search")["model_versions"][0]
    one = caller.get("model-versions/get", name="m", version="1")["model_version"]
    assert one["aliases"] == ["best"]
