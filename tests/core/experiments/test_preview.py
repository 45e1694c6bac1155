"""Looking into files: each kind read within its bound, and every lie about a file said in words."""

from __future__ import annotations

import io
import json
import pickle
from typing import Any

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pilothouse.experiments.details import ArtifactInfo
from pilothouse.experiments.files import preview
from pilothouse.experiments.files.browse import tree
from pilothouse.experiments.tables import File, LoggedModel
from pilothouse.kit.errors import Invalid, NotFound, Unavailable
from pilothouse.models import mlmodel
from pilothouse.workspace import Workspace

PNG = b"\x89PNG\r\n\x1a\n" + b"\0" * 40 + b"IEND\xaeB`\x82"
MLMODEL = """
artifact_path: model
flavors:
  python_function:
    loader_module: mlflow.sklearn
  sklearn:
    pickled_model: model.pkl
    sklearn_version: 1.9.1
mlflow_version: 3.17.2
model_id: m-1
signature:
  inputs: '[{"type": "double", "name": "temp", "required": true}, {"type": "tensor", "tensor-spec":
    {"dtype": "float32", "shape": [-1, 8]}}]'
  outputs: '[{"type": "long", "required": true}]'
"""


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("a/Plot.PNG", "image"),
        ("rows.parquet", "table"),
        ("model/MLmodel", "model"),
        ("model/conda.yaml", "text"),
        ("README", "text"),
        ("notes.md", "markdown"),
        ("report.html", "html"),
        ("code.patch", "patch"),
        ("spec.json", "json"),
        ("paper.pdf", "pdf"),
        ("model/model.pkl", "other"),
        ("model/model.joblib", "other"),
        ("weights", "other"),
        (".hidden", "other"),
    ],
)
def test_a_file_is_what_its_name_says(path: str, kind: str) -> None:
    assert preview.kind_of(path) == kind


def test_of_a_long_text_the_beginning_is_read_and_no_more() -> None:
    source = io.BytesIO("é".encode() * 1000)
    result = preview.text(source, "log.txt", most=101)
    assert result.text == "é" * 50
    assert not result.whole
    assert source.tell() == 102


def test_bytes_are_no_text() -> None:
    with pytest.raises(Invalid, match="cannot be read as text"):
        preview.text(io.BytesIO(b"\xff\xfe\0\0 and more of it"), "log.txt")
    with pytest.raises(Invalid, match="zero bytes"):
        preview.text(io.BytesIO(b"a\0b"), "log.txt")


@settings(deadline=None)
@given(st.text(), st.integers(1, 40))
def test_a_text_is_read_back_up_to_its_bound(text: str, most: int) -> None:
    data = text.replace("\0", "").encode()
    result = preview.text(io.BytesIO(data), "a.txt", most=most)
    assert data.decode("utf-8-sig").startswith(result.text)
    assert result.whole == (len(data) <= most)


def test_json_with_what_json_does_not_know_is_read() -> None:
    assert preview.document(io.BytesIO(b'{"auc": NaN}'), "a.json") == {"auc": "NaN"}


@pytest.mark.parametrize("data", [b"{", b"", b"[" * 100_000, b"\xff\xfe\xfd\xfc"])
def test_broken_json_is_said_to_be(data: bytes) -> None:
    with pytest.raises(Invalid, match=r"^a\.json cannot be read as"):
        preview.document(io.BytesIO(data), "a.json")


def test_json_that_is_too_long_is_not_read_whole() -> None:
    source = io.BytesIO(b"[" + b"1," * preview.MAX_JSON + b"1]")
    with pytest.raises(Invalid, match="too much to draw"):
        preview.document(source, "a.json")
    assert source.tell() == preview.MAX_JSON + 1


def test_the_first_rows_of_a_csv() -> None:
    frame = pd.DataFrame({"a": range(2_500), "b": ["NA"] * 2_500})
    result = preview.table(io.BytesIO(frame.to_csv(index=False).encode()), "a.csv")
    assert len(result.frame) == preview.MAX_ROWS
    assert (result.rows, result.whole, result.columns) == (None, False, 2)
    assert result.frame["b"][0] == "NA"  # as it stands there, not as pandas would have it


def test_a_small_tsv_is_whole() -> None:
    result = preview.table(io.BytesIO(b"a\tb\n1\t2\n"), "a.tsv")
    assert (result.rows, result.whole) == (1, True)
    assert result.frame.to_dict("list") == {"a": ["1"], "b": ["2"]}


def test_of_a_csv_longer_than_its_bound_whole_lines_are_read(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(preview, "MAX_TABLE", 25)
    result = preview.table(io.BytesIO(b"a,b\n" + b"111,222\n" * 50), "a.csv")
    assert result.frame["b"].tolist() == ["222", "222"]
    assert not result.whole


def test_the_first_rows_of_a_parquet_file_with_what_no_cell_can_show() -> None:
    out = io.BytesIO()
    pd.DataFrame(
        {
            "n": range(3_000),
            "list": [[1, 2]] * 3_000,
            "bytes": [b"\0\xff"] * 3_000,
            "at": pd.Timestamp("2026-03-01", tz="UTC"),
            "long": ["x" * 10_000] * 3_000,
        }
    ).to_parquet(out)
    out.seek(0)
    result = preview.table(out, "a.parquet")
    assert (result.rows, result.whole, len(result.frame)) == (3_000, False, preview.MAX_ROWS)
    first = result.frame.iloc[0]
    assert first["list"] == "[1 2]"
    assert isinstance(first["bytes"], str)
    assert len(first["long"]) == preview.MAX_CELL_LENGTH
    assert str(result.frame["at"].dtype).startswith("datetime64")


def test_a_parquet_file_without_rows_has_its_columns() -> None:
    out = io.BytesIO()
    pd.DataFrame({"a": pd.Series([], dtype="float64")}).to_parquet(out, index=False)
    out.seek(0)
    result = preview.table(out, "a.parquet")
    assert (list(result.frame.columns), result.rows, result.whole) == (["a"], 0, True)


def test_parquet_that_unpacks_to_too_much_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    out = io.BytesIO()
    pd.DataFrame({"a": [0] * 100_000}).to_parquet(out)
    monkeypatch.setattr(preview, "MAX_PARQUET", 1)
    out.seek(0)
    with pytest.raises(Invalid, match="unpacks to more"):
        preview.table(out, "a.parquet")


@pytest.mark.parametrize(
    ("path", "data"),
    [
        ("a.parquet", b"PAR1 and then nothing of it"),
        ("a.parquet", b""),
        ("a.csv", b""),
        ("a.csv", b'a,b\n"1,2\n3,4,5,6\n'),
        ("a.tsv", b"\xff\xfe\xfd\xfc\xfb"),
    ],
)
def test_a_damaged_table_is_said_to_be(path: str, data: bytes) -> None:
    with pytest.raises(Invalid, match="cannot be read as"):
        preview.table(io.BytesIO(data), path)


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        (PNG, "image/png"),
        (b"\xff\xd8\xff\xe0 ... \xff\xd9", "image/jpeg"),
        (b"GIF89a....\x3b", "image/gif"),
        (b"RIFF\x04\0\0\0WEBP", "image/webp"),
        (b"<?xml version='1.0'?>\n<!-- a --><svg xmlns='x'></svg>", "image/svg+xml"),
    ],
)
def test_an_image_is_known_by_its_bytes(data: bytes, kind: str) -> None:
    assert preview.image_type(data, "a.png") == kind


@pytest.mark.parametrize("data", [b"", b"<html><script>1</script></html>", PNG[:30], b"MZ"])
def test_what_is_no_whole_image_is_said_to_be(data: bytes) -> None:
    with pytest.raises(Invalid, match=r"a\.png cannot be read as"):
        preview.image_type(data, "a.png")


def test_an_mlmodel_file_is_read_for_people() -> None:
    content = mlmodel.read(MLMODEL)
    assert content.facts["mlflow_version"] == "3.17.2"
    assert list(content.flavors) == ["python_function", "sklearn"]
    assert content.flavors["sklearn"]["sklearn_version"] == "1.9.1"
    assert [(c.name, c.type) for c in content.inputs] == [
        ("temp", "double"),
        ("–", "float32 [-1 × 8]"),  # noqa: RUF001
    ]
    assert content.outputs[0].type == "long"


@pytest.mark.parametrize(
    "text",
    [
        "a: [",
        "just words",
        "flavors: 3",
        "a: &x [1]\nflavors: {b: *x}",
        "!!python/object/apply:os.system ['true']",
        "{" * 3_000,
    ],
)
def test_what_is_no_mlmodel_file_is_said_to_be(text: str) -> None:
    with pytest.raises(Invalid, match="MLmodel"):
        mlmodel.read(text)


names = st.lists(st.sampled_from("abc"), min_size=1, max_size=3).map("/".join)


@settings(deadline=None)
@given(st.sets(names, min_size=1, max_size=8))
def test_a_tree_holds_every_file_once_under_its_folders(paths: set[str]) -> None:
    files = {p for p in paths if not any(q.startswith(f"{p}/") for q in paths)}
    nodes = tree([ArtifactInfo(path, "", 1) for path in sorted(files)])
    assert sorted(n.path for n in nodes if not n.is_folder) == sorted(files)
    visited: set[str] = set()
    for node in nodes:
        parent = node.path.rpartition("/")[0]
        assert not parent or parent in visited
        visited.add(node.path)
        below = [path for path in files if path.startswith(f"{node.path}/")]
        assert node.size == (len(below) if node.is_folder else 1)


def test_folders_stand_before_files() -> None:
    nodes = tree([ArtifactInfo("a.txt", "", 1), ArtifactInfo("z/b.txt", "", 2)])
    assert [(n.path, n.is_folder) for n in nodes] == [
        ("z", True),
        ("z/b.txt", False),
        ("a.txt", False),
    ]


class Trap:
    def __reduce__(self) -> Any:
        raise AssertionError("nothing is ever unpickled")


def test_files_of_runs_are_looked_into(workspace: Workspace) -> None:
    room = workspace.experiments
    run = room.start("late")
    for path, data in {
        "a.json": json.dumps({"a": [1]}).encode(),
        "rows.csv": b"a,b\n1,2\n",
        "MLmodel": MLMODEL.encode(),
        "plot.png": PNG,
        "notes.md": b"# Hello",
        "fake.parquet": pickle.dumps([1]),
    }.items():
        room.log_artifact(run, path, data)
    files = room.files
    assert len(files.list_files(run)) == 6
    assert files.document(run, "a.json") == {"a": [1]}
    assert files.table(run, "rows.csv").rows == 1
    assert "sklearn" in files.model(run, "MLmodel").flavors
    assert files.image(run, "plot.png") == (PNG, "image/png")
    assert files.text(run, "notes.md").text == "# Hello"
    with pytest.raises(Invalid):
        files.table(run, "fake.parquet")


def test_files_of_logged_models_are_looked_into(workspace: Workspace) -> None:
    store, model = workspace.store, "m-" + "1" * 32
    workspace.experiments.create("theirs")
    now = store.now()
    with store.write() as session:
        session.add(
            LoggedModel(
                id=model, experiment_id=1, name="m", status="x", created_at=now, updated_at=now
            )
        )
        session.flush()
        digest = store.artifacts.put_bytes(b"a: 1")
        session.add(File(root=model, path="conda.yaml", digest=digest, size=4))
    files = workspace.experiments.files
    assert [file.path for file in files.list_files(model)] == ["conda.yaml"]
    assert files.text(model, "conda.yaml").language == "yaml"
    with pytest.raises(NotFound, match="has no file"):
        files.text(model, "other.yaml")
    with pytest.raises(NotFound, match="no logged model"):
        files.list_files("m-nothing")


@pytest.mark.parametrize("path", ["../a.txt", "/etc/passwd", "a/../../b", "a\\b", "", "a\0b"])
def test_no_path_leaves_its_owner(workspace: Workspace, path: str) -> None:
    run = workspace.experiments.start("late")
    for owner in (run, "m-1"):
        with pytest.raises(Invalid):
            workspace.experiments.files.info(owner, path)


def test_a_damaged_file_is_said_to_be(workspace: Workspace) -> None:
    room = workspace.experiments
    run = room.start("late")
    room.log_artifact(run, "a.txt", b"good")
    digest = room.run(run).artifacts[0].digest
    workspace.store.artifacts.local_path(digest).write_bytes(b"evil")
    with pytest.raises(Unavailable, match="damaged"):
        room.files.text(run, "a.txt")


def test_of_a_large_file_a_part_is_read_as_it_lies_there(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pilothouse.experiments.files.browse.VERIFIED", 10)
    room = workspace.experiments
    run = room.start("late")
    room.log_artifact(run, "a.txt", b"x" * 100)
    assert room.files.text(run, "a.txt").text == "x" * 100
    digest = room.run(run).artifacts[0].digest
    workspace.store.artifacts.local_path(digest).unlink()
    with pytest.raises(NotFound, match="not in the store"):
        room.files.text(run, "a.txt")
