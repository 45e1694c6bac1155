"""Retention of dataset versions: what is too old goes, what is used stays."""

from __future__ import annotations

from datetime import timedelta

import pandas as pd
import pytest

from pilothouse.kit.errors import Invalid, NotFound
from pilothouse.pipelines.dataset_retention import delete_old_versions
from pilothouse.storage.artifact_names import is_named
from pilothouse.workspace import Workspace


def rows(count: int) -> pd.DataFrame:
    return pd.DataFrame({"x": ["a"] * count})


def registered(workspace: Workspace, count: int, name: str = "sales") -> list[str]:
    """So many versions, each made from the one before, as a refresh makes them."""
    refs: list[str] = []
    for number in range(count):
        frame = rows(number + 3)
        parent = refs[-1] if refs else None
        refs.append(workspace.data.register(name, frame, parent=parent).ref)
    return refs


def clean(workspace: Workspace, keep_versions: int, keep_days: int = 0) -> list[str]:
    result = delete_old_versions(
        workspace.store,
        lambda _share, _message: None,
        dataset="sales",
        keep_versions=keep_versions,
        keep_days=keep_days,
        reason="a test",
    )
    return list(result["deleted"])


def test_what_is_neither_new_nor_young_goes(workspace: Workspace) -> None:
    refs = registered(workspace, 4)
    old = workspace.data.old_versions("sales", keep_versions=2, keep_days=0)
    assert old["ref"].tolist() == refs[:2]
    assert old["used_by"].tolist() == ["", ""]
    assert workspace.data.old_versions("sales", keep_versions=2, keep_days=1).empty
    digests = [workspace.data.version(ref).digest for ref in refs]
    assert clean(workspace, 2) == refs[:2]
    assert clean(workspace, 2) == []
    assert workspace.data.versions("sales")["ref"].tolist() == refs[:1:-1]
    with workspace.store.read() as session:
        assert [is_named(session, digest) for digest in digests] == [False, False, True, True]
    exists = [workspace.store.artifacts.exists(digest) for digest in digests]
    assert exists == [False, False, True, True]
    entries = workspace.activity.entries(kind="dataset", verb="deleted")
    assert set(entries["reason"]) == {"a test"}


def test_what_is_used_or_held_back_or_meant_by_the_name_stays(workspace: Workspace) -> None:
    refs = registered(workspace, 4)
    workspace.data.register("copy", pd.DataFrame({"y": [1]}), parent=refs[1])
    for ref in refs[2:]:
        workspace.data.archive(ref)
    # The name means the second version now, and the first is the only one that nothing needs.
    workspace.data.add_quality_check("sales", "row_count", {"low": 100}, severity="block")
    held = workspace.data.register("sales", rows(1)).ref
    for number in range(2):
        workspace.data.register("sales", rows(200 + number))
    old = workspace.data.old_versions("sales", keep_versions=1, keep_days=0)
    assert held not in old["ref"].tolist()
    used = dict(zip(old["ref"], old["used_by"], strict=True))
    assert used[refs[1]] == "dataset version copy@1 (made from it)"
    deleted = clean(workspace, 1)
    assert refs[1] not in deleted
    assert refs[0] in deleted
    assert held not in deleted


def test_a_file_that_another_row_names_stays(workspace: Workspace) -> None:
    frame = rows(2)
    first = workspace.data.register("sales", frame)
    workspace.data.register("other", frame)
    registered(workspace, 2)
    workspace.data.register("sales", rows(90))
    assert first.ref in clean(workspace, 1)
    assert workspace.store.artifacts.exists(first.digest)
    assert len(workspace.data.frame("other")) == 2


def test_limits_and_names_are_checked(workspace: Workspace) -> None:
    registered(workspace, 1)
    with pytest.raises(Invalid) as refused:
        workspace.data.old_versions("sales", keep_versions=0, keep_days=-1)
    assert set(refused.value.fields) == {"keep_versions", "keep_days"}
    with pytest.raises(NotFound):
        workspace.data.old_versions("nothing")
    job = workspace.data.delete_old_versions("sales", keep_versions=3, keep_days=7)
    about = workspace.jobs.job(job)
    assert about.args["keep_days"] == 7
    assert timedelta(0) <= workspace.store.now() - about.created_at
