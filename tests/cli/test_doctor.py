"""The doctor: exit 1 and words for whatever is damaged or was tampered with, else exit 0."""

from __future__ import annotations

import json
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from sqlmodel import col, select

from harness.sound_workspace import build
from pilothouse.activity import anchor, chain
from pilothouse.activity.tables import ActivityEntry
from pilothouse.deployments.prediction_log import compaction
from pilothouse.kit.errors import PilothouseError, Refused
from pilothouse.kit.ids import uuid7
from pilothouse.registry import integrity
from pilothouse.registry.evidence import evidence_hash
from pilothouse.registry.tables import StageChange
from pilothouse.storage import Table
from pilothouse.storage.tables import ARTIFACT
from pilothouse.workspace import Workspace, open_workspace
from pilothouse.workspace.checks import checks, space

Call = Callable[..., Any]


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A closed workspace with something of every kind in it."""
    folder = tmp_path_factory.mktemp("built") / "workspace"
    build(folder)
    return folder


@pytest.fixture
def sound(built: Path, folder: Path) -> Path:
    """A copy of that workspace, where the command line looks for one."""
    shutil.copytree(built, folder)
    return folder


@contextmanager
def database(folder: Path) -> Iterator[sqlite3.Connection]:
    with closing(sqlite3.connect(folder / "pilothouse.db")) as connection:
        yield connection
        connection.commit()


def sql(*statements: str) -> Callable[[Path], None]:
    """What somebody does who opens the database by hand."""

    def act(folder: Path) -> None:
        with database(folder) as connection:
            for statement in statements:
                assert connection.execute(statement).rowcount != 0, statement

    return act


def artifact(folder: Path) -> Path:
    return next(path for path in sorted((folder / "artifacts").rglob("*")) if path.is_file())


def of_column(folder: Path, query: str) -> Path:
    with database(folder) as connection:
        [digest] = connection.execute(query).fetchone()
    return folder / "artifacts" / digest[:2] / digest


def scramble(folder: Path) -> None:
    with (folder / "pilothouse.db").open("r+b") as file:
        for page in range(4096, file.seek(0, 2), 4096):
            file.seek(page)
            file.write(b"\xff" * 500)


def scramble_index(folder: Path) -> None:
    """One page of one index, which no table scan reads."""
    with database(folder) as connection:
        query = "SELECT rootpage FROM sqlite_master WHERE name = 'ix_activity_entry_verb'"
        [page] = connection.execute(query).fetchone()
        [size] = connection.execute("PRAGMA page_size").fetchone()
    with (folder / "pilothouse.db").open("r+b") as file:
        file.seek(page * size - 40)  # entries are filled in from the end of a page
        file.write(b"\x07" * 40)


def forge_evidence(folder: Path) -> None:
    """Other evidence with the hash that it has: the row alone cannot tell."""
    with database(folder) as connection:
        [text] = connection.execute("SELECT evidence FROM registry_promotion").fetchone()
        evidence = json.loads(text)
        evidence["candidate"]["metrics"]["roc_auc"] = 0.99
        connection.execute(
            "UPDATE registry_promotion SET evidence = ?, evidence_hash = ?",
            (json.dumps(evidence), evidence_hash(evidence)),
        )


def rewrite_log(folder: Path) -> None:
    """Every hash computed anew over a changed entry: the chain is whole in itself."""
    opened = open_workspace(folder)
    with opened.store.read() as session:
        rows = list(session.exec(select(ActivityEntry).order_by(col(ActivityEntry.seq))))
    previous = chain.GENESIS
    with database(folder) as connection:
        for row in rows:
            row.reason = "nothing happened" if row.seq == 3 else row.reason
            row.previous_hash = previous
            row.hash = previous = chain._hash(row)
            connection.execute(
                "UPDATE activity_entry SET reason = ?, previous_hash = ?, hash = ? WHERE seq = ?",
                (row.reason, row.previous_hash, row.hash, row.seq),
            )
    opened.store.engine.dispose()


def empty(folder: Path) -> None:
    """A new database in the place of the old one, and no anchor."""
    for path in folder.glob("pilothouse.db*"):
        path.unlink()
    (folder / anchor.FILE).unlink()
    open_workspace(folder).store.engine.dispose()


def swap_database(folder: Path) -> None:
    for path in folder.glob("pilothouse.db*"):
        path.unlink()
    open_workspace(folder).store.engine.dispose()


def journal(folder: Path) -> Path:
    return next((folder / "journal" / "late").iterdir())


def log_file(folder: Path, tree: str) -> Path:
    return next((folder / tree / "late").rglob("*.parquet"))


def append_line(folder: Path) -> None:
    with journal(folder).open("ab") as out:
        out.write(b'{"q":{"at":1,\n')


def set_aside(folder: Path) -> None:
    append_line(folder)
    compaction.compact(folder)


class Hurt(NamedTuple):
    """What is done to a workspace, which check sees it, and a part of its words."""

    act: Callable[[Path], object]
    check: str
    message: str


METRIC = "experiments_run_metric WHERE id = 1"
PROMOTION = "UPDATE registry_promotion SET "
COPIED = (
    "model, stage, status, reason, origin, requested_by, requested_at, evidence, evidence_hash,"
    " verdicts, decided_by, decided_at, decision_reason, decision_evidence,"
    " decision_evidence_hash, decision_verdicts"
)
VERSION = (
    "version, run_id, import_source, digest, signature, input_example, package, metrics, dataset,"
    " held_out, stage, note, created_at, created_by, updated_at"
)
HURTS = {
    # damage
    "an artifact's bytes": Hurt(
        lambda f: artifact(f).write_bytes(b"other"), "artifacts", "damaged"
    ),
    "an artifact is gone": Hurt(lambda f: artifact(f).unlink(), "artifacts", "is missing"),
    "all pages": Hurt(scramble, "database", "malformed"),
    "a page of an index": Hurt(scramble_index, "database", "ix_activity_entry_verb"),
    "another file": Hurt(
        lambda f: (f / "pilothouse.db").write_bytes(b"no database at all" * 400),
        "database",
        "not a database",
    ),
    "no database": Hurt(lambda f: (f / "pilothouse.db").unlink(), "database", "no workspace"),
    "another schema": Hurt(
        sql("UPDATE alembic_version SET version_num = '9999'"), "schema", "9999"
    ),
    "the database of workflows": Hurt(
        lambda f: (f / "workflows.db").write_bytes(b"no database at all" * 400),
        "workflows",
        "not a database",
    ),
    "a row that points nowhere": Hurt(
        sql("DELETE FROM registry_model"), "database", "points at a row of registry_model"
    ),
    "a line of a journal": Hurt(append_line, "journals", "is no JSON"),
    "bytes of a journal": Hurt(
        lambda f: journal(f).write_bytes(b"\0" * 100 + b"\n"), "journals", "no known kind"
    ),
    "a stray name in a journal": Hurt(
        lambda f: (f / "journal" / "late" / "a.b.open").write_bytes(b""), "journals", "a.b.open"
    ),
    "a part that was set aside": Hurt(set_aside, "set_aside", "1 lines, it is no JSON"),
    "a file of predictions": Hurt(
        lambda f: log_file(f, "predictions").write_bytes(b"PAR1"),
        "prediction_log",
        "cannot be read",
    ),
    "a file of labels": Hurt(
        lambda f: log_file(f, "labels").write_bytes(b""), "prediction_log", "labels/late"
    ),
    "a stray name in the log": Hurt(
        lambda f: (f / "predictions" / "late" / "date=yesterday").mkdir(),
        "prediction_log",
        "date=yesterday",
    ),
    "a block of a metric": Hurt(
        sql("UPDATE experiments_block SET data = x'00ff'"), "metrics", "loss of run"
    ),
    "a block cut short": Hurt(
        sql("UPDATE experiments_block SET count = count - 1"), "metrics", "is damaged"
    ),
    "no block": Hurt(sql("DELETE FROM experiments_block"), "metrics", "is missing"),
    "a window's profile": Hurt(
        lambda f: of_column(f, "SELECT profile FROM monitoring_window").write_bytes(b"{"),
        "windows",
        "the profile of window",
    ),
    "a reference's profile": Hurt(
        lambda f: of_column(f, "SELECT digest FROM monitoring_reference").unlink(),
        "windows",
        "the reference of late@1",
    ),
    "a dataset's file": Hurt(
        lambda f: of_column(f, "SELECT digest FROM data_dataset_version").write_bytes(b"x"),
        "datasets",
        "flights@1",
    ),
    # the database and the folder
    "an emptied database": Hurt(empty, "folder", "the database is empty and the folder is not"),
    "another database": Hurt(swap_database, "activity", "entries are missing"),
    # the log
    "an entry changed": Hurt(
        sql("UPDATE activity_entry SET reason = 'nothing happened' WHERE seq = 1"),
        "activity",
        "entry 1 was changed",
    ),
    "an entry gone": Hurt(
        sql("DELETE FROM activity_entry WHERE seq = 2"), "activity", "entry 2 is missing"
    ),
    "a seal changed": Hurt(
        sql("UPDATE activity_entry SET seals = '{}' WHERE seals IS NOT NULL"),
        "activity",
        "was changed",
    ),
    "the whole log gone": Hurt(sql("DELETE FROM activity_entry"), "activity", "are missing"),
    "the newest entries cut off": Hurt(
        sql("DELETE FROM activity_entry WHERE seq > (SELECT max(seq) - 2 FROM activity_entry)"),
        "activity",
        "the newest 2 entries are missing",
    ),
    "the log written anew": Hurt(rewrite_log, "activity", "is not the one that the anchor"),
    "the anchor gone": Hurt(lambda f: (f / anchor.FILE).unlink(), "activity", "anchor"),
    "the anchor scribbled on": Hurt(
        lambda f: (f / anchor.FILE).write_bytes(b"12 hello\n"), "activity", "line 1 of its anchor"
    ),
    # decisions
    "verdicts": Hurt(sql(PROMOTION + "verdicts = '[]'"), "records", "promotion"),
    "evidence": Hurt(sql(PROMOTION + "evidence = '{}'"), "promotions", "another hash"),
    "evidence and its hash": Hurt(forge_evidence, "records", "was changed by no command"),
    "the hash of evidence": Hurt(sql(PROMOTION + "evidence_hash = 'a'"), "promotions", "hash"),
    "who decided": Hurt(sql(PROMOTION + "decided_by = 'eve'"), "records", "promotion"),
    "a decision": Hurt(sql(PROMOTION + "status = 'rejected'"), "records", "promotion"),
    "a promotion gone": Hurt(
        sql(
            "UPDATE registry_stage_change SET promotion_id = NULL",
            "DELETE FROM registry_vote",
            "DELETE FROM registry_promotion",
        ),
        "records",
        "was deleted by no command",
    ),
    "a promotion that nobody made": Hurt(
        sql(
            f"INSERT INTO registry_promotion (id, version, {COPIED})"
            f" SELECT 'forged', 2, {COPIED} FROM registry_promotion"
        ),
        "records",
        "promotion forged was added by no command",
    ),
    "a vote": Hurt(sql("UPDATE registry_vote SET person = 'eve'"), "records", "vote"),
    "a vote gone": Hurt(sql("DELETE FROM registry_vote"), "records", "was deleted by no command"),
    "a model card": Hurt(
        sql("""UPDATE registry_card_revision SET texts = '{"licence":"none"}'"""), "records", "card"
    ),
    "stage history": Hurt(
        sql("UPDATE registry_stage_change SET \"by\" = 'eve'"), "records", "stage change"
    ),
    "stage history gone": Hurt(sql("DELETE FROM registry_stage_change"), "records", "stage change"),
    "a stage": Hurt(
        sql("UPDATE registry_version SET stage = 'production' WHERE version = 2"),
        "records",
        "version late/2 was changed",
    ),
    "an alias moved": Hurt(
        sql("UPDATE registry_alias SET version = 2 WHERE alias = 'champion'"),
        "records",
        "alias late/champion was changed",
    ),
    "an alias gone": Hurt(
        sql("DELETE FROM registry_alias WHERE alias = 'shadow'"), "records", "alias late/shadow"
    ),
    "a policy": Hurt(
        sql("UPDATE registry_policy SET gates = '[]'"),
        "records",
        "policy production/1 was changed",
    ),
    "the policy gone": Hurt(sql("DELETE FROM registry_policy"), "records", "deleted by no command"),
    "a version's figures": Hurt(
        sql("""UPDATE registry_version SET metrics = '{"roc_auc":0.99}' WHERE version = 2"""),
        "records",
        "version late/2",
    ),
    "a version's model file": Hurt(
        sql(
            "UPDATE registry_version SET digest = (SELECT digest FROM experiments_run_artifact)"
            " WHERE version = 1"
        ),
        "pointers",
        "names another model file",
    ),
    "a version's signature": Hurt(
        sql("UPDATE registry_version SET signature = '{}' WHERE version = 2"), "records", "late/2"
    ),
    "a model file that no training wrote": Hurt(
        sql(
            "INSERT INTO experiments_written_model SELECT 'ab', run_id, written_at"
            " FROM experiments_written_model LIMIT 1"
        ),
        "records",
        "model file trusted as ab was added by no command",
    ),
    "what a version rests on": Hurt(
        sql("DELETE FROM experiments_hold WHERE version = 'late@1'"),
        "records",
        f"hold on {1:032x}/late@1 was deleted by no command",
    ),
    "a run opened again under its version": Hurt(
        sql("UPDATE experiments_hold SET closed = 0 WHERE version = 'late@2'"),
        "records",
        f"hold on {2:032x}/late@2 was changed by no command",
    ),
    "a hold that no version has": Hurt(
        sql(
            "INSERT INTO experiments_hold SELECT owner, 'late@9', folder, 1"
            " FROM experiments_hold WHERE version = 'late@1'"
        ),
        "records",
        "late@9 was added by no command",
    ),
    # metrics
    "a metric's last value": Hurt(
        sql("UPDATE " + METRIC.replace(" W", " SET last = 9 W")), "metrics", "last of loss"
    ),
    "a metric's best value": Hurt(
        sql("UPDATE " + METRIC.replace(" W", " SET best = 9 W")), "metrics", "best of loss"
    ),
    "a metric's count": Hurt(
        sql("UPDATE " + METRIC.replace(" W", " SET count = 9 W")), "metrics", "count of loss"
    ),
    "a point of a history": Hurt(
        sql("UPDATE experiments_metric SET value = 9 WHERE step = 1"), "metrics", "of loss"
    ),
    "points gone": Hurt(sql("DELETE FROM experiments_metric"), "metrics", "is missing"),
    # pointers and watching
    "the version a deployment wants": Hurt(
        sql("UPDATE deployments_deployment SET version = 2"), "pointers", "late has version 2"
    ),
    "the version that answers": Hurt(
        sql("UPDATE deployments_deployment SET serving_version = 2"),
        "pointers",
        "late serves version 2",
    ),
    "a revision": Hurt(
        sql("UPDATE deployments_revision SET \"by\" = 'eve'"), "records", "revision"
    ),
    "a monitor": Hurt(
        sql("UPDATE monitoring_monitor SET drifted_share = 1"), "records", "monitor of late"
    ),
    "an alert rule": Hurt(sql("UPDATE monitoring_rule SET threshold = 9"), "records", "alert rule"),
    "a window's status": Hurt(
        sql("UPDATE monitoring_window SET status = 'ok', drifted = 0, rows = 1"),
        "records",
        "window",
    ),
    "results of a window": Hurt(
        sql("UPDATE monitoring_result SET status = 'pass', score = 0"),
        "records",
        "results of window",
    ),
    "a result gone": Hurt(
        sql("DELETE FROM monitoring_result WHERE id = 1"), "records", "results of window"
    ),
    "a dataset's contract": Hurt(
        sql("UPDATE data_dataset_version SET contract_json = '{}'"),
        "records",
        "dataset version flights/1",
    ),
    "a value that cannot be read": Hurt(
        sql("UPDATE registry_version SET metrics = '{' WHERE version = 2"),
        "records",
        "cannot be read",
    ),
}


@dataclass(frozen=True)
class Report:
    """What the command said."""

    code: int
    ok: bool
    checks: dict[str, dict[str, Any]]


def examined(call: Call) -> Report:
    result = call("doctor", "--json")
    assert result.err == ""
    report = json.loads(result.out)
    return Report(result.code, report["ok"], report["checks"])


def test_a_sound_workspace_has_nothing_wrong(call: Call, sound: Path) -> None:
    report = examined(call)
    assert {
        name: check["message"] for name, check in report.checks.items() if not check["ok"]
    } == {}
    assert (report.code, report.ok) == (0, True)
    assert set(report.checks) == set(checks.names())


def test_there_are_at_least_thirty_kinds() -> None:
    assert len(HURTS) >= 60


@pytest.mark.parametrize("name", HURTS)
def test_damage_and_tampering_are_named(call: Call, sound: Path, name: str) -> None:
    hurt = HURTS[name]
    hurt.act(sound)
    report = examined(call)
    assert (report.code, report.ok) == (1, False)
    assert not report.checks[hurt.check]["ok"]
    assert hurt.message in report.checks[hurt.check]["message"]


# The version is not there to be asked for, or what is left of it cannot be read.
UNREADABLE = ("another database", "a value that cannot be read", "a version's signature")
RESTS_ON = (
    "an entry changed",
    "an entry gone",
    "a seal changed",
    "the whole log gone",
    "the newest entries cut off",
    "the log written anew",
    "the anchor gone",
    "the anchor scribbled on",
    "verdicts",
    "evidence",
    "evidence and its hash",
    "the hash of evidence",
    "who decided",
    "a decision",
    "a promotion gone",
    "a promotion that nobody made",
    "a vote",
    "a vote gone",
    "a model card",
    "stage history",
    "stage history gone",
    "a stage",
    "an alias moved",
    "an alias gone",
    "a policy",
    "the policy gone",
    "a version's figures",
    "a version's model file",
    "a run opened again under its version",
    "a dataset's contract",
    "a dataset's file",
    *UNREADABLE,
)


@pytest.mark.parametrize("name", RESTS_ON)
def test_nothing_is_promoted_on_what_was_tampered_with(
    sound: Path, answering: None, name: str
) -> None:
    HURTS[name].act(sound)
    opened = open_workspace(sound, actor="ada")
    with pytest.raises((PilothouseError, ValueError)) as refused:
        opened.registry.promote("late", 2, "staging", "it looks well")
    opened.store.engine.dispose()
    if name not in UNREADABLE:
        assert isinstance(refused.value, Refused)
        assert "not as a command left them" in str(refused.value)


def test_what_was_done_to_another_model_stops_no_promotion(sound: Path) -> None:
    sql(
        "INSERT INTO registry_model (name, note, created_at, created_by)"
        " SELECT 'other', '', created_at, 'eve' FROM registry_model",
        "INSERT INTO registry_model_tag VALUES ('other', 'a', 'b')",
        f"INSERT INTO registry_version (model, {VERSION}) SELECT 'other', {VERSION}"
        " FROM registry_version WHERE version = 1",
    )(sound)
    opened = open_workspace(sound, actor="ada")
    with opened.store.write() as session:  # by a command, with a key that does not say the model
        at = opened.store.now()
        session.add(
            StageChange(model="other", version=1, before="none", after="staging", at=at, by="ada")
        )
    assert integrity.find_problems(opened.store, opened.registry.version("late", 2)) == []
    opened.store.engine.dispose()


def test_people_read_what_is_wrong(call: Call, sound: Path) -> None:
    artifact(sound).unlink()
    result = call("doctor")
    assert result.code == 1
    assert "BAD  artifacts: " in result.out
    assert "ok   activity: " in result.out


def test_it_looks_and_changes_nothing(call: Call, folder: Path) -> None:
    assert examined(call).code == 1
    assert not folder.exists()


def test_it_may_look_while_the_workspace_is_in_use(call: Call, workspace: Workspace) -> None:
    with workspace.store.write():
        assert examined(call).code == 0


def test_a_full_disk_is_named(call: Call, sound: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    usage = shutil.disk_usage(sound)._replace(free=1_000_000)
    monkeypatch.setattr(space.shutil, "disk_usage", lambda _path: usage)
    assert "only 1 MB are free" in examined(call).checks["space"]["message"]


def test_a_fingerprint_of_a_logged_dataset_is_no_artifact(call: Call, sound: Path) -> None:
    sql(
        "INSERT INTO experiments_source (experiment_id, name, digest, source_type, source, columns,"
        " profile) VALUES (1, 'd', '1a2b3c4d', 'code', '{}', '', '')",
        "INSERT INTO interop_imported (source, kind, external_id, local_id, state, digest,"
        " imported_at) VALUES ('mlruns', 'run', 'a', 'b', 'whole', '99', 1)",
    )(sound)
    assert examined(call).code == 0


FINGERPRINTS = {
    "experiments_source.digest",
    "experiments_logged_model_metric.dataset_digest",
    "interop_imported.digest",
    "experiments_written_model.digest",
    "registry_code_approval.digest",
    "registry_measurement.rows_digest",
    "registry_policy.digest",
}


def test_every_digest_is_declared_as_an_artifact_or_a_fingerprint() -> None:
    columns = [column for table in Table.metadata.sorted_tables for column in table.columns]
    digests = {str(c): c for c in columns if c.name == "digest" or c.name.endswith("_digest")}
    undeclared = {name for name, column in digests.items() if not column.info.get(ARTIFACT)}
    assert undeclared == FINGERPRINTS
    assert {str(c) for c in columns if c.info.get(ARTIFACT)} >= set(digests) - FINGERPRINTS


def test_a_stray_segment_of_the_future_is_named(call: Call, sound: Path) -> None:
    (sound / "journal" / "late" / f"{uuid7()}.sealed").mkdir()
    assert not examined(call).checks["journals"]["ok"]
