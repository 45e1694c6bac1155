"""Lineage of a small history: datasets, runs, versions, a deployment, windows, a retraining."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.synthetic_history import SIGNATURE
from pilothouse.deployments.tables import Deployment, Revision
from pilothouse.experiments.tables import Experiment, Run, RunInput
from pilothouse.governance.lineage import MAX_NEIGHBOURS, MAX_NODES, MORE, Lineage, LineageWalk
from pilothouse.governance.lineage_links import KINDS, LineageNode, Neighbours
from pilothouse.jobs.tables import Job
from pilothouse.kit.errors import Invalid, NotFound
from pilothouse.monitoring.tables import Window
from pilothouse.registry.tables import Model, ModelVersion
from pilothouse.workspace import Workspace

NOW = datetime(2026, 3, 1, tzinfo=UTC)
FRAME = pd.DataFrame({"column_0": [1.0, 2.0], "late": [0, 1]})


def run(workspace: Workspace, name: str, dataset: str, job: str | None = None) -> None:
    with workspace.store.write() as session:
        if session.get(Experiment, 1) is None:
            session.add(Experiment(id=1, name="late", created_at=NOW, created_by="ada"))
            session.flush()
        session.add(
            Run(id=name, experiment_id=1, name=name, status="finished", created_at=NOW, user="ada",
                job_id=job)
        )  # fmt: skip
        session.flush()
        session.add(RunInput(run_id=name, dataset=dataset, role="training"))


def version(workspace: Workspace, number: int, made_by: str) -> None:
    with workspace.store.write() as session:
        if session.get(Model, "late") is None:
            session.add(Model(name="late", created_at=NOW, created_by="ada"))
            session.flush()
        session.add(
            ModelVersion(
                model="late", version=number, run_id=made_by,
                digest=workspace.store.artifacts.put_bytes(b"a model"), signature=SIGNATURE,
                input_example=[], metrics={}, created_at=NOW, created_by="ada",
            )
        )  # fmt: skip


@pytest.fixture
def history(workspace: Workspace) -> Workspace:
    """raw@1 made data@1; a run made late@1, which shop serves; a retraining made late@2 for it."""
    workspace.data.register("raw", FRAME)
    workspace.data.register("data", FRAME.assign(extra=1), parent="raw@1")
    workspace.data.register("snapshot", FRAME.assign(extra=2))
    run(workspace, "first", "data@1")
    version(workspace, 1, "first")
    with workspace.store.write() as session:
        session.add(
            Deployment(name="shop", model="late", version=2, previous_version=1,
                       created_at=NOW, created_by="ada", updated_at=NOW)
        )  # fmt: skip
        session.flush()
        session.add(
            Job(id="again", kind="retrain", title="Retrain shop", args={}, status="succeeded",
                result={"dataset": "snapshot@1"}, subject_kind="deployment", subject_ref="shop",
                requested_by="ada", created_at=NOW)
        )  # fmt: skip
        for week in range(MAX_NEIGHBOURS + 3):
            start = NOW + week * timedelta(days=7)
            session.add(window(week, start))
    run(workspace, "second", "snapshot@1", job="again")
    version(workspace, 2, "second")
    with workspace.store.write() as session:
        session.add_all(revision(number) for number in (1, 2))
    workspace.data.register("late-predictions", FRAME, tags={"model": "late@2"}, parent="raw@1")
    return workspace


def revision(number: int) -> Revision:
    return Revision(
        deployment="shop", seq=number, action="swapped", model="late", version=number,
        digest="0" * 64, signature=SIGNATURE, by="ada", at=NOW,
    )  # fmt: skip


def window(number: int, start: datetime) -> Window:
    return Window(
        id=f"w{number}", deployment="shop", model="late", version=1, start=start,
        end=start + timedelta(days=7), rows=100, labelled=0, status="ok", drift_status="ok",
        performance_status="ok", columns=1, judged=1, drifted=0, label_summary={},
        output_summary={}, profile="", reference="", content="", revision=1, created_at=NOW,
        evaluated_at=NOW, heard_until=NOW,
    )  # fmt: skip


def edges(graph: Lineage) -> set[tuple[str, str]]:
    return {(edge.source, edge.target) for edge in graph.edges}


def test_it_leads_from_data_to_predictions_and_back(history: Workspace) -> None:
    graph = history.governance.lineage("version", "late@1")
    assert graph.center == "version late@1"
    assert {
        ("dataset raw@1", "dataset data@1"),
        ("dataset data@1", "run first"),
        ("run first", "version late@1"),
        ("version late@1", "deployment shop"),
        ("deployment shop", "job again"),
        ("job again", "dataset snapshot@1"),
        ("dataset snapshot@1", "run second"),
        ("job again", "run second"),
        ("run second", "version late@2"),
        ("version late@2", "dataset late-predictions@1"),
    } <= edges(graph)
    titles = [node.title for node in graph.nodes if node.kind == MORE]
    assert titles == ["3 more"]
    assert {(loop.source, loop.target) for loop in graph.loops} == {
        ("version late@2", "deployment shop")
    }


def test_both_ends_are_reached_from_every_object(history: Workspace) -> None:
    for kind, ref in (
        ("dataset", "raw@1"), ("run", "second"), ("deployment", "shop"), ("window", "w1"),
        ("job", "again"), ("version", "late@2"),
    ):  # fmt: skip
        graph = history.governance.lineage(kind, ref)
        order = [node.id for node in graph.nodes]
        assert {"dataset raw@1", "deployment shop", "version late@1"} <= set(order), kind
        assert all(order.index(edge.source) < order.index(edge.target) for edge in graph.edges)


def test_what_is_not_there_and_what_has_no_lineage_are_refused(history: Workspace) -> None:
    for kind in KINDS:
        with pytest.raises(NotFound):
            history.governance.lineage(kind, "nope@9")
    with pytest.raises(Invalid, match="no lineage"):
        history.governance.lineage("person", "ada")


def test_an_object_alone_has_a_lineage_of_one(workspace: Workspace) -> None:
    workspace.data.register("alone", FRAME)
    graph = workspace.governance.lineage("dataset", "alone@1")
    assert [node.id for node in graph.nodes] == ["dataset alone@1"]
    assert graph.edges == ()


@given(
    links=st.dictionaries(st.integers(0, 60), st.lists(st.integers(0, 60), max_size=8), max_size=60)
)
@settings(max_examples=30, deadline=None)
def test_any_graph_is_bounded_and_without_cycles(links: dict[int, list[int]]) -> None:
    def node(number: int) -> LineageNode:
        return LineageNode("run", str(number), str(number))

    def step(_session: object, ref: str, most: int) -> Neighbours:
        after = list(dict.fromkeys(links.get(int(ref), ())))
        more = max(len(after) - most, 0)
        return Neighbours("run", [(node(n), "") for n in after[:most]], more)

    walk = LineageWalk(None, {("run", True): (step,)})  # type: ignore[arg-type]
    walk.nodes[node(0).id] = node(0)
    walk.follow(node(0), downstream=True)
    assert len(walk.nodes) <= MAX_NODES
    for source, target in walk.edges:
        assert not walk.reaches(target, source)
