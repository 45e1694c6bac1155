"""Input that is broken or means harm: a line of the report each, and the import goes on."""

from __future__ import annotations

import os
import sqlite3
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from seen import seen

from pilothouse.interop.importing import coerce
from pilothouse.interop.importing.mlflow import common, metric_files
from pilothouse.interop.importing.mlflow.common import sandbox
from pilothouse.interop.importing.report import ImportReport
from pilothouse.interop.importing.sandbox import yaml_mapping
from pilothouse.kit.errors import Invalid, NotFound, PilothouseError, Unavailable
from pilothouse.kit.settings import Settings
from pilothouse.workspace import Workspace, open_workspace

RUN, OTHER = "a" * 32, "b" * 32
MODEL = "m-" + "c" * 32
META = """artifact_uri: file:///elsewhere/mlruns/1/{run}/artifacts
end_time: 1700000001000
experiment_id: '1'
lifecycle_stage: active
run_id: {run}
run_name: {name}
start_time: 1700000000000
status: 3
user_id: eve
"""


@pytest.fixture
def store_folder(tmp_path: Path) -> Path:
    """A small file store with one good run, and one to be damaged."""
    root = tmp_path / "mlruns"
    for run, name in ((RUN, "good"), (OTHER, "bad")):
        folder = root / "1" / run
        for part in ("metrics", "params", "tags", "artifacts"):
            (folder / part).mkdir(parents=True)
        (folder / "meta.yaml").write_text(META.format(run=run, name=name))
        (folder / "metrics" / "loss").write_text("1700000000000 0.5 0\n1700000000001 0.25 1\n")
        (folder / "artifacts" / "a.txt").write_text("a")
    (root / "1" / "meta.yaml").write_text(
        "experiment_id: '1'\nname: exp\nlifecycle_stage: active\n"
    )
    return root


def told(report: ImportReport) -> dict[tuple[str, str], str]:
    """What the report says: by outcome and kind, the last why."""
    return {(line.outcome, line.kind): line.why for line in report.lines}


def bring(workspace: Workspace, folder: Path) -> ImportReport:
    """Import a folder in which one run is good: that one always comes whole."""
    report = workspace.imports.run(str(folder))
    good = workspace.experiments.run(RUN)
    assert (good.status, good.values) == ("finished", {"loss": 0.25})
    assert [file.path for file in good.artifacts] == ["a.txt"]
    return report


SECRET = "root:x:0:0"


@pytest.fixture
def secret(tmp_path: Path) -> Path:
    """A folder outside of the store whose bytes may never come."""
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "secret.txt").write_text(SECRET)
    (outside / "meta.yaml").write_text(META.format(run=OTHER, name=SECRET))
    return outside


@pytest.mark.parametrize(
    ("link", "kind"),
    [
        (f"1/{OTHER}/artifacts/link.txt", "file"),
        (f"1/{OTHER}/artifacts/folder", "file"),
        (f"1/{OTHER}/params/link", "value"),
        (f"1/{OTHER}/metrics/link", "metric"),
        ("2", "experiment"),
        (f"1/{'d' * 32}", "run"),
        ("models", ""),
    ],
)
def test_links_are_not_followed(
    workspace: Workspace, store_folder: Path, secret: Path, link: str, kind: str
) -> None:
    target = secret / "secret.txt" if link.endswith(("link.txt", "link")) else secret
    (store_folder / link).symlink_to(target)
    report = bring(workspace, store_folder)
    if kind:
        assert "link" in told(report)["broken", kind]
    assert SECRET not in str(seen(workspace))
    assert not any(
        SECRET.encode() in workspace.store.artifacts.read(digest)
        for digest in workspace.store.artifacts.digests()
    )


def test_a_link_that_is_put_in_place_of_what_was_listed_is_not_followed(
    store_folder: Path, secret: Path
) -> None:
    root = sandbox(store_folder)
    [entry] = root.files(f"1/{RUN}/artifacts", lambda _path, _why: None)
    (store_folder / entry.path).unlink()
    (store_folder / entry.path).symlink_to(secret / "secret.txt")
    with pytest.raises(Unavailable, match="link"):
        list(root.chunks(entry.path))
    (store_folder / f"1/{RUN}/artifacts").rename(store_folder / "moved")
    (store_folder / f"1/{RUN}/artifacts").symlink_to(secret)
    with pytest.raises(Unavailable, match="link"):
        list(root.chunks(f"1/{RUN}/artifacts/secret.txt"))


@pytest.mark.parametrize(
    "path", ["../outside/secret.txt", "1/../../x", "/etc/passwd", "a//b", "a\0"]
)
def test_paths_that_climb_are_refused(store_folder: Path, path: str) -> None:
    with pytest.raises(Unavailable):
        list(sandbox(store_folder).chunks(path))


@pytest.mark.parametrize(
    "uri",
    [
        f"file:///a/mlruns/../outside/{RUN}/artifacts",
        f"/outside/{RUN}/../artifacts",
        "/etc",
        f"s3://bucket/1/{RUN}/artifacts",
        f"file:///other/{OTHER}/artifacts",
    ],
)
def test_a_place_is_found_again_only_where_the_owner_stands_in_it(
    store_folder: Path, uri: str
) -> None:
    assert sandbox(store_folder).relocate(uri, RUN) is None


def test_a_path_of_another_machine_is_found_in_the_folder(store_folder: Path) -> None:
    root = sandbox(store_folder)
    for uri in (
        f"file:///home/eve/mlruns/1/{RUN}/artifacts",
        f"file:///C:/Users/eve/mlruns/1/{RUN}/artifacts",
        f"C:\\Users\\eve\\mlruns\\1\\{RUN}\\artifacts",
        f"mlflow-artifacts:/1/{RUN}/artifacts",
    ):
        assert root.relocate(uri, RUN) == f"1/{RUN}/artifacts"


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"", "no YAML mapping"),
        (b"- a\n- b\n", "no YAML mapping"),
        (b"run_id: [", "no YAML"),
        (b"\xff\xfe\x00", "no YAML"),
        (b"a: !!python/object/apply:os.system ['touch /tmp/owned']", "no YAML"),
        (b"a: &a [1]\nb: *a\n", "refers to itself"),
        (b"[" * 200_000, "nested too deep"),
        (b"a: " + b"1" * 5_000_000, "larger than"),
        (b"run_id: other\nname: x\n", "another run"),
        (f"run_id: {OTHER}\n".encode(), ""),
    ],
)
def test_a_meta_file_that_is_none_costs_one_run(
    workspace: Workspace, store_folder: Path, content: bytes, why: str
) -> None:
    (store_folder / "1" / OTHER / "meta.yaml").write_bytes(content)
    report = bring(workspace, store_folder)
    if why:
        assert why in told(report)["broken", "run"]
        assert set(seen(workspace)["runs"]) == {RUN}
    assert not Path("/tmp/owned").exists()


def test_yaml_that_would_grow_without_end_is_refused() -> None:
    levels = "".join(
        f"{n}: &{n} {{<<: [*{p}, *{p}]}}\n" for p, n in zip("abcdef", "bcdefg", strict=True)
    )
    with pytest.raises(Invalid, match="refers to itself"):
        yaml_mapping(f"a: &a {{x: 1}}\n{levels}".encode())


def test_lines_that_are_no_points_are_counted(workspace: Workspace, store_folder: Path) -> None:
    bad = [
        *("", "nonsense", "1", "x 1 2", "1 y 2", "1 2 z", "1 2 1.5", "1 2 99999999999999999999"),
        *("999999999999999999999 1 1", "253402300800000000 1 1", "1 0.1 " + "9" * 5000),
    ]
    good = ["1700000000000 1.5 3", "1700000000001 nan 4", "1700000000002 -inf 5", "1700000000003 7"]
    text = "\n".join([*bad, *good]) + "\n1700000000004 0.1"
    (store_folder / "1" / OTHER / "metrics" / "odd").write_text(text)
    report = bring(workspace, store_folder)
    assert told(report)["broken", "metric"] == f"lines that are no points: {len(bad) + 1}"
    assert seen(workspace)["runs"][OTHER]["history"]["odd"] == [
        [0, 1700000000003, "7.0"],
        [3, 1700000000000, "1.5"],
        [4, 1700000000001, "nan"],
        [5, 1700000000002, "-inf"],
    ]


def test_words_that_are_too_long_are_cut_or_left_out(
    workspace: Workspace, store_folder: Path
) -> None:
    folder = store_folder / "1" / OTHER
    (folder / "params" / "long").write_text("v" * 9_000)
    (folder / "params" / "huge").write_bytes(b"v" * (3 << 20))
    (folder / "tags" / "note").write_text("t" * 9_000)
    deep = folder / "tags" / ("d" * 200) / ("e" * 200)
    deep.parent.mkdir()
    deep.write_text("x")
    (folder / "params" / "bytes").write_bytes(b"\xff\xfeok")
    (folder / "params" / " space").write_text("x")
    report = bring(workspace, store_folder)
    run = seen(workspace)["runs"][OTHER]
    assert (len(run["params"]["long"]), len(run["params"]["huge"])) == (6_000, 6_000)
    assert len(run["tags"]["note"]) == 8_000
    assert run["params"]["bytes"].endswith("ok")
    assert " space" not in run["params"]
    names = {(line.outcome, line.kind) for line in report.lines}
    assert {
        ("noted", "parameter"),
        ("noted", "tag"),
        ("broken", "tag"),
        ("noted", "value"),
    } <= names


def test_a_file_that_is_too_large_is_told_and_asked_for_again(
    workspace: Workspace, store_folder: Path
) -> None:
    with (store_folder / "1" / OTHER / "artifacts" / "bomb").open("wb") as bomb:
        bomb.truncate(1 << 40)  # a terabyte of nothing
    small = workspace.store.settings.model_copy(update={"max_artifact_mb": 1})
    opened = open_workspace(settings=small)
    report = bring(opened, store_folder)
    assert "PILOTHOUSE_MAX_ARTIFACT_MB" in told(report)["skipped", "file"]
    (store_folder / "1" / OTHER / "artifacts" / "bomb").write_bytes(b"defused")
    assert opened.imports.run(str(store_folder)).changed == {"runs": 1}
    assert "bomb" in seen(opened)["runs"][OTHER]["files"]
    opened.store.engine.dispose()


def test_pipes_and_odd_names_do_not_stop_it(workspace: Workspace, store_folder: Path) -> None:
    os.mkfifo(store_folder / "1" / OTHER / "artifacts" / "pipe")
    (store_folder / "1" / OTHER / "artifacts" / os.fsdecode(b"\xff\xfe")).write_bytes(b"x")
    (store_folder / "1" / OTHER / "artifacts" / "back\\slash").write_bytes(b"x")
    (store_folder / "1" / OTHER / "artifacts" / "gone").write_bytes(b"x")
    (store_folder / "1" / "not-a-run").mkdir()
    (store_folder / "7").mkdir()
    report = bring(workspace, store_folder)
    whys = {line.why for line in report.lines}
    assert {
        "it is neither a file nor a folder",
        "its name is no text",
        "it has no meta.yaml",
    } <= whys
    assert any("is not a path inside a run" in why for why in whys)
    assert told(report)["skipped", "run"] == "its name is no run id"


def test_runs_in_a_circle_and_above_themselves(workspace: Workspace, store_folder: Path) -> None:
    for run, above in ((RUN, OTHER), (OTHER, RUN)):
        (store_folder / "1" / run / "tags" / "mlflow.parentRunId").write_text(above)
    report = bring(workspace, store_folder)
    assert told(report)["broken", "parent"] == "it would be above itself"
    parents = [workspace.experiments.run(run).parent_id for run in (RUN, OTHER)]
    assert None in parents


def test_absurd_numbers_everywhere(workspace: Workspace, store_folder: Path) -> None:
    meta = META.format(run=OTHER, name="x").replace("1700000000000", "9" * 40)
    meta = meta.replace("1700000001000", "-" + "9" * 30).replace("status: 3", "status: 99")
    (store_folder / "1" / OTHER / "meta.yaml").write_text(meta)
    model = store_folder / "models" / "m"
    (model / "version-99999999999999999999").mkdir(parents=True)
    (model / "version-2000000000").mkdir()
    (model / "meta.yaml").write_text("name: m\naliases: {best: 7, odd: [1]}\n")
    (model / "version-2000000000" / "meta.yaml").write_text("version: 2000000000\nsource: /etc\n")
    report = bring(workspace, store_folder)
    assert workspace.experiments.run(OTHER).status == "running"
    assert [int(n) for n in workspace.registry.versions("m")["version"]] == [1]
    assert told(report)["skipped", "alias"] == "version 7 is not here"
    assert told(report)["skipped", "files"] == "they are said to be at /etc, and are not here"


def test_names_that_a_model_cannot_have(workspace: Workspace, store_folder: Path) -> None:
    for number, name in enumerate(("a/b:c", "x" * 300, "'; DROP TABLE runs; --")):
        folder = store_folder / "models" / f"model-{number}"
        folder.mkdir(parents=True)
        (folder / "meta.yaml").write_text(f'name: "{name}"\n')
    report = bring(workspace, store_folder)
    assert set(seen(workspace)["models"]) == {"a-b-c", "'; DROP TABLE runs; --"}
    assert ("broken", "model") in told(report)
    assert ("noted", "model") in told(report)


@pytest.mark.parametrize(
    ("content", "error"),
    [(b"", Invalid), (b"SQLite format 3\0" + b"\0" * 5000, PilothouseError), (b"hello", Invalid)],
)
def test_a_file_that_is_no_database(
    workspace: Workspace, tmp_path: Path, content: bytes, error: type[Exception]
) -> None:
    path = tmp_path / "mlflow.db"
    path.write_bytes(content)
    with pytest.raises(error):
        workspace.imports.run(str(path))


def made(path: Path, *statements: str) -> Path:
    """A database made of statements."""
    connection = sqlite3.connect(path)
    for statement in statements:
        connection.execute(statement)
    connection.commit()
    connection.close()
    return path


TABLES = (
    "CREATE TABLE experiments (experiment_id INTEGER, name TEXT, lifecycle_stage TEXT)",
    "CREATE TABLE runs (run_uuid TEXT, experiment_id INTEGER, status TEXT, start_time, end_time)",
    "CREATE TABLE params (key, value, run_uuid)",
    "CREATE TABLE tags (key, value, run_uuid)",
    "CREATE TABLE metrics (key, value, timestamp, step, run_uuid)",
    "INSERT INTO experiments VALUES (1, 'exp', 'active')",
    f"INSERT INTO runs VALUES ('{RUN}', 1, 'FINISHED', 1700000000000, 1700000001000)",
)


def test_a_database_of_something_else(workspace: Workspace, tmp_path: Path) -> None:
    path = made(tmp_path / "other.db", "CREATE TABLE songs (name)")
    with pytest.raises(Invalid, match="no MLflow database: it has no table 'experiments'"):
        workspace.imports.run(str(path))


def test_a_view_in_place_of_a_table_is_not_asked(workspace: Workspace, tmp_path: Path) -> None:
    path = made(
        tmp_path / "trap.db",
        *TABLES[:4],
        "CREATE VIEW metrics AS WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) "
        "SELECT i AS key FROM n",
    )
    with pytest.raises(Invalid, match="no table 'metrics'"):
        workspace.imports.run(str(path))


def test_cells_of_every_kind_but_the_right_one(workspace: Workspace, tmp_path: Path) -> None:
    blob, garbled = f"x'{'ff' * 32}'", "CAST(x'ffff' AS TEXT)"
    path = made(
        tmp_path / "odd.db",
        *TABLES,
        "INSERT INTO experiments VALUES (NULL, NULL, NULL), (2, x'ff00', 7), ('x', 'exp', NULL)",
        f"INSERT INTO runs VALUES ('{OTHER}', 1, 42, 'yesterday', 1e300), (NULL, 1, '', 0, 0), "
        f"({blob}, 1, '', 0, 0), ({garbled}, 1, '', 0, 0), ('short', 1, '', 0, 0)",
        f"INSERT INTO params VALUES (NULL, NULL, '{OTHER}'), ('k', x'00ff', '{OTHER}')",
        f"INSERT INTO params VALUES (7, 8, '{OTHER}')",
        f"INSERT INTO metrics VALUES ('m', 'NaN', 1700000000000, 0, '{OTHER}'), "
        f"('m', 1e999, 1700000000001, 1, '{OTHER}'), ('m', 'x', 1, 2, '{OTHER}'), "
        f"('m', 1, 1e300, 3, '{OTHER}'), ('m', 1, 1, 9e30, '{OTHER}'), (x'ff', 1, 1, 1, '{OTHER}')",
    )
    report = workspace.imports.run(str(path))
    runs = seen(workspace)["runs"]
    assert set(runs) == {RUN, OTHER}
    assert runs[OTHER]["params"] == {"k": "\N{REPLACEMENT CHARACTER}" * 2, "7": "8"}
    assert runs[OTHER]["history"]["m"] == [
        [0, 1700000000000, "nan"],
        [1, 1700000000001, "inf"],
    ]
    assert told(report)["broken", "metric"] == "rows that are no points: 3"
    assert told(report)["noted", "database"].startswith("its schema is not known here")


def test_a_schema_of_tomorrow_is_read_as_far_as_it_is_known(
    workspace: Workspace, tmp_path: Path
) -> None:
    path = made(
        tmp_path / "mlflow.db",
        *TABLES,
        "CREATE TABLE alembic_version (version_num)",
        "INSERT INTO alembic_version VALUES ('ffffffffffff')",
        "ALTER TABLE runs ADD COLUMN mood TEXT",
        "CREATE TABLE spells (name)",
    )
    report = workspace.imports.run(str(path))
    assert [line.name for line in report.lines if line.kind == "database"] == ["ffffffffffff"]
    assert (report.imported["runs"], report.faults) == (1, 0)


@pytest.mark.parametrize("given", ["", "ftp://x/y", "http://", "http://a b/", "https://:x@/"])
def test_what_is_no_source(workspace: Workspace, given: str) -> None:
    with pytest.raises(Invalid):
        workspace.imports.run(given)


def test_what_is_not_there(workspace: Workspace, tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="nothing at"):
        workspace.imports.preview(str(tmp_path / "nothing"))
    with pytest.raises(Invalid, match="holds no experiment"):
        workspace.imports.preview(str(tmp_path))


def test_a_folder_that_holds_both_asks_which(workspace: Workspace, store_folder: Path) -> None:
    made(store_folder.parent / "mlflow.db", *TABLES)
    with pytest.raises(Invalid, match=r"both mlflow\.db and mlruns"):
        workspace.imports.run(str(store_folder.parent))
    (store_folder.parent / "mlflow.db").unlink()
    assert workspace.imports.run(str(store_folder.parent)).imported["runs"] == 2


def test_an_address_with_a_password_is_refused_without_saying_it(workspace: Workspace) -> None:
    with pytest.raises(Invalid, match="may hold no password") as refused:
        workspace.imports.start("https://eve:hunter2@127.0.0.1:1/")
    assert "hunter2" not in str(refused.value)
    assert Settings().actor  # nothing of it went into the settings either


@settings(deadline=None)
@given(st.lists(st.binary(max_size=60)), st.integers(1, 50))
def test_lines_are_the_same_however_the_file_is_cut(parts: list[bytes], size: int) -> None:
    body = b"\n".join(parts)
    pieces = [body[start : start + size] for start in range(0, len(body), size)]
    *whole, last = body.split(b"\n")
    expected: list[Any] = [*whole, *([None] if last else [])]
    assert list(metric_files.whole_lines(pieces)) == expected


@settings(deadline=None)
@given(st.one_of(st.none(), st.text(), st.binary(), st.integers(), st.floats(), st.booleans()))
def test_any_value_becomes_one_of_ours_or_none(value: Any) -> None:
    coerce.text(value).encode()
    number, at = coerce.integer(value), coerce.instant(value)
    assert number is None or -(1 << 63) <= number < 1 << 63
    assert at is None or at.year >= 1
    figure = coerce.number(value)
    assert figure is None or isinstance(figure, float)
    assert common.status(value) in ("", "running", "queued", "finished", "failed", "cancelled")
    assert "\n" not in coerce.excerpt(value)
