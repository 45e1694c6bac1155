"""A version is corrected, superseded, archived, restored and deleted, and each is an activity."""

from __future__ import annotations

import pandas as pd
import pytest

from pilothouse.data import Data
from pilothouse.kit.errors import Conflict, Invalid, NotFound, Unavailable
from pilothouse.workspace import Workspace

CSV = b"at,size,kind\n2013-01-01,1,a\n2013-01-02,2.5,b\n"


@pytest.fixture
def goods(workspace: Workspace) -> Workspace:
    """Three versions of a dataset; the third is the wrong file."""
    workspace.data.register("goods", CSV, origin="shop", licence="MIT")
    workspace.data.register("goods", CSV + b"2013-01-03,2,a\n")
    workspace.data.register("goods", b"other\n1\n", on_breach="accept")
    return workspace


def newest(workspace: Workspace) -> tuple[str, str, str]:
    row = workspace.activity.entries().iloc[0]
    return row["verb"], row["ref"], row["reason"]


def test_what_is_said_of_a_version_can_be_corrected(goods: Workspace) -> None:
    changed = goods.data.edit(
        "goods@1", licence="CC0-1.0", event_time="at", note="the first", origin="the shop",
        tags={"team": "blue"}, reason="asked the owner",
    )  # fmt: skip
    assert (changed.licence, changed.event_time, changed.note, changed.source, changed.tags) == (
        "CC0-1.0", "at", "the first", "the shop", {"team": "blue"},
    )  # fmt: skip
    assert changed == goods.data.version("goods@1")
    assert newest(goods) == ("edited", "goods@1", "asked the owner")
    entry = goods.activity.entries().iloc[0]
    assert entry.before is not None
    assert entry.after is not None
    assert (entry.before["licence"], entry.after["licence"]) == ("MIT", "CC0-1.0")
    assert goods.data.edit("goods@1", event_time=None).event_time is None
    assert goods.data.version("goods@1").licence == "CC0-1.0", "what is left out stays"


@pytest.mark.parametrize("column", ["size", "weight"])
def test_an_event_time_is_corrected_to_a_column_of_times_only(
    goods: Workspace, column: str
) -> None:
    with pytest.raises(Invalid) as refused:
        goods.data.edit("goods@1", event_time=column)
    assert "event_time" in refused.value.fields
    assert goods.activity.count() == 3


def test_a_correction_that_changes_nothing_is_no_activity(goods: Workspace) -> None:
    goods.data.edit("goods@1", licence="MIT")
    assert goods.activity.count() == 3


def test_an_archived_version_is_not_what_the_name_means(goods: Workspace) -> None:
    assert goods.data.version("goods").ref == "goods@3"
    assert goods.data.archive("goods@3", "the wrong file").status == "archived"
    assert newest(goods) == ("archived", "goods@3", "the wrong file")
    assert goods.data.version("goods").ref == "goods@2"
    assert goods.data.datasets()["ref"].tolist() == ["goods@2"]
    assert goods.data.versions("goods")["status"].tolist() == ["archived", "active", "active"]
    assert goods.data.frame("goods@3")["other"].tolist() == [1], "by its ref it can be read"
    assert goods.data.register("goods", CSV + b"2013-01-04,2,b\n").ref == "goods@4"
    assert goods.data.restore("goods@3").status == "active"
    assert newest(goods)[0] == "restored"


def test_a_superseded_version_names_the_one_that_replaces_it(goods: Workspace) -> None:
    changed = goods.data.supersede("goods@3", "goods@2", "the wrong file")
    assert (changed.status, changed.superseded_by) == ("superseded", "goods@2")
    assert newest(goods) == ("superseded", "goods@3", "the wrong file")
    assert goods.data.version("goods").ref == "goods@2"
    with pytest.raises(Invalid, match="cannot replace itself"):
        goods.data.supersede("goods@2", "goods@2")
    with pytest.raises(Conflict, match="archived, superseded or held back itself"):
        goods.data.supersede("goods@2", "goods@3")
    goods.data.register("wares", CSV)
    with pytest.raises(Invalid, match="not a version of the dataset 'goods'"):
        goods.data.supersede("goods@2", "wares@1")


def test_a_dataset_without_a_version_in_use_says_so(goods: Workspace) -> None:
    for number in (1, 2, 3):
        goods.data.archive(f"goods@{number}")
    assert goods.data.datasets().empty
    assert goods.data.datasets(archived=True)["ref"].tolist() == ["goods@3"]
    with pytest.raises(Conflict, match="every version of the dataset 'goods' is archived"):
        goods.data.version("goods")
    assert len(goods.data.versions("goods")) == 3
    assert goods.data.register("goods", CSV + b"2013-01-05,9e9,c\n").ref == "goods@4"


def test_an_unused_version_is_deleted_and_its_number_not_used_again(goods: Workspace) -> None:
    assert goods.data.uses("goods@3") == []
    assert goods.data.delete("goods@3", "the wrong file") == "goods@3"
    assert newest(goods) == ("deleted", "goods@3", "the wrong file")
    assert goods.data.versions("goods")["ref"].tolist() == ["goods@2", "goods@1"]
    with pytest.raises(NotFound):
        goods.data.version("goods@3")
    assert goods.data.register("goods", CSV + b"2013-01-04,2,b\n").ref == "goods@4"


def test_what_uses_a_version_is_named_and_keeps_it(goods: Workspace) -> None:
    run = goods.experiments.start("shop", name="try")
    goods.experiments.log_input(run, "goods@1", "training")
    goods.data.register("made", pd.DataFrame({"a": [1, 2]}), parent="goods@1")
    job = goods.jobs.submit("train", {"spec": {"dataset": "goods@1"}}, title="Train on goods")
    goods.data.supersede("goods@3", "goods@1")
    uses = {(use.kind, use.ref) for use in goods.data.uses("goods@1")}
    assert uses == {("run", run), ("dataset", "made@1"), ("dataset", "goods@3"), ("job", job)}
    with pytest.raises(Conflict) as refused:
        goods.data.delete("goods@1")
    for name in ("run try", "dataset version made@1 (made from it)", "goods@3", "Train on goods"):
        assert name in refused.value.message
    assert "Archive it" in refused.value.hint
    assert goods.data.version("goods@1").ref == "goods@1"


def test_without_the_other_rooms_nothing_is_deleted(goods: Workspace) -> None:
    with pytest.raises(Unavailable, match="an open workspace"):
        Data(goods.store).delete("goods@3")
