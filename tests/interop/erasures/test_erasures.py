"""An entity is erased from everything that a workspace holds, and a certificate says so."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from pilothouse.data.uploads import store_upload
from pilothouse.interop.erasures.erasure_job import erase_entity
from pilothouse.interop.events import set_aside
from pilothouse.interop.events.messages import IncomingMessage
from pilothouse.interop.tables import EventConnection, EventState
from pilothouse.kit.errors import Invalid, NotFound, Refused
from pilothouse.storage.artifacts import Artifacts
from pilothouse.workspace import Workspace
from pilothouse.workspace.checks import run_all

WHO = "person3@example.org"
ROWS = 40


def customers(rows: int = ROWS) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "number": range(1000, 1000 + rows),
            "email": [f"person{i % 20}@example.org" for i in range(rows)],
            "plan": ["basic", "premium"] * (rows // 2),
        }
    )


@pytest.fixture
def ada(workspace: Workspace) -> Workspace:
    """Two versions of a dataset with the entity, one without, an upload, and a message."""
    ada = workspace.acting_as("Ada")
    ada.people.add("Ada")
    ada.data.register("customers", customers())
    ada.data.register("customers", customers(60), on_breach="accept")
    ada.data.register("others", customers().assign(email="someone@else.org"))
    return ada


def aside(workspace: Workspace, payload: bytes) -> None:
    now = datetime(2026, 3, 1, tzinfo=UTC)
    with workspace.store.write() as session:
        if session.get(EventState, "c") is None:
            about = {"flow": "labels", "system": "kafka", "deployment": "churn"}
            row = EventConnection(
                id="c", name="c", settings={}, options={}, enabled=False, created_at=now,
                created_by="Ada", changed_at=now, **about,
            )  # fmt: skip
            session.add(row)
            session.flush()
            session.add(EventState(connection_id="c", state="off", changed_at=now))
            session.flush()
        message = IncomingMessage("topic", 0, 1, "key", payload, None)
        set_aside.add(session, workspace.store, "c", message, "a test")


def run(workspace: Workspace, job: str) -> dict[str, Any]:
    args = dict(workspace.jobs.job(job).args)
    return erase_entity(workspace.store, lambda *_: None, **args, job=job)


def files_with(folder: Path, text: str) -> list[str]:
    """The files of a workspace that hold a text as it is, but for the database's free pages."""
    return [
        str(path) for path in folder.rglob("*")
        if path.is_file() and text.encode() in path.read_bytes()
    ]  # fmt: skip


def test_an_entity_is_erased_from_every_version_with_a_certificate(ada: Workspace) -> None:
    store_upload(ada.store, customers().to_csv(index=False).encode(), "customers.csv")
    aside(ada, json.dumps({"value": {"email": WHO}}).encode())
    aside(ada, b'{"email": "person4@example.org"}')
    places = ada.erasures.count(WHO)
    assert [(item.ref, item.columns, item.rows) for item in places.datasets] == [
        ("customers@1", ("email",), 2), ("customers@2", ("email",), 3),
    ]  # fmt: skip
    assert (len(places.messages), len(places.uploads), places.rows) == (1, 1, 7)
    before = ada.data.version("customers@1")
    job = ada.erasures.start(WHO, "asked for on 2 March")
    with pytest.raises(NotFound, match="no certificate"):
        ada.erasures.certificate(job)
    certificate = run(ada, job)
    assert certificate == ada.erasures.certificate(job) == run(ada, job)
    after = ada.data.version("customers@1")
    assert (after.rows, after.ref) == (ROWS - 2, before.ref)
    assert [(item["ref"], item["rows"]) for item in certificate["datasets"]] == [
        ("customers@1", 2), ("customers@2", 3),
    ]  # fmt: skip
    first = certificate["datasets"][0]
    assert (first["digest_before"], first["digest_after"]) == (before.digest, after.digest)
    assert not ada.store.artifacts.exists(before.digest)
    assert (certificate["messages"], len(certificate["uploads"])) == (1, 1)
    assert certificate["second_search"]["left"] == 0
    left = ada.data.frame("customers@2")
    expected = customers(60)
    expected = expected[expected["email"] != WHO].reset_index(drop=True)
    assert list(left["number"]) == list(expected["number"])
    assert ada.data.profile("customers@1").rows == ROWS - 2
    assert WHO not in str(ada.data.profile("customers@1"))
    assert ada.data.version("others@1").rows == ROWS
    assert {name: verdict for name, verdict in run_all(ada.store).items() if not verdict.ok} == {}
    assert "Certificate" in ada.erasures.certificate_html(job)
    for text in (json.dumps(certificate), ada.erasures.certificate_html(job),
                 ada.activity.entries().to_json(default_handler=str)):  # fmt: skip
        assert WHO not in text
    assert list(ada.erasures.frame()["rows"]) == [5]


def test_columns_are_named_where_none_is_marked(ada: Workspace) -> None:
    assert ada.erasures.count(1003).rows == 0
    places = ada.erasures.count("1003", ["number"])
    assert {item.ref: item.rows for item in places.datasets} == {
        "customers@1": 1, "customers@2": 1, "others@1": 1,
    }  # fmt: skip


def test_versions_that_become_equal_stay_two(ada: Workspace) -> None:
    run(ada, ada.erasures.start("person19@example.org", "a test"))
    more = customers()
    ada.data.register("same", more)
    ada.data.register("same", more[more["email"] != WHO], on_breach="accept")
    run(ada, ada.erasures.start(WHO, "a test"))
    hashes = [ada.data.version(f"same@{number}").content_hash for number in (1, 2)]
    assert len(set(hashes)) == 2
    assert ada.data.version("same@1").digest == ada.data.version("same@2").digest
    assert ada.data.version("same@1").rows == ada.data.version("same@2").rows == ROWS - 2


def test_a_version_of_one_person_is_empty_afterwards(ada: Workspace) -> None:
    ada.data.register("one", pd.DataFrame({"email": [WHO] * 4, "x": range(4)}))
    run(ada, ada.erasures.start(WHO, "a test"))
    assert ada.data.version("one").rows == 0
    assert ada.data.frame("one").empty
    assert ada.data.masked().profile("one").frame()["missing_share"].tolist() == [0.0, 0.0]


@pytest.mark.parametrize("survivors", [0, 1])
def test_a_killed_erasure_is_finished_by_the_next_run(
    ada: Workspace, monkeypatch: pytest.MonkeyPatch, survivors: int
) -> None:
    job = ada.erasures.start(WHO, "a test")
    deleted: list[str] = []
    delete = Artifacts.delete

    def killed(self: Artifacts, digest: str) -> None:
        if len(deleted) == survivors:
            raise KeyboardInterrupt
        deleted.append(digest)
        delete(self, digest)

    before = [ada.data.version(f"customers@{number}").digest for number in (1, 2)]
    with monkeypatch.context() as patch:
        patch.setattr(Artifacts, "delete", killed)
        with pytest.raises(KeyboardInterrupt):
            run(ada, job)
    with pytest.raises(NotFound):
        ada.erasures.certificate(job)
    certificate = run(ada, job)
    assert [item["rows"] for item in certificate["datasets"]] == [2, 3]
    assert not any(map(ada.store.artifacts.exists, before))
    assert certificate["second_search"]["left"] == 0
    assert ada.activity.verify().intact


def test_an_erasure_needs_a_value_a_reason_and_the_right(ada: Workspace) -> None:
    ada.people.add("Bo")
    with pytest.raises(Refused, match="personal_data"):
        ada.acting_as("Bo").erasures.start(WHO, "a test")
    with pytest.raises(Invalid):
        ada.erasures.start(WHO, " ")
    with pytest.raises(Invalid):
        ada.erasures.count("")
