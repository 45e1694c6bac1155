"""What clients write to runs after their end: kept with a trace, refused where a version rests."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import select
from sqlmodel import col

from harness.tracking_calls import Caller
from pilothouse.activity.tables import ActivityEntry
from pilothouse.workspace import Workspace

FILES = "/api/2.0/mlflow-artifacts/artifacts"
DENIED = (403, "PERMISSION_DENIED")
AT = 1_700_000_000_000


def put(caller: Caller, path: str, data: bytes) -> int:
    return caller.send("PUT", f"{FILES}/{path}", content=data).status_code


def remove(caller: Caller, path: str) -> int:
    return caller.send("DELETE", f"{FILES}/{path}").status_code


def point(run: str, key: str, value: float, step: int = 0) -> dict[str, Any]:
    return {"run_id": run, "key": key, "value": value, "timestamp": AT + step, "step": step}


def amended(workspace: Workspace) -> list[ActivityEntry]:
    """What the activity log says of late writes, the oldest first."""
    with workspace.store.read() as session:
        query = select(ActivityEntry).where(col(ActivityEntry.verb) == "amended")
        return list(session.scalars(query.order_by(col(ActivityEntry.seq))))


def finished(caller: Caller, *, files: tuple[str, ...] = ("model/MLmodel", "report.txt")) -> str:
    """A run with a metric, a parameter, a tag, a dataset and files that has ended."""
    run = caller.run()
    caller.post("runs/log-metric", **point(run, "auc", 0.7))
    caller.post("runs/log-parameter", run_id=run, key="depth", value="3")
    caller.post("runs/set-tag", run_id=run, key="team", value="north")
    caller.post("runs/log-inputs", run_id=run, datasets=[dataset("training")])
    for path in files:
        assert put(caller, f"0/{run}/artifacts/{path}", b"first") == 200
    caller.post("runs/update", run_id=run, status="FINISHED", end_time=AT + 5)
    return run


def dataset(context: str) -> dict[str, Any]:
    words = {"name": "rows", "digest": "abc", "source_type": "local", "source": "here"}
    return {"dataset": words, "tags": [{"key": "mlflow.data.context", "value": context}]}


def registered(caller: Caller, run: str, folder: str = "model") -> None:
    caller.send("POST", "registered-models/create", json={"name": "late"})
    source = f"runs:/{run}/{folder}"
    caller.post("model-versions/create", name="late", source=source, run_id=run)


def last(caller: Caller, run: str) -> dict[str, float]:
    data = caller.get("runs/get", run_id=run)["run"]["data"]
    return {metric["key"]: metric["value"] for metric in data["metrics"]}


class TestEnded:
    """A run that has ended, on which no version rests."""

    def test_what_is_written_then_is_kept_and_recorded(
        self, caller: Caller, ours: Workspace
    ) -> None:
        run = finished(caller)
        assert amended(ours) == []
        caller.post("runs/log-metric", **point(run, "auc", 0.9, 1))
        caller.post("runs/log-parameter", run_id=run, key="late", value="yes")
        caller.post("runs/set-tag", run_id=run, key="team", value="south")
        caller.post("runs/delete-tag", run_id=run, key="team")
        assert put(caller, f"0/{run}/artifacts/report.txt", b"second") == 200
        assert remove(caller, f"0/{run}/artifacts/report.txt") == 200
        caller.post("runs/log-inputs", run_id=run, datasets=[dataset("test")])
        entries = amended(ours)
        assert {entry.actor for entry in entries} == {"ada"}
        assert {(entry.kind, entry.ref) for entry in entries} == {("run", run)}
        pairs = [(entry.before, entry.after) for entry in entries]
        assert pairs[0] == ({"metrics": {"auc": 0.7}}, {"metrics": {"auc": 0.9}})
        assert pairs[1] == (None, {"params": {"late": "yes"}})
        assert pairs[2] == ({"tags": {"team": "north"}}, {"tags": {"team": "south"}})
        assert pairs[3] == ({"tags": {"team": "south"}}, None)
        before, after = pairs[4]
        assert before is not None
        assert after is not None
        assert before["file"] == after["file"] == "report.txt"
        assert before["digest"] != after["digest"]
        assert pairs[5] == ({"files": {"report.txt": after["digest"]}}, None)
        assert pairs[6] == (None, {"inputs": ["rows abc"]})
        assert ours.activity.verify().intact

    def test_another_end_and_another_name_are_recorded(
        self, caller: Caller, ours: Workspace
    ) -> None:
        run = finished(caller)
        caller.post("runs/update", run_id=run, status="FINISHED", end_time=AT + 99)
        caller.post("runs/update", run_id=run, run_name="other")
        first, second = amended(ours)
        assert (first.before, first.after) == ({"end_time": AT + 5}, {"end_time": AT + 99})
        assert second.after == {"tags": {"mlflow.runName": "other"}}

    def test_the_same_value_again_is_no_change(self, caller: Caller, ours: Workspace) -> None:
        run = finished(caller)
        caller.post("runs/log-parameter", run_id=run, key="depth", value="3")
        assert put(caller, f"0/{run}/artifacts/report.txt", b"first") == 200
        assert amended(ours) == []

    def test_a_run_that_runs_leaves_no_such_trace(self, caller: Caller, ours: Workspace) -> None:
        run = caller.run()
        caller.post("runs/log-metric", **point(run, "auc", 0.7))
        caller.post("runs/log-metric", **point(run, "auc", 0.8, 1))
        caller.post("runs/set-tag", run_id=run, key="a", value="b")
        assert put(caller, f"0/{run}/artifacts/a.txt", b"1") == 200
        assert put(caller, f"0/{run}/artifacts/a.txt", b"2") == 200
        assert amended(ours) == []


class TestHeld:
    """A run on which a registered version rests."""

    @pytest.fixture
    def run(self, caller: Caller) -> str:
        run = finished(caller)
        registered(caller, run)
        return run

    def test_its_metrics_stay(self, caller: Caller, run: str) -> None:
        refused = caller.refused("POST", "runs/log-metric", json=point(run, "auc", 0.99, 7))
        assert refused[:2] == DENIED
        assert "late@1" in refused[2]
        assert "'auc' is 0.7" in refused[2]
        batch = {"run_id": run, "metrics": [point(run, "auc", 0.99, 7)]}
        assert caller.refused("POST", "runs/log-batch", json=batch)[:2] == DENIED
        assert last(caller, run) == {"auc": 0.7}
        caller.post("runs/log-metric", **point(run, "auc", 0.7))  # a retry of what was kept

    def test_a_metric_under_another_name_is_kept_and_recorded(
        self, caller: Caller, ours: Workspace, run: str
    ) -> None:
        caller.post("runs/log-batch", run_id=run, metrics=[point(run, "auc_on_test", 0.6)])
        assert last(caller, run) == {"auc": 0.7, "auc_on_test": 0.6}
        assert [entry.after for entry in amended(ours)] == [{"metrics": {"auc_on_test": 0.6}}]
        assert ours.registry.version("late", 1).metrics == {"auc": 0.7}

    def test_it_cannot_be_opened_again_to_change_it(self, caller: Caller, run: str) -> None:
        caller.post("runs/update", run_id=run, status="RUNNING")
        assert caller.refused("POST", "runs/log-metric", json=point(run, "auc", 1.0, 8))[0] == 403
        assert put(caller, f"0/{run}/artifacts/model/MLmodel", b"other") == 403
        caller.post("runs/log-metric", **point(run, "accuracy_score", 0.5))  # mlflow.evaluate
        caller.post("runs/update", run_id=run, status="FINISHED", end_time=AT + 9)

    def test_its_files_stay(self, caller: Caller, run: str) -> None:
        root = f"0/{run}/artifacts"
        for path in ("model/MLmodel", "report.txt"):
            assert put(caller, f"{root}/{path}", b"other") == 403
            assert remove(caller, f"{root}/{path}") == 403
            assert caller.send("GET", f"{FILES}/{root}/{path}").content == b"first"
            assert put(caller, f"{root}/{path}", b"first") == 200
        assert put(caller, f"{root}/model/more.bin", b"x") == 403
        assert remove(caller, f"{root}/model") == 403
        assert remove(caller, root) == 403
        small = f"/ajax-api/2.0/mlflow/upload-artifact?run_uuid={run}&path=model/MLmodel"
        assert caller.send("POST", small, content=b"other").status_code == 403

    def test_a_file_beside_the_model_is_kept_and_recorded(
        self, caller: Caller, ours: Workspace, run: str
    ) -> None:
        for text in (b"{}", b'{"auc": 1}'):  # autologging writes this one anew
            assert put(caller, f"0/{run}/artifacts/metric_info.json", text) == 200
        assert put(caller, f"0/{run}/artifacts/confusion.png", b"x") == 200
        files = [entry.after["file"] for entry in amended(ours) if entry.after]
        assert files == ["metric_info.json", "metric_info.json", "confusion.png"]

    def test_tags_are_kept_but_those_that_are_evidence(
        self, caller: Caller, ours: Workspace
    ) -> None:
        run = caller.run()
        caller.post("runs/set-tag", run_id=run, key="training.held_out", value="rows")
        caller.post("runs/update", run_id=run, status="FINISHED", end_time=AT)
        registered(caller, run)
        caller.post("runs/set-tag", run_id=run, key="reviewed", value="yes")
        forged = {"run_id": run, "key": "training.held_out", "value": "others"}
        assert caller.refused("POST", "runs/set-tag", json=forged)[:2] == DENIED
        assert caller.refused("POST", "runs/delete-tag", json=forged)[:2] == DENIED
        batch = {"run_id": run, "tags": [{"key": "training.held_out", "value": "x"}]}
        assert caller.refused("POST", "runs/log-batch", json=batch)[:2] == DENIED
        assert [entry.after for entry in amended(ours)] == [{"tags": {"reviewed": "yes"}}]

    def test_what_it_says_of_its_data_stays(
        self, caller: Caller, ours: Workspace, run: str
    ) -> None:
        inputs = {"run_id": run, "datasets": [dataset("evaluation")]}
        assert caller.refused("POST", "runs/log-inputs", json=inputs)[:2] == DENIED
        other = dataset("evaluation")
        other["dataset"] |= {"name": "later"}
        caller.post("runs/log-inputs", run_id=run, datasets=[other])
        assert [entry.after for entry in amended(ours)] == [{"inputs": ["later abc"]}]

    def test_it_is_archived_with_a_trace_and_never_deleted_for_good(
        self, caller: Caller, ours: Workspace, run: str
    ) -> None:
        caller.post("runs/delete", run_id=run)
        caller.post("runs/restore", run_id=run)
        verbs = ours.activity.entries(size=50)["verb"].tolist()
        assert {"archived", "restored"} <= set(verbs)
        caller.post("runs/delete", run_id=run)
        with pytest.raises(Exception, match="rest"):
            ours.experiments.delete([run])

    def test_a_deleted_version_holds_nothing(
        self, caller: Caller, ours: Workspace, run: str
    ) -> None:
        caller.post("registered-models/rename", name="late", new_name="later")
        refused = caller.refused("POST", "runs/log-metric", json=point(run, "auc", 0.9, 3))
        assert "later@1" in refused[2]
        caller.delete("model-versions/delete", name="later", version="1")
        caller.post("runs/log-metric", **point(run, "auc", 0.9, 3))
        assert len(amended(ours)) == 1

    def test_a_copy_of_a_version_holds_what_the_first_does(self, caller: Caller, run: str) -> None:
        caller.post("registered-models/create", name="copies")
        caller.post("model-versions/create", name="copies", source="models:/late/1")
        caller.delete("registered-models/delete", name="late")
        refused = caller.refused("POST", "runs/log-metric", json=point(run, "auc", 0.9, 3))
        assert "copies@1" in refused[2]
        assert put(caller, f"0/{run}/artifacts/model/MLmodel", b"other") == 403


def test_a_run_that_still_runs_when_its_model_is_registered_goes_on(
    caller: Caller, ours: Workspace
) -> None:
    run = caller.run()
    assert put(caller, f"0/{run}/artifacts/model/MLmodel", b"first") == 200
    registered(caller, run)
    caller.post("runs/log-metric", **point(run, "auc", 0.7))
    caller.post("runs/log-metric", **point(run, "auc", 0.8, 1))
    assert put(caller, f"0/{run}/artifacts/plot.png", b"1") == 200
    assert put(caller, f"0/{run}/artifacts/plot.png", b"2") == 200
    assert put(caller, f"0/{run}/artifacts/model/MLmodel", b"other") == 403
    assert amended(ours) == []
    caller.post("runs/update", run_id=run, status="FINISHED", end_time=AT)
    assert caller.refused("POST", "runs/log-metric", json=point(run, "auc", 0.9, 2))[0] == 403
    assert put(caller, f"0/{run}/artifacts/plot.png", b"3") == 403


class TestLoggedModels:
    """The models that clients of MLflow 3 log."""

    @pytest.fixture
    def model(self, caller: Caller) -> str:
        made = caller.post("logged-models", experiment_id="0", name="lr", source_run_id="")
        model = str(made["model"]["info"]["model_id"])
        assert put(caller, f"0/models/{model}/artifacts/MLmodel", b"first") == 200
        assert put(caller, f"0/models/{model}/artifacts/MLmodel", b"second") == 200
        caller.patch(f"logged-models/{model}", status="LOGGED_MODEL_READY")
        return model

    def test_a_file_of_a_complete_model_is_replaced_with_a_trace(
        self, caller: Caller, ours: Workspace, model: str
    ) -> None:
        assert amended(ours) == []
        assert put(caller, f"0/models/{model}/artifacts/MLmodel", b"third") == 200
        assert remove(caller, f"0/models/{model}/artifacts/MLmodel") == 200
        first, second = amended(ours)
        assert first.after is not None
        assert first.after["file"] == "MLmodel"
        assert second.before is not None
        assert second.before["logged_model"] == model

    def test_what_a_version_rests_on_stays(
        self, caller: Caller, ours: Workspace, model: str
    ) -> None:
        root = f"0/models/{model}/artifacts"
        caller.post("registered-models/create", name="late")
        source = f"models:/{model}"
        caller.post("model-versions/create", name="late", source=source, model_id=model)
        versions = '[{"name": "late", "version": "1"}]'
        tags = [{"key": "mlflow.modelVersions", "value": versions}]
        caller.patch(f"logged-models/{model}/tags", tags=tags)
        assert amended(ours) == []
        assert put(caller, f"{root}/MLmodel", b"other") == 403
        assert put(caller, f"{root}/more.bin", b"other") == 403
        assert remove(caller, f"{root}/MLmodel") == 403
        assert remove(caller, root) == 403
        assert caller.refused("DELETE", f"logged-models/{model}")[:2] == DENIED
        failed = {"status": "LOGGED_MODEL_UPLOAD_FAILED"}
        assert caller.refused("PATCH", f"logged-models/{model}", json=failed)[:2] == DENIED
        run = caller.run()
        caller.post("runs/log-metric", **point(run, "auc", 0.7), model_id=model)
        caller.patch(f"logged-models/{model}/tags", tags=[{"key": "a", "value": "b"}])
        caller.post(f"logged-models/{model}/params", params=[{"key": "p", "value": "1"}])
        named = {"logged_model": model}
        assert [entry.after for entry in amended(ours)] == [
            named | {"metrics": {"auc": 0.7}},
            named | {"tags": {"a": "b"}},
            named | {"params": {"p": "1"}},
        ]
        replaced = point(run, "auc", 0.9) | {"model_id": model}
        assert caller.refused("POST", "runs/log-metric", json=replaced)[:2] == DENIED

    def test_it_is_deleted_with_a_trace(self, caller: Caller, ours: Workspace, model: str) -> None:
        caller.delete(f"logged-models/{model}")
        with ours.store.read() as session:
            query = select(ActivityEntry).order_by(col(ActivityEntry.seq).desc())
            newest = session.scalars(query.limit(1)).one()
        assert newest.verb == "archived"
        assert newest.before == {"logged_model": model, "name": "lr"}
