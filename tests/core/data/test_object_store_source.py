"""Datasets from object stores: prefixes, refreshes, keys by reference, clear refusals."""

from __future__ import annotations

import gzip
import io
import json
import sys
import tempfile
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from harness.object_stores import Bucket, installed
from pilothouse.kit.errors import Invalid, NotFound, Refused, Unavailable
from pilothouse.workspace import Workspace

CSV = b"town,size\nBonn,1\nCork,2\n"


@pytest.fixture
def bucket(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Bucket:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return installed(monkeypatch, Bucket("lake"))


def add(workspace: Workspace, path: str = "s3://lake/sales/", **settings: Any) -> Any:
    return workspace.data.register_from("sales", "s3", {"path": path, **settings})


def parquet(**columns: list[Any]) -> bytes:
    file = io.BytesIO()
    pq.write_table(pa.table(columns), file)
    return file.getvalue()


def test_one_object_is_registered_and_refreshed(
    workspace: Workspace, bucket: Bucket, tmp_path: Path
) -> None:
    bucket.objects = {"sales.csv": CSV, "sales.csv.old": b"x"}
    version = add(workspace, "s3://lake/sales.csv")
    assert (version.rows, version.source) == (2, "s3://lake/sales.csv")
    assert workspace.data.source_state("sales") == "unchanged"
    fetched = bucket.fetched
    assert workspace.data.refresh("sales").existed
    assert bucket.fetched == fetched, "nothing is read while keys, sizes and tags are the same"

    bucket.objects["sales.csv"] = CSV.replace(b"Cork,2", b"Lyon,2")  # of the same size
    assert workspace.data.source_state("sales") == "changed"
    check = workspace.data.check_refresh("sales")
    assert (check.rows, check.unchanged) == (2, False)
    assert workspace.data.refresh("sales").ref == "sales@2"
    assert not list(tmp_path.glob("pilothouse-objects-*")), "what was fetched is removed"


def test_a_prefix_of_more_than_a_page_is_read_whole(workspace: Workspace, bucket: Bucket) -> None:
    for number in range(1_205):
        text = f"id,town\n{number},{'Bonn' if number % 2 else 'Cork'}\n"
        bucket.objects[f"sales/{number:05}.csv"] = text.encode()
    bucket.objects["sales/"] = b""
    bucket.objects["sales/_SUCCESS"] = b"."
    version = add(workspace)
    assert version.rows == 1_205
    assert version.source == "s3://lake/sales/, 1,205 objects, others left out: 1"
    assert workspace.data.frame("sales")["id"].tolist() == list(range(1_205))


def test_compressed_text_and_types_over_all_files(workspace: Workspace, bucket: Bucket) -> None:
    bucket.objects["sales/a.csv.gz"] = gzip.compress(b"town,size\nBonn,1")
    bucket.objects["sales/b.csv"] = b"\xef\xbb\xbftown,size\r\nCork,2.5\r\n"
    bucket.objects["sales/c.csv"] = b""
    assert add(workspace).rows == 2
    assert workspace.data.frame("sales")["size"].tolist() == [1.0, 2.5]
    bucket.objects = {
        f"logs/{name}.jsonl": json.dumps({"id": name, **rest}).encode()
        for name, rest in (("a", {}), ("b", {"size": 3}))
    }
    logs = workspace.data.register_from("logs", "s3", {"path": "s3://lake/logs"})
    assert (logs.rows, logs.columns) == (2, 2)


def test_parquet_below_a_prefix_has_its_partitions(workspace: Workspace, bucket: Bucket) -> None:
    bucket.objects["sales/region=north/a.parquet"] = parquet(id=[1, 2])
    bucket.objects["sales/region=south/a.parquet"] = parquet(id=[3])
    preview = workspace.data.preview_from("s3", {"path": "s3://lake/sales"})
    assert len(preview.frame) == 3
    assert add(workspace).rows == 3
    assert workspace.data.frame("sales")["region"].tolist() == ["north", "north", "south"]


def test_a_preview_reads_a_beginning(workspace: Workspace, bucket: Bucket) -> None:
    bucket.objects["big.csv"] = b"id,town\n" + b"1,Bonn\n" * 400_000
    preview = workspace.data.preview_from("s3", {"path": "s3://lake/big.csv"})
    assert (len(preview.frame), preview.whole, bucket.fetched) == (200, False, 0)


def test_keys_are_references_and_an_endpoint_has_the_bucket_in_the_path(
    workspace: Workspace, bucket: Bucket, monkeypatch: pytest.MonkeyPatch
) -> None:
    bucket.objects["sales.csv"] = CSV
    monkeypatch.setenv("LAKE_ID", "reader")
    monkeypatch.setenv("LAKE_KEY", "very-hidden")
    settings = {"endpoint": "http://127.0.0.1:9", "key_id": "env:LAKE_ID", "secret": "env:LAKE_KEY"}
    add(workspace, "s3://lake/sales.csv", **settings)
    opened = bucket.opened[-1]
    assert (opened["key"], opened["secret"]) == ("reader", "very-hidden")
    assert opened["config_kwargs"]["s3"] == {"addressing_style": "path"}
    source = workspace.data.source("sales")
    assert source is not None
    assert "very-hidden" not in repr(source)
    assert source.place == "s3://lake/sales.csv at http://127.0.0.1:9"
    monkeypatch.delenv("LAKE_KEY")
    with pytest.raises(NotFound, match="LAKE_KEY is not set"):
        workspace.data.refresh("sales")


def test_settings_that_cannot_be(workspace: Workspace, bucket: Bucket) -> None:
    for settings, message in (
        ({"path": "/data/sales"}, "path must be s3://bucket/key"),
        ({"secret": "AKIA1234"}, "must be env:NAME or file:PATH"),
        ({"key_id": "env:A"}, "secret is needed beside the other key"),
        ({"endpoint": "minio:9000"}, "endpoint must be an address"),
        ({"endpoint": "http://me:pw@minio"}, "endpoint must be an address"),
        ({"public": True, "key_id": "env:A", "secret": "env:B"}, "is read without keys"),
    ):
        with pytest.raises(Invalid, match=message):
            add(workspace, **settings)
    assert not bucket.opened


def test_objects_that_cannot_be_read(workspace: Workspace, bucket: Bucket, tmp_path: Path) -> None:
    cases: list[tuple[dict[str, bytes], str]] = [
        ({}, "there is no object s3://lake/sales/"),
        ({"a.pdf": b"%PDF"}, "none of the 1 objects"),
        ({"a.csv": CSV, "b.csv": b"size,town\n1,Bonn\n"}, "first line of sales/b.csv"),
        ({"a.csv": CSV, "b.jsonl": b'{"a": 1}\n'}, "a.csv is CSV, sales/b.jsonl is"),
        ({"a.csv": CSV, "b.pq": b"PAR1"}, "sales/b.pq is parquet"),
        ({"a.json": b'[{"a": 1}]', "b.json": b'[{"a": 2}]'}, "is a list of objects"),
        ({"_delta_log/0.json": b"{}", "a.parquet": b"PAR1"}, "is a Delta table"),
    ]
    for objects, message in cases:
        bucket.objects = {f"sales/{name}": content for name, content in objects.items()}
        with pytest.raises((Invalid, NotFound), match=message):
            add(workspace)
        assert not list(tmp_path.glob("pilothouse-objects-*"))
    assert workspace.data.datasets().empty


def test_a_store_that_refuses_or_is_away(workspace: Workspace, bucket: Bucket) -> None:
    with pytest.raises(NotFound, match="bucket does not exist"):
        add(workspace, "s3://other/sales")
    bucket.fault = PermissionError("Access Denied")
    with pytest.raises(Refused, match="may not be read with these keys"):
        add(workspace)
    bucket.fault = OSError("Connection refused")
    with pytest.raises(Unavailable, match="Connection refused"):
        add(workspace)
    bucket.fault = sys.modules["botocore.exceptions"].NoCredentialsError("none")
    with pytest.raises(Refused, match="needs keys"):
        add(workspace)


def test_the_extra_that_is_missing_is_named(workspace: Workspace) -> None:
    with pytest.raises(Unavailable) as missing:
        add(workspace)
    assert 'pip install "pilothouse[s3]"' in str(missing.value.hint)
