"""Datasets from Delta tables and Parquet folders: identity, refresh, limits, clear refusals."""

from __future__ import annotations

import json
import os
import shutil
import string
import struct
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.dataset as ds
import pyarrow.parquet as pq
import pytest
from deltalake import DeltaTable, write_deltalake

from pilothouse.data.reading import delta_table, parquet_folder
from pilothouse.data.reading.parquet_folder import find_files, read_folder
from pilothouse.data.registration_job import register_source_job
from pilothouse.jobs import Progress
from pilothouse.kit.errors import Invalid, NotFound, PilothouseError, Refused, Unavailable
from pilothouse.storage.store import Store
from pilothouse.workspace import Workspace

ROWS = pa.table(
    {"id": [3, 1, 2, 4], "town": ["Bonn", "Cork", "Bonn", None], "size": [1.5, 2, 3, 4]}
)
DELETED = (3, 4, 7, 11, 18, 29)
Z85 = "".join(
    (string.digits, string.ascii_lowercase, string.ascii_uppercase, ".-:+=^!/*?&<>()[]{}@%$#")
)


def deletion_vector(rows: tuple[int, ...]) -> dict[str, Any]:
    """Deleted rows as the protocol writes them into the log: a roaring bitmap in Z85."""
    roaring = struct.pack("<IIHHI", 12346, 1, 0, len(rows) - 1, 16) + struct.pack("<6H", *rows)
    content = struct.pack("<IQI", 1681511377, 1, 0) + roaring
    digits = [
        Z85[number // 85**place % 85]
        for (number,) in struct.iter_unpack(">I", content)
        for place in (4, 3, 2, 1, 0)
    ]
    text = "".join(digits)
    return {"storageType": "i", "pathOrInlineDv": text, "sizeInBytes": len(content),
            "cardinality": len(rows)}  # fmt: skip


@pytest.fixture
def sales(tmp_path: Path) -> Path:
    """A Delta table of two versions."""
    folder = tmp_path / "sales"
    write_deltalake(folder, ROWS)
    write_deltalake(folder, ROWS.slice(0, 2), mode="append")
    return folder


def add(workspace: Workspace, kind: str, path: Path, **settings: Any) -> Any:
    return workspace.data.register_from("sales", kind, {"path": str(path), **settings})


def test_a_version_of_a_delta_table_is_refreshed_to_the_newest(
    workspace: Workspace, sales: Path
) -> None:
    data = workspace.data
    table_id = DeltaTable(sales).metadata().id
    first = add(workspace, "delta", sales, version=0)
    assert (first.rows, first.source) == (4, f"Delta table {sales}, version 0")
    assert data.frame("sales")["id"].tolist() == [1, 2, 3, 4]
    types = {column.name: column.type for column in first.schema}
    assert types == {"id": "integer", "town": "string", "size": "number"}
    source = data.source("sales")
    assert source is not None
    assert (source.settings["version"], source.identity) == (None, f"{table_id}@0")

    check = data.check_refresh("sales")
    assert (check.rows, check.unchanged, check.identity) == (6, False, f"{table_id}@1")
    second = data.refresh("sales")
    assert (second.ref, second.parent, second.rows) == ("sales@2", "sales@1", 6)
    assert second.source.endswith("version 1")


def test_the_same_version_is_not_read_again(
    workspace: Workspace, sales: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    add(workspace, "delta", sales)
    monkeypatch.setattr(delta_table, "read_version", None)
    assert workspace.data.refresh("sales").existed


def test_a_version_with_the_same_rows_is_the_same_content(
    workspace: Workspace, sales: Path
) -> None:
    first = add(workspace, "delta", sales)
    table = DeltaTable(sales)
    table.optimize.compact()
    assert DeltaTable(sales).version() == 2
    again = workspace.data.refresh("sales")
    assert (again.ref, again.existed) == (first.ref, True)


def test_a_time_names_the_version_of_then(workspace: Workspace, sales: Path) -> None:
    history = DeltaTable(sales).history()
    written = {entry["version"]: entry["timestamp"] for entry in history}
    at = datetime.fromtimestamp(written[0] / 1000, UTC).isoformat()
    rows = 4 if written[0] < written[1] else 6
    assert add(workspace, "delta", sales, at=at).rows == rows
    assert add(workspace, "delta", sales, at="2999-01-01").rows == 6
    with pytest.raises(NotFound, match="did not exist at 2001-01-01"):
        add(workspace, "delta", sales, at="2001-01-01")


def test_rows_of_deletion_vectors_are_gone(workspace: Workspace, tmp_path: Path) -> None:
    folder = tmp_path / "deleted"
    write_deltalake(folder, pa.table({"id": list(range(30))}))
    log = folder / "_delta_log" / f"{0:020}.json"
    lines = [json.loads(line) for line in log.read_text().splitlines()]
    for line in lines:
        if "protocol" in line:
            features = {
                "readerFeatures": ["deletionVectors"],
                "writerFeatures": ["deletionVectors"],
            }
            line["protocol"] = {"minReaderVersion": 3, "minWriterVersion": 7, **features}
        if "add" in line:
            line["add"]["deletionVector"] = deletion_vector(DELETED)
    log.write_text("\n".join(map(json.dumps, lines)))
    assert add(workspace, "delta", folder).rows == 24
    assert set(range(30)) - set(workspace.data.frame("sales")["id"]) == set(DELETED)


def test_versions_that_are_not_there_are_said_so(workspace: Workspace, sales: Path) -> None:
    with pytest.raises(NotFound, match="no version 9") as unknown:
        add(workspace, "delta", sales, version=9)
    assert "newest is 1" in str(unknown.value)
    write_deltalake(sales, ROWS, mode="overwrite")
    DeltaTable(sales).vacuum(0, dry_run=False, enforce_retention_duration=False)
    with pytest.raises(Unavailable, match=r"files of version 0 .* are not there any more"):
        add(workspace, "delta", sales, version=0)
    with pytest.raises(Invalid, match="either a version or a time"):
        add(workspace, "delta", sales, version=0, at="2026-01-01")
    with pytest.raises(Invalid, match="is not a time"):
        add(workspace, "delta", sales, at="yesterday")
    with pytest.raises(NotFound, match="no column 'price'"):
        add(workspace, "delta", sales, columns="id, price")
    assert workspace.data.datasets().empty


def test_a_delta_table_that_points_elsewhere_is_refused(
    workspace: Workspace, sales: Path, tmp_path: Path
) -> None:
    file = next(sales.glob("*.parquet"))
    outside = tmp_path / "outside.parquet"
    shutil.move(file, outside)
    file.symlink_to(outside)
    with pytest.raises(Invalid, match="outside of its own folder"):
        add(workspace, "delta", sales)


def test_without_the_package_the_extra_is_named(
    workspace: Workspace, sales: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pilothouse.kit.optional_packages.find_spec", lambda _name: None)
    with pytest.raises(Unavailable) as missing:
        add(workspace, "delta", sales)
    assert 'pip install "pilothouse[delta]"' in str(missing.value)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A partitioned set of Parquet files, as PyArrow writes it."""
    root = tmp_path / "parts"
    table = pa.table(
        {
            "id": list(range(6)),
            "day": ["2026-03-01", "2026-03-01", "2026-03-02", "2026-03-02", None, None],
            "store": [1, 2, 1, 2, 1, 2],
            "town": ["a=b", "x/y", "é", "a=b", "x/y", "é"],
        }
    )
    options = {"partitioning": ["day", "store", "town"], "partitioning_flavor": "hive"}
    ds.write_dataset(table, root, format="parquet", **options)
    return root


def test_the_parts_of_paths_are_columns(workspace: Workspace, folder: Path) -> None:
    (folder / "_SUCCESS").touch()
    (folder / "notes.txt").write_text("not data")
    version = add(workspace, "parquet", folder)
    types = {column.name: column.type for column in version.schema}
    assert types == {"id": "integer", "day": "time", "store": "integer", "town": "string"}
    frame = workspace.data.frame("sales").sort_values("id")
    assert frame["town"].tolist() == ["a=b", "x/y", "é", "a=b", "x/y", "é"]
    assert frame["day"].isna().tolist() == [False] * 4 + [True] * 2
    report = workspace.data.reading("sales")
    assert report is not None
    assert (report.format, report.notes) == (
        "Parquet, 6 files",
        ("1 files that are not Parquet were left out",),
    )


def test_pyarrow_reads_the_same_rows(folder: Path) -> None:
    expected = ds.dataset(folder, format="parquet", partitioning="hive").to_table()
    rows = read_folder(find_files(folder)).table
    for name in ("id", "store", "town"):
        values = sorted(zip(rows["id"].to_pylist(), rows[name].to_pylist(), strict=True))
        column = expected[name].to_pylist()
        assert values == sorted(zip(expected["id"].to_pylist(), column, strict=True))


def test_a_new_file_makes_the_next_version(workspace: Workspace, tmp_path: Path) -> None:
    root = tmp_path / "plain"
    root.mkdir()
    pq.write_table(ROWS, root / "a.parquet")
    data = workspace.data
    add(workspace, "parquet", root)
    assert data.frame("sales")["id"].tolist() == [3, 1, 2, 4]  # as the file has them
    assert data.refresh("sales").existed
    assert data.source_state("sales") == "unchanged"
    pq.write_table(ROWS.slice(0, 1), root / "b.parquet")
    assert data.source_state("sales") == "changed"
    assert data.check_refresh("sales").rows == 5
    assert data.refresh("sales").ref == "sales@2"


def test_what_differs_between_files_is_reported(workspace: Workspace, tmp_path: Path) -> None:
    root = tmp_path / "plain"
    root.mkdir()
    pq.write_table(pa.table({"id": [1], "size": pa.array([1], pa.int32())}), root / "a.parquet")
    pq.write_table(pa.table({"size": [1.5], "town": ["Cork"]}), root / "b.parquet")
    preview = workspace.data.preview_from("parquet", {"path": str(root)})
    assert preview.frame["size"].tolist() == [1.0, 1.5]
    notes = "\n".join(preview.report.notes)
    assert "column 'town' is in 1 of 2 files" in notes
    assert "column 'size' has the types int32, double; the widest was used" in notes
    pq.write_table(pa.table({"size": ["large"]}), root / "c.parquet")
    with pytest.raises(Invalid, match=r"'size' is int32 in a\.parquet, .*string in c\.parquet"):
        add(workspace, "parquet", root)
    (root / "c.parquet").write_bytes(b"PAR1 torn")
    with pytest.raises(Invalid, match=r"c\.parquet is no Parquet file"):
        add(workspace, "parquet", root)


def test_links_are_not_followed_and_a_delta_folder_is_refused(
    workspace: Workspace, sales: Path, tmp_path: Path
) -> None:
    root = tmp_path / "linked"
    root.mkdir()
    pq.write_table(ROWS, root / "a.parquet")
    pq.write_table(ROWS, tmp_path / "secret.parquet")
    (root / "b.parquet").symlink_to(tmp_path / "secret.parquet")
    (root / "below").symlink_to(sales)
    rows = read_folder(find_files(root))
    assert (rows.table.num_rows, rows.notes) == (4, ("2 links were not followed",))
    with pytest.raises(Invalid, match="is a Delta table"):
        add(workspace, "parquet", sales)


def test_limits_are_kept(
    workspace: Workspace, sales: Path, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(delta_table, "MAX_TABLE", 143)
    with pytest.raises(Invalid, match="holds 6 rows of 3 columns"):
        add(workspace, "delta", sales)
    assert len(workspace.data.preview_from("delta", {"path": str(sales)}).frame) == 6
    monkeypatch.setattr(parquet_folder, "MAX_FILES", 3)
    with pytest.raises(Invalid, match="more than 3 Parquet files"):
        add(workspace, "parquet", folder)


@pytest.mark.parametrize(
    ("path", "error"),
    [
        ("/nowhere/at/all", NotFound),
        ("s3://bucket/sales", Invalid),
        ("file://elsewhere/sales", Invalid),
        ("", Invalid),
        ("/tmp\0", Invalid),
    ],
)
@pytest.mark.parametrize("kind", ["delta", "parquet"])
def test_a_path_that_cannot_be_read_is_said(
    workspace: Workspace, kind: str, path: str, error: type[PilothouseError]
) -> None:
    with pytest.raises(error):
        workspace.data.preview_from(kind, {"path": path})


def test_only_allowed_folders_are_read(store: Store, tmp_path: Path, folder: Path) -> None:
    allowed = tmp_path / "allowed"
    allowed.mkdir()
    (allowed / "link").symlink_to(folder)
    shutil.copytree(folder, allowed / "copy folder")
    settings = store.settings.model_copy(update={"data_folders": f"/nowhere{os.pathsep}{allowed}"})
    data = Workspace(replace(store, settings=settings)).data
    url = (allowed / "copy folder").as_uri()
    assert len(data.preview_from("parquet", {"path": url}).frame) == 6
    for path in (folder, allowed / "link", allowed / ".." / "parts"):
        with pytest.raises(Refused, match="outside of the folders"):
            data.preview_from("parquet", {"path": str(path)})
    with pytest.raises(Refused):
        data.preview_sql(f"sqlite:///{tmp_path}/shop.db", table="t")
    file = next(folder.rglob("*.parquet"))
    for read in (lambda: data.preview(file), lambda: data.submit("sales", str(file))):
        with pytest.raises(Refused):
            read()


def test_a_registration_that_was_killed_is_finished_by_the_next(
    workspace: Workspace, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    silent = Progress(workspace.store, None)
    job = {"dataset": "sales", "kind": "parquet", "settings": {"path": str(folder)}, "about": {}}
    with monkeypatch.context() as patched:
        patched.setattr("pilothouse.data.dataset_sources.keep", interrupted)
        with pytest.raises(KeyboardInterrupt):
            register_source_job(workspace.store, silent, **job)
    made = register_source_job(workspace.store, silent, **job)
    assert made == {"dataset": "sales@1", "rows": 6, "existed": True}
    assert workspace.data.source("sales") is not None


def interrupted(*_arguments: Any) -> None:
    raise KeyboardInterrupt
