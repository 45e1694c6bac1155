"""What MLflow has written is here afterwards, field by field; a second import changes nothing."""

from __future__ import annotations

import shutil
import sqlite3
from pathlib import Path
from typing import Any

import pytest
from seen import expected, seen
from sqlmodel import text

from conftest import Written
from harness.postgres import postgresql, why_not
from pilothouse.experiments.metrics.packed_history import compact_waiting
from pilothouse.interop.tables import Webhook
from pilothouse.kit.settings import Settings
from pilothouse.workspace import Workspace, open_workspace

STORES = ("folder_store", "database_store", "server_store", "our_store")
every_store = pytest.mark.parametrize("written", STORES, indirect=True)


def dump(workspace: Workspace) -> dict[str, list[Any]]:
    """Every row of every table."""
    with workspace.store.read() as session:
        names = session.execute(
            text("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name")
        ).scalars()
        return {name: session.execute(text(f'SELECT * FROM "{name}"')).all() for name in names}


@every_store
def test_everything_is_as_it_was_and_comes_once(workspace: Workspace, written: Written) -> None:
    report = workspace.imports.run(written.source)
    assert [line for line in report.lines if line.outcome != "skipped"] == []
    wanted, found = expected(written.told), seen(workspace)
    for kind in ("experiments", "runs", "logged_models", "models"):
        assert set(found[kind]) == set(wanted[kind]), kind
        for name, facts in wanted[kind].items():
            for field, value in facts.items():
                assert found[kind][name][field] == value, (kind, name, field)
    assert report.imported["runs"] == len(wanted["runs"])
    before = dump(workspace)
    again = workspace.imports.run(written.source)
    assert dump(workspace) == before
    assert not any(again.imported.values())
    assert again.already_imported["runs"] == len(wanted["runs"])
    assert again.changed == {}
    assert workspace.activity.verify().intact


@every_store
def test_looking_counts_and_writes_nothing(workspace: Workspace, written: Written) -> None:
    before = dump(workspace)
    look = workspace.imports.preview(written.source)
    assert dump(workspace) == before
    wanted = written.told
    assert look.runs == len(wanted["runs"])
    assert set(look.frame()["name"]) == set(wanted["experiments"])
    assert (look.models, look.versions) == (2, 3)
    assert look.known_runs == 0
    assert look.faults == ()


def test_runs_stand_below_their_parents(workspace: Workspace, folder_store: Written) -> None:
    workspace.imports.run(folder_store.source)
    named = {run["name"]: number for number, run in folder_store.told["runs"].items()}
    runs = workspace.experiments
    assert runs.run(named["child"]).parent_id == named["parent"]
    assert runs.run(named["grandchild"]).parent_id == named["child"]


def test_what_tags_say_stands_in_our_columns(workspace: Workspace, folder_store: Written) -> None:
    workspace.imports.run(folder_store.source)
    [number] = [n for n, r in folder_store.told["runs"].items() if r["name"] == "parent"]
    run, tags = workspace.experiments.run(number), folder_store.told["runs"][number]["tags"]
    assert (run.note, run.source) == ("a note", tags["mlflow.source.name"])
    assert run.commit == tags.get("mlflow.source.git.commit")
    frame = workspace.experiments.experiments().set_index("name")
    assert frame.loc["team/search", "note"] == "why"


def test_versions_know_their_files(workspace: Workspace, database_store: Written) -> None:
    workspace.imports.run(database_store.source)
    first, fourth = (workspace.registry.version("doubles", number) for number in (1, 4))
    assert b"MLmodel" in workspace.store.artifacts.read(first.digest)
    assert b"a.json" in workspace.store.artifacts.read(fourth.digest)
    champion = workspace.registry.champion("doubles")
    assert champion is not None
    assert champion.version == 1


def test_a_moved_folder_is_the_same_history(
    workspace: Workspace, folder_store: Written, mlruns: Path
) -> None:
    workspace.imports.run(folder_store.source)
    before = seen(workspace)
    report = workspace.imports.run(str(mlruns))
    assert (report.imported["runs"], report.imported["versions"]) == (0, 0)
    assert seen(workspace) == before


def test_only_the_experiments_that_are_asked_for_come(
    workspace: Workspace, folder_store: Written
) -> None:
    report = workspace.imports.run(folder_store.source, experiments=["old"], prefix="from/ml/")
    assert set(seen(workspace)["experiments"]) == {"from/ml/old"}
    assert report.imported["runs"] == 1
    assert {line.kind for line in report.lines} == {"version", "prompts"}


def test_what_is_new_comes_and_what_is_here_stays(workspace: Workspace, mlruns: Path) -> None:
    workspace.imports.run(str(mlruns))
    [live] = [path for path in mlruns.glob("*/*/meta.yaml") if "run_name: live" in path.read_text()]
    run = live.parent.name
    workspace.experiments.annotate(run, "a note of ours")
    live.write_text(live.read_text().replace("status: 1", "status: 3"))
    (live.parent / "metrics" / "loss").write_text("1700000000000 0.5 0\n1700000000001 0.25 1\n")
    (live.parent / "artifacts" / "late.txt").write_text("late")
    report = workspace.imports.run(str(mlruns))
    assert (report.changed, report.imported["points"]) == ({"runs": 1}, 2)
    found = workspace.experiments.run(run)
    assert (found.status, found.note, found.values["loss"]) == ("finished", "a note of ours", 0.25)
    assert [file.path for file in found.artifacts] == ["late.txt"]


def test_a_database_without_the_tables_of_mlflow_3(workspace: Workspace, mlflow_db: Path) -> None:
    with sqlite3.connect(mlflow_db) as connection:
        newer = ("logged_models", "logged_model_params", "logged_model_tags", "inputs", "datasets")
        for table in (*newer, "logged_model_metrics", "input_tags", "trace_info"):
            connection.execute(f"DROP TABLE {table}")
        connection.execute("ALTER TABLE runs DROP COLUMN deleted_time")
        connection.execute("UPDATE alembic_version SET version_num = 'bd07f7e963c5'")
    connection.close()
    report = workspace.imports.run(f"sqlite:///{mlflow_db}")
    assert report.faults == 0
    assert report.imported["runs"] == 7
    assert report.imported["logged_models"] == 0
    assert {line.kind for line in report.lines} == {"files", "prompts"}


def test_files_of_a_database_may_lie_elsewhere(
    workspace: Workspace, mlflow_db: Path, tmp_path: Path
) -> None:
    (mlflow_db.parent / "mlruns").rename(tmp_path / "kept")
    report = workspace.imports.run(str(mlflow_db), artifacts=str(tmp_path / "kept"))
    assert report.imported["files"] == 9


def test_a_database_is_only_read(workspace: Workspace, mlflow_db: Path) -> None:
    with sqlite3.connect(mlflow_db) as connection:
        connection.execute("PRAGMA journal_mode = WAL")
    connection.close()
    before = {path: path.read_bytes() for path in mlflow_db.parent.iterdir() if path.is_file()}
    for path in before:
        path.chmod(0o444)
    workspace.imports.run(str(mlflow_db))
    after = {path: path.read_bytes() for path in mlflow_db.parent.iterdir() if path.is_file()}
    assert after == before


@pytest.mark.skipif(bool(why_not()), reason=why_not())
def test_on_postgresql(tmp_path: Path, folder_store: Written) -> None:
    with postgresql() as url:
        settings = Settings(workspace=tmp_path / "pg", actor="ada", database_url=url)
        opened = open_workspace(settings=settings)
        first = opened.imports.run(folder_store.source)
        assert (first.faults, first.imported["runs"]) == (0, len(folder_store.told["runs"]))
        wanted, found = expected(folder_store.told), seen(opened)
        assert found["runs"] == wanted["runs"]
        assert found["models"] == wanted["models"]
        again = opened.imports.run(folder_store.source)
        assert (any(again.imported.values()), again.changed) == (False, {})
        opened.store.engine.dispose()


def test_history_is_no_news_to_webhooks(workspace: Workspace, folder_store: Written) -> None:
    now = workspace.store.now()
    events = [{"entity": "model_version", "action": "created"}]
    hook = Webhook(
        id="w",
        name="w",
        url="https://example.org",
        status="ACTIVE",
        events=events,
        created_at=now,
        updated_at=now,
    )
    with workspace.store.write() as session:
        session.add(hook)
    workspace.imports.run(folder_store.source)
    with workspace.store.read() as session:
        assert session.execute(text("SELECT count(*) FROM interop_delivery")).scalar_one() == 0
    versions = workspace.registry.versions("doubles")
    assert len(versions) == 3


def test_what_is_here_from_elsewhere_is_a_conflict(
    workspace: Workspace, folder_store: Written, mlruns: Path
) -> None:
    first = next(iter(folder_store.told["runs"]))
    workspace.imports.run(folder_store.source)
    with workspace.store.write() as session:
        session.execute(text("DELETE FROM interop_imported WHERE kind = 'run'"))
    report = workspace.imports.run(folder_store.source)
    assert report.outcomes["conflict"] == len(folder_store.told["runs"])
    assert first in {line.name for line in report.lines}
    assert report.imported["runs"] == 0


def test_histories_become_blocks_and_take_what_is_new(
    workspace: Workspace, mlruns: Path, folder_store: Written
) -> None:
    workspace.imports.run(str(mlruns))
    before = seen(workspace)
    compact_waiting(workspace.store)
    assert seen(workspace) == before
    [child] = [n for n, run in folder_store.told["runs"].items() if run["name"] == "child"]
    [loss] = mlruns.glob(f"*/{child}/metrics/loss")
    loss.write_text(loss.read_text() + "1700000000000 0.75 9\n")
    assert workspace.imports.run(str(mlruns)).changed == {"runs": 1}
    assert list(workspace.experiments.history([child], ["loss"])["value"]) == [0.1, 0.75]
    assert workspace.experiments.run(child).metrics["loss"].count == 2


def test_what_was_deleted_or_archived_here_stays_so(workspace: Workspace, mlruns: Path) -> None:
    workspace.imports.run(str(mlruns))
    named = {run["name"]: number for number, run in seen(workspace)["runs"].items()}
    workspace.experiments.archive(named["killed"])
    workspace.experiments.delete([named["killed"]])
    workspace.experiments.archive(named["child"])
    [loss] = mlruns.glob(f"*/{named['child']}/metrics/loss")
    loss.write_text(loss.read_text() + "1700000000000 0.75 9\n")
    report = workspace.imports.run(str(mlruns))
    whys = {line.name: line.why for line in report.lines if line.kind == "run"}
    assert whys == {
        named["killed"]: "it came before and was deleted here since",
        named["child"]: "it is archived here: restore it to bring what is new",
    }
    workspace.experiments.restore(named["child"])
    assert workspace.imports.run(str(mlruns)).changed == {"runs": 1}
    assert workspace.experiments.run(named["child"]).values["loss"] == 0.75


def test_a_parameter_that_differs_is_a_conflict_and_ours_stays(
    workspace: Workspace, mlruns: Path
) -> None:
    workspace.imports.run(str(mlruns))
    [depth] = mlruns.glob("*/*/params/depth")
    depth.write_text("4")
    report = workspace.imports.run(str(mlruns))
    [line] = [line for line in report.lines if line.outcome == "conflict"]
    assert line.why == "it is '3' here and '4' there; the value here stays"
    assert workspace.experiments.run(depth.parents[1].name).params["depth"] == "3"


def test_a_champion_of_ours_is_not_pushed_aside(
    workspace: Workspace, folder_store: Written
) -> None:
    from pilothouse.models.signature import UNKNOWN
    from pilothouse.registry.versions import VersionSource

    digest = workspace.store.artifacts.put_bytes(b"{}")
    source = VersionSource(digest, UNKNOWN, [], {}, imported="MLflow: by hand")
    workspace.registry.register_import("doubles", source)
    with workspace.store.write() as session:
        from pilothouse.registry import stages

        stages.move_champion(session, workspace.store, "doubles", 1, "ours")
    report = workspace.imports.run(folder_store.source)
    champion = workspace.registry.champion("doubles")
    assert champion is not None
    assert champion.version == 1
    told = {(line.outcome, line.kind, line.name) for line in report.lines}
    assert ("conflict", "alias", "doubles@champion") in told
    assert ("skipped", "stage", "doubles 2") in told
    assert ("noted", "version", "doubles 1") in told
    assert [int(n) for n in workspace.registry.versions("doubles")["version"]] == [4, 3, 2, 1]


def test_what_came_in_goes_out_and_comes_in_again(
    workspace: Workspace, database_store: Written, tmp_path: Path
) -> None:
    """Out of one workspace as an MLflow store, and into another: the same, registry included."""
    workspace.imports.run(database_store.source)
    before = seen(workspace)
    names = list(before["experiments"])
    ids = [run for run, facts in before["runs"].items() if facts["lifecycle"] == "deleted"]
    path = tmp_path / "runs.zip"
    workspace.run_exports.write("mlflow", path, runs=ids, experiments=names)
    shutil.unpack_archive(path, tmp_path / "store")
    other = open_workspace(settings=Settings(workspace=tmp_path / "other", actor="ada"))
    report = other.imports.run(str(tmp_path / "store" / "mlflow.db"))
    after = seen(other)
    other.store.engine.dispose()
    assert report.faults == 0
    for kind in ("experiments", "runs", "logged_models"):
        assert after[kind] == before[kind], kind
    assert after["models"] == {name: m for name, m in before["models"].items() if m["versions"]}
