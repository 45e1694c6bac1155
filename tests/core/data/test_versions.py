"""Versions of a dataset: numbered, never changed, one for each content."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

from pilothouse.data.schema import Column
from pilothouse.kit.errors import Invalid, NotFound, Unavailable
from pilothouse.workspace import Workspace

CSV = b"at,size,kind\n2013-01-01,1,a\n2013-01-02,2.5,\n"


def test_a_version_says_what_it_is(workspace: Workspace) -> None:
    made = workspace.data.register(
        "goods",
        CSV,
        filename="goods.csv",
        origin="the shop",
        licence="CC0-1.0",
        tags={"team": "blue"},
        event_time="at",
        note="first try",
    )
    assert made == workspace.data.version("goods") == workspace.data.version("goods@1")
    assert (made.ref, made.rows, made.columns, made.event_time) == ("goods@1", 2, 3, "at")
    assert made.schema == (
        Column("at", "time", False),
        Column("size", "number", False),
        Column("kind", "string", True),
    )
    assert (made.source, made.licence, made.tags) == ("the shop", "CC0-1.0", {"team": "blue"})
    assert made.created_by == "ada"
    assert workspace.store.artifacts.size(made.digest) == made.bytes


def test_the_same_content_is_the_same_version(workspace: Workspace, tmp_path: Path) -> None:
    first = workspace.data.register("goods", CSV)
    path = tmp_path / "goods.parquet"
    workspace.data.frame("goods").to_parquet(path)
    again = workspace.data.register("goods", path)
    assert (again.ref, again.existed, first.existed) == (first.ref, True, False)
    other = workspace.data.register("goods", CSV.replace(b"2.5", b"2.6"), parent="goods")
    assert (other.ref, other.parent) == ("goods@2", "goods@1")
    assert workspace.data.register("goods", CSV).ref == "goods@1"
    assert workspace.data.register("wares", CSV).ref == "wares@1"


def test_listings_have_the_newest_first(workspace: Workspace) -> None:
    assert workspace.data.datasets().empty
    workspace.data.register("goods", CSV)
    workspace.data.register("goods", b"a\n1\n", on_breach="accept")
    workspace.data.register("apples", CSV)
    datasets = workspace.data.datasets()
    assert datasets["name"].tolist() == ["apples", "goods"]
    assert datasets["latest"].tolist() == [1, 2]
    assert datasets["ref"].tolist() == ["apples@1", "goods@2"]
    versions = workspace.data.versions("goods")
    assert versions["ref"].tolist() == ["goods@2", "goods@1"]
    assert versions["rows"].tolist() == [1, 2]


def test_frames_come_back_as_they_were(workspace: Workspace) -> None:
    workspace.data.register("goods", CSV)
    frame = workspace.data.frame("goods@1")
    assert frame["at"].tolist() == list(pd.to_datetime(["2013-01-01", "2013-01-02"], utc=True))
    assert frame["kind"].tolist() == ["a", None]
    assert list(workspace.data.frame("goods", ["kind", "size"]).columns) == ["kind", "size"]
    with pytest.raises(NotFound, match="no column 'weight'"):
        workspace.data.frame("goods", ["weight"])


def test_what_is_not_there_is_said(workspace: Workspace) -> None:
    workspace.data.register("goods", CSV)
    with pytest.raises(NotFound, match="no dataset 'wares'"):
        workspace.data.version("wares")
    with pytest.raises(NotFound, match="no version 7 of the dataset 'goods'; the latest is 1"):
        workspace.data.version("goods@7")
    with pytest.raises(Invalid, match="is not a dataset version"):
        workspace.data.version("goods@latest")
    with pytest.raises(NotFound):
        workspace.data.versions("wares")
    with pytest.raises(NotFound, match="no dataset 'wares'"):
        workspace.data.register("goods", CSV + b"2013-01-03,2,a\n", parent="wares@1")


@pytest.mark.parametrize("name", ["", "a b", "goods@1", "../x", "-x", "x" * 101])
def test_a_bad_name_is_refused(workspace: Workspace, name: str) -> None:
    with pytest.raises(Invalid) as refused:
        workspace.data.register(name, CSV)
    assert set(refused.value.fields) == {"name"}


@pytest.mark.parametrize("name", ["size", "weight"])
def test_an_event_time_is_a_column_of_times(workspace: Workspace, name: str) -> None:
    with pytest.raises(Invalid) as refused:
        workspace.data.register("goods", CSV, event_time=name)
    assert "event_time" in refused.value.fields
    assert workspace.data.datasets().empty


def test_registering_is_an_activity_once(workspace: Workspace) -> None:
    workspace.data.register("goods", CSV, note="why not")
    workspace.data.register("goods", CSV)
    entries = workspace.activity.entries()
    assert entries[["verb", "kind", "ref", "reason"]].to_numpy().tolist() == [
        ["registered", "dataset", "goods@1", "why not"]
    ]


def test_damaged_content_is_not_read(workspace: Workspace) -> None:
    made = workspace.data.register("goods", CSV)
    path = workspace.store.artifacts.local_path(made.digest)
    path.chmod(0o600)
    path.write_bytes(path.read_bytes()[:-1] + b"x")
    with pytest.raises(Unavailable, match="damaged"):
        workspace.data.frame("goods")


@pytest.mark.parametrize("problem", ["missing", "damaged"])
def test_a_lost_file_is_named_by_its_version_and_registering_it_again_repairs_it(
    workspace: Workspace, problem: str
) -> None:
    made = workspace.data.register("goods", CSV)
    path = workspace.store.artifacts.local_path(made.digest)
    path.chmod(0o600)
    if problem == "missing":
        path.unlink()
    else:
        path.write_bytes(b"x" * made.bytes)
    with pytest.raises(Unavailable, match=f"the content of goods@1 is {problem}") as lost:
        workspace.data.frame("goods")
    assert "Register the same file again" in lost.value.hint
    assert workspace.data.profile("goods").rows == 2
    assert workspace.data.register("goods", CSV).existed
    assert len(workspace.data.frame("goods")) == 2


def test_the_profile_and_contract_are_kept(workspace: Workspace) -> None:
    workspace.data.register("goods", CSV)
    profile = workspace.data.profile("goods@1")
    assert profile.rows == 2
    assert [column.name for column in profile.columns] == ["at", "size", "kind"]
    assert profile["size"].quantiles[0.5] == 1.75
    assert workspace.data.contract("goods").ref == "goods@1"


def test_asking_costs_no_heavy_import() -> None:
    code = (
        "import sys, pilothouse.data\n"
        "heavy = {'pandas', 'pyarrow', 'pandera', 'numpy'} & set(sys.modules)\n"
        "sys.exit(f'imported {heavy}' if heavy else 0)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
