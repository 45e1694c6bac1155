"""The archive of a workspace: it imports again unchanged, or not at all."""

from __future__ import annotations

import io
import json
import re
import shutil
import sqlite3
import zipfile
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner, Result
from sqlalchemy import MetaData

from harness.archived_workspace import ArchivedWorkspace, Change, archived, rewritten
from harness.every_query import answers, known_values
from harness.postgres import postgresql, why_not
from harness.sound_workspace import build
from pilothouse.cli.root import root
from pilothouse.interop.archives.api import check_archive
from pilothouse.interop.archives.archive_contents import (
    BLANKED,
    README,
    all_tables,
    is_path,
)
from pilothouse.interop.archives.export_archive import write_archive
from pilothouse.interop.archives.export_job import export_job
from pilothouse.interop.archives.import_archive import import_archive
from pilothouse.interop.archives.table_files import columns_of, read_table, write_table
from pilothouse.interop.tables import Webhook
from pilothouse.jobs import Progress
from pilothouse.jobs.tables import Job, JobStep
from pilothouse.kit.clock import FixedClock
from pilothouse.kit.errors import Conflict, Invalid, NotFound, PilothouseError, Refused, Unavailable
from pilothouse.kit.settings import Settings
from pilothouse.storage import open_store
from pilothouse.storage.migrate import HEAD, upgrade_to
from pilothouse.workspace import Workspace, open_workspace
from pilothouse.workspace.checks import run_all

NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)
SECRET = "hunter2-of-a-webhook"
HASHING_KEY = b"\x07the key of hashed columns\x07"
# What an import changes: what ran there does not run here.
SETTLED = {
    *("activity_entry", "deployments_api_key", "deployments_deployment", "deployments_revision"),
    *("deployments_route_generation", "interop_webhook", "jobs_job", "jobs_schedule", "jobs_step"),
    "experiments_run",
}


def fill(folder: Path) -> str:
    """A workspace with something of every kind, some of it secret; the text of its API key."""
    build(folder)
    clock = FixedClock(NOW)
    ws = open_workspace(settings=Settings(workspace=folder, actor="ada"), clock=clock)
    key = ws.deployments.create_api_key("a program").key
    ws.jobs.add_schedule("weekly", "0 6 * * 1", "clean_log", {}, title="Clean up")
    job = ws.jobs.submit("clean_log", {}, title="Clean up")
    with ws.store.write() as session:
        session.add(JobStep(job_id=job, seq=1, name="a", status="running", started_at=NOW))
        webhook = Webhook(
            id="w1", name="chat", url=f"https://chat.example.org/{SECRET}", secret=SECRET,
            status="ACTIVE", events=[], created_at=NOW, updated_at=NOW,
        )  # fmt: skip
        session.add(webhook)
    (folder / "journal" / ".columns.key").write_bytes(HASHING_KEY)
    (folder / "secrets").mkdir()
    (folder / "secrets" / "channel-1").write_text(SECRET)
    ws.store.engine.dispose()
    return key


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> SimpleNamespace:
    folder = tmp_path_factory.mktemp("source") / "workspace"
    return SimpleNamespace(folder=folder, key=fill(folder))


@pytest.fixture(scope="module")
def pair(
    source: SimpleNamespace, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[ArchivedWorkspace]:
    both = archived(source.folder, tmp_path_factory.mktemp("pair"), FixedClock(NOW))
    yield both
    both.expected.store.engine.dispose()
    both.imported.store.engine.dispose()


@pytest.fixture
def new(tmp_path: Path) -> Path:
    return tmp_path / "somewhere" / "new"


def into(folder: Path, archive: Path, **how: Any) -> Any:
    settings = Settings(workspace=folder, actor="ada")
    return import_archive(archive, settings, clock=FixedClock(NOW), **{"trust": True, **how})


def content(archive: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(archive) as file:
        return {name: file.read(name) for name in file.namelist()}


def unordered(answer: Any) -> Any:
    return sorted(map(repr, answer)) if isinstance(answer, list) else answer


def rows_of(archive: Path) -> dict[str, list[str]]:
    """The rows of every table, in an order of their own: databases have different ones."""
    return {
        name: sorted(map(repr, pq.read_table(io.BytesIO(data)).to_pylist()))
        for name, data in content(archive).items()
        if name.startswith("tables/")
    }


def test_every_query_answers_as_before(pair: ArchivedWorkspace) -> None:
    known = known_values(pair.expected)
    before, after = answers(pair.expected, known), answers(pair.imported, known)
    assert {call: after.get(call) for call in before} == before
    assert len({call.partition("(")[0] for call in before}) > 150


def test_the_imported_workspace_is_sound(pair: ArchivedWorkspace) -> None:
    verdicts = run_all(pair.imported.store)
    assert {name: v.message for name, v in verdicts.items() if not v.ok} == {}


def test_tables_and_files_are_the_same_bytes(pair: ArchivedWorkspace, tmp_path: Path) -> None:
    write_archive(pair.imported.store, tmp_path / "again.zip")
    first, again = content(pair.archive), content(tmp_path / "again.zip")
    changed = {f"tables/{name}.parquet" for name in SETTLED}
    changed |= {"archive.json", "activity.anchor"}
    for name, data in first.items():
        assert name in changed or again[name] == data, name
    assert set(again) >= set(first)


def test_the_same_workspace_gives_the_same_archive(pair: ArchivedWorkspace, tmp_path: Path) -> None:
    for name in ("a.zip", "b.zip"):
        write_archive(pair.expected.store, tmp_path / name)
    assert (tmp_path / "a.zip").read_bytes() == (tmp_path / "b.zip").read_bytes()


def test_nothing_goes_on_by_itself(pair: ArchivedWorkspace) -> None:
    ws = pair.imported
    assert ws.deployments.deployment("late").desired_state == "stopped"
    assert ws.jobs.active() == []
    [job] = ws.jobs.jobs(status="cancelled")["id"]
    assert "nothing of it runs here" in ws.jobs.job(job).error
    assert [step.status for step in ws.jobs.steps(job)] == ["cancelled"]
    assert list(ws.jobs.schedules()["enabled"]) == [False]
    assert [key.state for key in ws.deployments.api_keys()] == ["revoked"]
    entries = ws.activity.entries(verb="imported")
    assert entries["after"].iloc[0]["manifest"] == pair.digest
    for word in ("deployment is", "job was", "schedule is", "API key is", "webhook is"):
        assert any(word in line for line in pair.report.to_do), word


def test_everything_that_is_enabled_is_disabled_or_harmless() -> None:
    """A new table with such a column is settled by an import, see `settling.py`."""
    enabled = {table.name for table in all_tables() if "enabled" in table.columns}
    settled = {"interop_watched_folder", "interop_event_connection", "jobs_schedule"}
    assert enabled == settled | {"monitoring_channel", "monitoring_monitor", "monitoring_rule"}


def test_no_secret_is_in_an_archive(source: SimpleNamespace, pair: ArchivedWorkspace) -> None:
    tables = content(pair.archive)
    everything = b"".join(data for name, data in tables.items() if not name.endswith(".parquet"))
    rows = [pq.read_table(io.BytesIO(tables[f"tables/{name}.parquet"])) for name, _ in BLANKED]
    everything += json.dumps([table.to_pylist() for table in rows], default=str).encode()
    with sqlite3.connect(source.folder / "pilothouse.db") as database:
        [(hashed,)] = database.execute("SELECT sha256 FROM deployments_api_key")
    for secret in (SECRET.encode(), HASHING_KEY, source.key.encode(), hashed.encode()):
        assert secret not in everything
    assert not any(name.startswith(("secrets", "run")) or ".key" in name for name in tables)


def test_columns_that_sound_secret_are_blanked() -> None:
    sound = re.compile(r"secret|token|password|sha256|private")
    columns = {(table.name, c.name) for table in all_tables() for c in table.columns}
    assert {pair for pair in columns if sound.search(pair[1])} <= set(BLANKED)
    assert set(BLANKED) <= columns


def test_a_stranger_reads_it_with_pandas_alone(
    pair: ArchivedWorkspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    with zipfile.ZipFile(pair.archive) as file:
        file.extractall(tmp_path)
    monkeypatch.chdir(tmp_path)
    blocks = re.findall(r"```python\n(.*?)```", Path(README).read_text(), re.DOTALL)
    names: dict[str, Any] = {}
    for block in blocks:
        exec(block, names)
    printed = capsys.readouterr().out
    assert "flights 1 (40, 2)" in printed
    assert "loss" in printed
    assert len(blocks) == 3


@pytest.mark.proof
def test_a_workspace_is_exported_while_it_is_used(source: SimpleNamespace, tmp_path: Path) -> None:
    folder = tmp_path / "workspace"
    shutil.copytree(source.folder, folder)
    ws = open_workspace(folder, actor="ada")
    other = open_workspace(folder, actor="cleo")
    written: list[str] = []

    def write_meanwhile(_share: float, message: str) -> None:
        if len(written) < 12:
            run = other.experiments.start("late")
            other.experiments.log_artifact(run, "note.txt", f"{len(written)}".encode())
            written.append(message)

    ws.archives.export(tmp_path / "used.zip", on_progress=write_meanwhile)
    into(tmp_path / "new", tmp_path / "used.zip")
    imported = open_workspace(tmp_path / "new")
    verdicts = run_all(imported.store)
    assert {name: v.message for name, v in verdicts.items() if not v.ok} == {}
    assert len(written) == 12
    assert imported.experiments.count() == 2 + 2  # as when the export began
    for each in (ws, other, imported):
        each.store.engine.dispose()


def refuse(*_args: Any) -> None:
    raise RuntimeError("killed")


def test_an_export_that_fails_leaves_the_former_one(
    pair: ArchivedWorkspace, tmp_path: Path
) -> None:
    target = tmp_path / "archive.zip"
    target.write_bytes(b"the former one")
    with pytest.raises(RuntimeError):
        pair.expected.archives.export(target, on_progress=refuse)
    assert target.read_bytes() == b"the former one"
    assert list(tmp_path.iterdir()) == [target]


def test_an_empty_workspace_takes_an_archive_and_another_does_not(
    pair: ArchivedWorkspace, new_folder: Path
) -> None:
    into(new_folder, pair.archive)
    assert [path.name for path in new_folder.parent.iterdir()] == [new_folder.name]
    with pytest.raises(Conflict, match="not empty"):
        into(new_folder, pair.archive)


def test_a_folder_of_other_files_is_left_alone(pair: ArchivedWorkspace, tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("mine")
    with pytest.raises(Conflict, match="no workspace"):
        into(tmp_path, pair.archive)


def test_a_full_disk_is_said_before(
    pair: ArchivedWorkspace, new: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = SimpleNamespace(free=1_000_000)
    monkeypatch.setattr("shutil.disk_usage", lambda _path: usage)
    new.parent.mkdir()
    with pytest.raises(Unavailable, match="GB free"):
        into(new, pair.archive)
    with pytest.raises(Unavailable, match="GB free"):
        pair.expected.archives.export(new.parent / "archive.zip")
    assert list(new.parent.iterdir()) == []


def test_somebody_vouches_for_an_archive(pair: ArchivedWorkspace, new: Path) -> None:
    new.parent.mkdir()
    with pytest.raises(Refused, match="code"):
        into(new, pair.archive, trust=False)
    with pytest.raises(Refused, match=pair.digest):
        into(new, pair.archive, trust=False, manifest="ab" * 32)
    assert list(new.parent.iterdir()) == []


def table_of(manifest: dict[str, Any], name: str) -> dict[str, Any]:
    return next(table for table in manifest["tables"] if table["name"] == name)


def rename_table(files: dict[str, bytes], manifest: dict[str, Any]) -> None:
    files["tables/people_thing.parquet"] = files.pop("tables/people_person.parquet")
    table_of(manifest, "people_person").update(
        name="people_thing", path="tables/people_thing.parquet"
    )


def drop_table(files: dict[str, bytes], manifest: dict[str, Any]) -> None:
    del files["tables/people_person.parquet"]
    manifest["tables"].remove(table_of(manifest, "people_person"))


def damage_table(files: dict[str, bytes], _manifest: dict[str, Any]) -> None:
    data = files["tables/experiments_run.parquet"]
    files["tables/experiments_run.parquet"] = data[:40] + b"\xff" * 40 + data[80:]


def orphan_rows(files: dict[str, bytes], manifest: dict[str, Any]) -> None:
    """Runs without their experiments."""
    table = pq.read_table(io.BytesIO(files["tables/experiments_experiment.parquet"]))
    out = io.BytesIO()
    pq.write_table(table.slice(0, 0), out)
    files["tables/experiments_experiment.parquet"] = out.getvalue()
    table_of(manifest, "experiments_experiment")["rows"] = 0


# What somebody has changed, whether the hashes were made to fit, and what is said of it.
HOSTILE: dict[str, tuple[Change, bool, type[PilothouseError], str]] = {
    "a path that leaves the folder": (
        lambda files, _: files.update({"logs/../../../evil": b"x"}), True, Invalid, "no place",
    ),
    "an absolute path": (lambda files, _: files.update({"/etc/x": b""}), True, Invalid, "no place"),
    "a file of no workspace": (
        lambda files, _: files.update({"run/own.key": b"x"}), True, Invalid, "no place",
    ),
    "the key of hashes": (
        lambda files, _: files.update({"journal/.columns.key": b"x"}), True, Invalid, "no place",
    ),
    "an artifact of another name": (
        lambda files, _: files.update({"artifacts/ab/ab" + "0" * 62: b"x"}), True, Invalid,
        "another name",
    ),
    "an unlisted file": (
        lambda files, _: files.update({"logs/jobs/x.log": b"x"}), False, Invalid, "does not list",
    ),
    "other bytes": (
        lambda files, _: files.update({"activity.anchor": files["activity.anchor"][::-1]}), False,
        Invalid, "not what the manifest",
    ),
    "a missing file": (
        lambda files, _: files.pop("activity.anchor"), False, Invalid, "is missing",
    ),
    "a newer format": (
        lambda _, manifest: manifest.update(version=2), False, Refused, "format 2",
    ),
    "another format": (
        lambda _, manifest: manifest.update(format="tar"), False, Invalid, "another format",
    ),
    "a newer schema": (
        lambda _, manifest: manifest.update(schema="9999"), False, Refused, "9999",
    ),
    "an unknown table": (rename_table, True, Invalid, "people_thing"),
    "a table less": (drop_table, True, Invalid, "people_person"),
    "a damaged table": (damage_table, True, Invalid, "cannot be read"),
    "rows that name no others": (orphan_rows, True, Invalid, "do not fit together"),
    "no tables": (lambda _, m: m.update(tables=3), False, Invalid, "cannot be read"),
    "no JSON": (lambda _, m: m.update(counters=[[]] * 2), False, Invalid, "cannot be read"),
}  # fmt: skip


@pytest.mark.parametrize("name", HOSTILE)
def test_a_changed_archive_is_refused(
    pair: ArchivedWorkspace, new: Path, tmp_path: Path, name: str
) -> None:
    change, rehash, error, words = HOSTILE[name]
    new.parent.mkdir()
    changed = rewritten(pair.archive, tmp_path / "changed.zip", change, rehash=rehash)
    with pytest.raises(error, match=words):
        into(new, changed)
    assert list(new.parent.iterdir()) == []


def test_half_an_archive_and_none(pair: ArchivedWorkspace, new: Path, tmp_path: Path) -> None:
    half = tmp_path / "half.zip"
    half.write_bytes(pair.archive.read_bytes()[:50_000])
    with pytest.raises(Invalid, match="whole archive"):
        into(new, half)
    with pytest.raises(NotFound):
        into(new, tmp_path / "absent.zip")
    with zipfile.ZipFile(half, "w") as file:
        file.writestr("a", "b")
    with pytest.raises(Invalid, match=r"archive\.json"):
        into(new, half)


def test_a_check_names_what_is_damaged(pair: ArchivedWorkspace, tmp_path: Path) -> None:
    whole = check_archive(pair.archive)
    assert (whole.problems, whole.manifest, whole.schema) == ((), pair.digest, HEAD)
    data = bytearray(pair.archive.read_bytes())
    with zipfile.ZipFile(pair.archive) as file:
        entry = file.getinfo("tables/experiments_run.parquet")
    data[entry.header_offset + 200] ^= 0xFF
    (tmp_path / "damaged.zip").write_bytes(data)
    [problem] = check_archive(tmp_path / "damaged.zip").problems
    assert "experiments_run" in problem


@pytest.mark.parametrize("path", ["../x", "a/b", "logs/", "logs//x", "logs/a\x00b", "tables/x.csv"])
def test_paths_of_no_workspace(path: str) -> None:
    assert not is_path(path)


def older(archive: Path, target: Path, folder: Path, revision: str) -> Path:
    """The same archive as an earlier program would have written it."""
    store = open_store(Settings(workspace=folder))
    with store.write() as session:
        upgrade_to(session, revision)
    schema = MetaData()
    schema.reflect(store.engine)
    store.engine.dispose()

    def change(files: dict[str, bytes], manifest: dict[str, Any]) -> None:
        manifest["schema"] = revision
        for table in list(manifest["tables"]):
            if table["name"] not in schema.tables:
                manifest["tables"].remove(table)
                del files[table["path"]]
                continue
            columns = set(schema.tables[table["name"]].columns.keys())
            kept = [column for column in table["columns"] if column["name"] in columns]
            if len(kept) < len(table["columns"]):
                table["columns"] = kept
                out, rows = io.BytesIO(), pq.read_table(io.BytesIO(files[table["path"]]))
                pq.write_table(rows.select([column["name"] for column in kept]), out)
                files[table["path"]] = out.getvalue()

    return rewritten(archive, target, change, rehash=True)


@pytest.mark.proof
def test_an_archive_of_an_earlier_schema_is_migrated(
    pair: ArchivedWorkspace, new: Path, tmp_path: Path
) -> None:
    old = older(pair.archive, tmp_path / "old.zip", tmp_path / "schema", "0066")
    assert len(check_archive(old).problems) == 0
    assert into(new, old).migrated_from == "0066"
    ws = open_workspace(new)
    verdicts = run_all(ws.store)
    assert {name: v.message for name, v in verdicts.items() if not v.ok} == {}
    assert list(ws.experiments.experiments()["name"]) == ["late"]
    ws.store.engine.dispose()


def test_values_are_exact(workspace: Workspace, tmp_path: Path) -> None:
    """Extremes of each type, as the database has them."""
    points = [
        (series, step, at, value, nan)
        for series, (step, at, value, nan) in enumerate(
            [
                (-(2**63), 2**62, 5e-324, 0),
                (2**63 - 1, -1, -1.7976931348623157e308, 0),
                (0, 0, float("inf"), 0),
                (1, 1, 0.1 + 0.2, 0),
                (1, 1, 0.0, 1),
            ]
        )
    ]
    odd = 'é\u2028\U0001f600 "\\ \x00end'
    with sqlite3.connect(workspace.folder / "pilothouse.db") as database:
        database.executemany("INSERT INTO experiments_metric VALUES (?, ?, ?, ?, ?)", points)
        database.execute("INSERT INTO experiments_block VALUES (7, 0, ?)", (bytes(range(256)),))
        database.execute(
            "INSERT INTO experiments_view (name, owner, state, created_at, updated_at)"
            " VALUES (?, '', ?, 5, -7)",
            (odd, '{"b":  1.0, "a":[1e400]}'),
        )
    tables = {table.name: table for table in all_tables()}
    stored = {}
    for name in ("experiments_metric", "experiments_block", "experiments_view"):
        path = tmp_path / f"{name}.parquet"
        with workspace.store.read() as session:
            rows = write_table(session, tables[name], path)
        parts = list(read_table(path, columns_of(tables[name]), rows))
        stored[name] = [tuple(row.values()) for part in parts for row in part]
    assert list(map(repr, stored["experiments_metric"])) == list(map(repr, points))
    assert stored["experiments_block"] == [(7, 0, bytes(range(256)))]
    [(_, name_, _, state, created, updated)] = stored["experiments_view"]
    assert (name_, state, created, updated) == (odd, '{"b":  1.0, "a":[1e400]}', 5, -7)


def test_numbers_are_not_given_again(pair: ArchivedWorkspace) -> None:
    databases = (pair.expected.folder / "pilothouse.db", pair.imported.folder / "pilothouse.db")
    counters = []
    for path in databases:
        with sqlite3.connect(path) as database:
            counters.append(dict(database.execute("SELECT name, seq FROM sqlite_sequence")))
    assert counters[0] == counters[1] != {}


def test_the_commands(source: SimpleNamespace, tmp_path: Path) -> None:
    archive, folder, new = str(tmp_path / "team.zip"), tmp_path / "copy", tmp_path / "new"
    shutil.copytree(source.folder, folder)

    def call(*arguments: str, workspace: Path = folder) -> Result:
        options = ["--workspace", str(workspace), "--json"]
        return CliRunner().invoke(root, ["archives", *arguments, *options])

    assert json.loads(call("export", archive, "--dry-run").stdout)["rows"] > 100
    assert not Path(archive).exists()
    digest = json.loads(call("export", archive).stdout)["manifest"]
    assert json.loads(call("check", archive).stdout)["problems"] == []
    assert isinstance(call("import", archive, workspace=new).exception, Refused)
    left = tmp_path / ".new.importing-99999999"  # by a program that was killed
    left.mkdir()
    imported = call("import", archive, "--manifest", digest, workspace=new)
    assert "deployments resume" in json.dumps(json.loads(imported.stdout)["to_do"])
    assert new.is_dir()
    assert not left.exists()
    assert json.loads(call("newest").stdout) is None
    again = call("import", archive, "--trust", workspace=new)
    assert isinstance(again.exception, Conflict)


def test_a_job_keeps_the_newest_archive_in_the_folder(
    source: SimpleNamespace, tmp_path: Path
) -> None:
    folder = tmp_path / "team"
    shutil.copytree(source.folder, folder)
    ws = open_workspace(folder, actor="ada")
    job = ws.archives.start()
    with pytest.raises(Conflict, match="already"):
        ws.archives.start()
    assert ws.archives.newest() is None
    result = export_job(ws.store, Progress(ws.store, job))
    with ws.store.write() as session:
        row = session.get_one(Job, job)
        row.status, row.ended_at, row.result = "succeeded", NOW, result
    newest = ws.archives.newest()
    assert newest is not None
    assert (newest.path, newest.job) == (folder / "archives" / "team.zip", job)
    assert newest.manifest == check_archive(newest.path).manifest
    assert "archives" not in {name.partition("/")[0] for name in content(newest.path)}
    ws.store.engine.dispose()


@pytest.mark.proof
@pytest.mark.timeout(900)
def test_an_archive_moves_to_postgresql_and_back(source: SimpleNamespace, tmp_path: Path) -> None:
    if missing := why_not():
        pytest.skip(missing)
    with postgresql() as url:
        both = archived(source.folder, tmp_path, FixedClock(NOW), url)
        known = known_values(both.expected)
        before, after = answers(both.expected, known), answers(both.imported, known)
        # Of equal times, each database has an order of its own.
        differing = [c for c in before if unordered(before[c]) != unordered(after.get(c))]
        assert differing == []
        verdicts = run_all(both.imported.store)
        assert {name: v.message for name, v in verdicts.items() if not v.ok} == {}
        write_archive(both.imported.store, tmp_path / "there.zip")
        write_archive(both.expected.store, tmp_path / "here.zip")
        here, there = rows_of(tmp_path / "here.zip"), rows_of(tmp_path / "there.zip")
        assert there == here
        settings = Settings(workspace=tmp_path / "other", database_url=url)
        with pytest.raises(Conflict, match="not empty"):
            import_archive(tmp_path / "there.zip", settings, trust=True)
        run = both.imported.experiments.start("late")  # its numbers go on
        both.imported.experiments.log_metrics(run, {"loss": 1.0})
        both.imported.store.engine.dispose()
        both.expected.store.engine.dispose()
    into(tmp_path / "back", tmp_path / "there.zip")
    back = open_workspace(tmp_path / "back")
    assert all(verdict.ok for verdict in run_all(back.store).values())
    back.store.engine.dispose()
