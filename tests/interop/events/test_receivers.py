"""What leaves to files and addresses: CloudEvents of the audit log, and lineage as OpenLineage."""

from __future__ import annotations

import json
import os
from datetime import timedelta
from typing import Any

import pandas as pd
import pytest

from harness.webhook_receiver import receiving
from pilothouse.interop.events.bridge import ConnectionThread
from pilothouse.interop.events.connections import ConnectionSpec
from pilothouse.interop.events.flows import RunningFlow
from pilothouse.interop.tables import EventConnection
from pilothouse.jobs.tables import Job
from pilothouse.kit.errors import Invalid, Refused, Unavailable
from pilothouse.kit.ids import uuid7
from pilothouse.workspace import Workspace


def opened(workspace: Workspace, name: str) -> RunningFlow:
    with workspace.store.read() as session:
        row = session.get_one(EventConnection, workspace.events.connection(name).id)
    return ConnectionThread(workspace.store, row).opened()


def lines_of(workspace: Workspace, name: str) -> list[dict[str, Any]]:
    text = (workspace.folder / "events" / f"{name}.jsonl").read_text(encoding="utf-8")
    return [json.loads(line) for line in text.splitlines()]


def allow_private(workspace: Workspace) -> None:
    settings = workspace.store.settings.model_copy(update={"webhook_private_addresses": True})
    object.__setattr__(workspace.store, "settings", settings)


def test_what_is_done_is_posted_as_a_cloud_event_with_a_token_from_elsewhere(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(os.environ, "HOOK", "hidden")
    with receiving() as receiver:
        spec = ConnectionSpec(
            "hook", "activity", "http", "", {"url": f"{receiver.url}/in?x=1", "token": "env:HOOK"},
            {"format": "cloudevents", "kinds": "experiment"},
        )  # fmt: skip
        with pytest.raises(Refused, match="public"):
            workspace.events.preview(spec)
        allow_private(workspace)
        workspace.events.add(spec)
        workspace.experiments.create("flights")
        flow = opened(workspace, "hook")
        receiver.reply = lambda _: (503, {}, b"later")
        with pytest.raises(Unavailable, match="503"):
            flow.step()
        receiver.reply = lambda _: (200, {}, b"thanks")
        assert (flow.step(), flow.step(), flow.lag()) == (1, 0, 0)
        first, again = receiver.next(), receiver.next()
        assert first.body == again.body
        event = json.loads(again.body)
        assert again.headers["Content-Type"] == "application/cloudevents+json"
        assert again.headers["Authorization"] == "Bearer hidden"
        assert (event["specversion"], event["type"]) == ("1.0", "pilothouse.experiment.created")
        assert event["data"]["ref"] == "flights"
        receiver.reply = lambda _: (422, {}, b"not for us")
        workspace.experiments.create("others")
        assert flow.step() == 1
    info = workspace.events.connection("hook")
    assert (info.messages, info.taken, info.set_aside) == (2, 1, 1)
    assert "hidden" not in str(workspace.activity.entries().to_dict())
    assert "not for us" in workspace.events.set_aside("hook")[0].reason


def test_lineage_is_written_to_a_file_once_a_run_has_ended(workspace: Workspace) -> None:
    workspace.events.add(
        ConnectionSpec("lineage", "lineage", "file", "", {"name": "lineage"}, {"start": "earliest"})
    )
    version = workspace.data.register(
        "rows", pd.DataFrame({"a": [1.0, 2.0, 3.0], "b": ["x", "y", "z"]})
    )
    for ended in ("finished", "failed"):
        run = workspace.experiments.start("flights")
        workspace.experiments.log_input(run, version.ref, "training")
        if ended == "finished":
            workspace.experiments.finish(run)
        else:
            workspace.experiments.finish(run, "failed", "it broke")
    workspace.experiments.finish(workspace.experiments.start("flights"))  # it read nothing
    flow = opened(workspace, "lineage")
    assert flow.step() == 0  # an end may still be on its way
    workspace.store.clock.advance(timedelta(seconds=5))  # type: ignore[attr-defined]
    assert (flow.step(), flow.step(), flow.lag()) == (4, 0, 0)
    events = lines_of(workspace, "lineage")
    assert sorted(event["eventType"] for event in events) == ["COMPLETE", "FAIL", "START", "START"]
    [dataset] = events[0]["inputs"]
    assert dataset["name"] == "datasets/rows"
    assert [field["name"] for field in dataset["facets"]["schema"]["fields"]] == ["a", "b"]
    [failed] = [event for event in events if event["eventType"] == "FAIL"]
    assert failed["run"]["facets"]["errorMessage"]["message"] == "it broke"


def test_a_job_names_the_data_that_it_read_and_made(workspace: Workspace) -> None:
    read, made = (
        workspace.data.register(name, pd.DataFrame({"a": [value]}))
        for name, value in (("read", 1.0), ("made", 2.0))
    )
    now = workspace.store.now()
    job = Job(
        id=uuid7(), kind="predict_dataset", title="", args={"rows": [read.ref, "a@b"]},
        status="succeeded", result={"ref": made.ref}, requested_by="ada", created_at=now,
        ended_at=now,
    )  # fmt: skip
    with workspace.store.write() as session:
        session.add(job)
    spec = ConnectionSpec("lineage", "lineage", "file", "", {"name": "lineage"})
    first, last = (json.loads(item.payload) for item in workspace.events.preview(spec))
    assert (first["eventType"], last["eventType"]) == ("START", "COMPLETE")
    assert [item["name"] for item in last["inputs"]] == ["datasets/read"]
    assert [item["name"] for item in last["outputs"]] == ["datasets/made"]


def test_only_names_of_files_and_systems_that_are_read_are_taken(workspace: Workspace) -> None:
    add = workspace.events.add
    with pytest.raises(Invalid):
        add(ConnectionSpec("a", "activity", "file", "", {"name": "../../etc/passwd"}))
    with pytest.raises(Invalid, match="env:NAME"):
        add(ConnectionSpec("a", "activity", "http", "", {"url": "https://a.org", "token": "open"}))
