"""Trees: experiments from the slashes in their names, runs from their parents; what differs."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pilothouse.experiments import Experiments, RunFilter
from pilothouse.experiments.provenance.git import UNKNOWN
from pilothouse.experiments.run_table.tree import build_tree
from pilothouse.storage import Store

PATHS = st.dictionaries(
    st.lists(st.sampled_from(["a", "B", "c"]), min_size=1, max_size=4).map("/".join),
    st.integers(0, 9),
    max_size=12,
)


@pytest.fixture
def room(store: Store) -> Experiments:
    return Experiments(store)


def started(room: Experiments, *names: str, parent: str | None = None) -> list[str]:
    return [room.start("e", name, parent=parent, code=UNKNOWN) for name in names]


def test_slashes_in_names_make_a_tree_with_counts(room: Experiments) -> None:
    for name in ("vision/cats", "vision/cats", "vision/dogs/small", "speech", "vision"):
        room.start(name, code=UNKNOWN)
    nodes = [(node.path, node.name, node.level, node.runs) for node in room.tree()]
    assert nodes == [
        ("speech", "speech", 0, 1),
        ("vision", "vision", 0, 4),
        ("vision/cats", "cats", 1, 2),
        ("vision/dogs", "dogs", 1, 1),
        ("vision/dogs/small", "small", 2, 1),
    ]
    assert [node.path for node in room.tree() if not node.is_experiment] == ["vision/dogs"]


def test_a_node_means_its_experiment_and_all_below(room: Experiments) -> None:
    for name in ("a/b", "a/b/c", "a/bc", "a%b/x"):
        room.start(name, code=UNKNOWN)
    counts = {node: room.count(RunFilter(under=node)) for node in ("a", "a/b", "a/bc", "a%b", "b")}
    assert counts == {"a": 3, "a/b": 2, "a/bc": 1, "a%b": 1, "b": 0}


@given(PATHS)
def test_a_node_counts_what_is_named_so_or_below(runs: Mapping[str, int]) -> None:
    tree = build_tree(runs)
    assert len({node.path for node in tree}) == len(tree)
    assert {node.path for node in tree if node.is_experiment} == set(runs)
    for node in tree:
        below = [n for name, n in runs.items() if f"{name}/".startswith(f"{node.path}/")]
        assert node.runs == sum(below)
    visited: set[str] = set()
    for node in tree:
        assert node.level == 0 or node.path.rpartition("/")[0] in visited
        visited.add(node.path)


def test_runs_are_a_tree_of_any_depth(room: Experiments) -> None:
    (top, other) = started(room, "top", "other")
    (middle, _) = started(room, "middle", "second", parent=top)
    (leaf,) = started(room, "leaf", parent=middle)
    assert sorted(room.ids(RunFilter(roots=True))) == sorted([top, other])
    assert room.children([top, other, middle, leaf]) == {top: 2, middle: 1}
    assert room.ids(RunFilter(parent=middle)) == [leaf]


def test_with_a_filter_every_hit_is_in_the_tree_once(room: Experiments) -> None:
    (top,) = started(room, "top")
    (middle,) = started(room, "hit middle", parent=top)
    (leaf,) = started(room, "hit leaf", parent=middle)
    hits = RunFilter(text="hit")
    assert room.ids(RunFilter(text="hit", roots=True)) == [middle]
    assert room.children([middle], hits) == {middle: 1}
    assert room.children([top], RunFilter(text="leaf")) == {}
    room.archive_many([middle], "gone")
    assert sorted(room.ids(RunFilter(roots=True))) == sorted([top, leaf])


def test_only_what_tells_runs_apart_differs(room: Experiments) -> None:
    one, two = started(room, "one", "two")
    room.log_params(one, {"rate": 0.1, "seed": 1, "kind": "tree"})
    room.log_params(two, {"rate": 0.2, "seed": 1})
    room.log_metrics(one, {"auc": 0.7, "loss": 0.5})
    room.log_metrics(two, {"auc": 0.8, "loss": 0.5})
    room.tag_many([one], {"team": "north", "mlflow.note": "x", "pilothouse.starred": "yes"})
    room.finish(two)
    expected = ("params.kind", "params.rate", "metrics.auc", "tags.team", "status")
    assert room.varying_columns() == expected
    assert room.varying_columns(RunFilter(text="one")) == ()
