"""Three runs that differ in everything a filter can ask, on SQLite and on PostgreSQL."""

from __future__ import annotations

import math
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from harness.postgres import postgresql, why_not
from pilothouse.deployments.tables import Deployment
from pilothouse.experiments.provenance.git import CodeIdentity
from pilothouse.experiments.tables import Source, SourceUse
from pilothouse.kit.clock import FixedClock
from pilothouse.kit.settings import Settings
from pilothouse.registry.tables import Alias, Model, ModelVersion, ModelVersionOrigin
from pilothouse.workspace import Workspace, open_workspace

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
COMMITTED = CodeIdentity(commit="c0ffee", dirty=True)


@pytest.fixture(scope="session", params=["sqlite", "postgresql"])
def fleet(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Workspace]:
    """Runs a, b and c at noon, one o'clock and two; nobody may change them."""
    folder = tmp_path_factory.mktemp("fleet") / "workspace"
    if request.param == "sqlite":
        yield from _opened(folder, "")
    elif missing := why_not():
        pytest.skip(missing)
    else:
        with postgresql() as url:
            yield from _opened(folder, url)


def _opened(folder: Path, url: str) -> Iterator[Workspace]:
    clock = FixedClock(NOON)
    settings = Settings(workspace=folder, actor="ada", database_url=url)
    workspace = open_workspace(settings=settings, clock=clock)
    _fill(workspace, clock)
    yield workspace
    workspace.store.engine.dispose()


def _fill(workspace: Workspace, clock: FixedClock) -> None:
    room = workspace.experiments
    a = room.start("flights", "a", trainer="random_forest", seed=7, code=COMMITTED, job_id="j1")
    for step, auc in enumerate((0.5, 0.9, 0.7)):
        room.log_metrics(a, {"auc": auc}, step=step)
    room.log_metrics(a, {"loss": math.nan, "f1 score": 0.4, "top": math.inf})
    room.log_params(a, {"depth": 3, "lr": 0.1, "kind": "tree", "odd": "50%_[x]*"})
    room.tag(a, {"team": "red", "pilothouse.starred": "yes", "dotted.key": "it's"})
    room.log_input(a, "flights@2", "training")
    room.annotate(a, "The Best one")
    clock.advance(timedelta(minutes=30))
    room.finish(a)

    clock.advance(timedelta(minutes=30))
    b = room.start("flights", "b", trainer="linear", parent=a, code=CodeIdentity("beef", False))
    room.log_metrics(b, {"auc": 0.8, "loss": 0.2})
    room.log_params(b, {"depth": 10, "kind": "linear", "lr": "auto"})
    room.tag(b, {"team": "blue"})
    clock.advance(timedelta(minutes=5))
    room.finish(b, "failed", "out of memory")

    clock.advance(timedelta(minutes=55))
    c = workspace.acting_as("bob").experiments.start("deep/nets", "c", code=CodeIdentity())
    room.log_metrics(c, {"loss": -1.0})
    clock.advance(timedelta(hours=1))
    _serve(workspace, a, b, c)


def _serve(workspace: Workspace, a: str, b: str, c: str) -> None:
    """Model `late`: version 1 of a is champion and answers, 2 of b waits; c read a dataset."""
    by = {"created_at": NOON, "created_by": "ada"}
    content = {"digest": "0" * 64, "signature": {}, "input_example": [], "metrics": {}}
    with workspace.store.write() as session:
        session.add(Model(name="late", **by))
        session.flush()
        first = ModelVersion(model="late", version=1, run_id=a, stage="production", **content, **by)
        second = ModelVersion(model="late", version=2, import_source="mlflow", **content, **by)
        session.add_all([first, second])
        session.flush()
        session.add(
            ModelVersionOrigin(model="late", version=2, source="runs:/b", location="", run=b)
        )
        session.add(
            Alias(model="late", alias="champion", version=1, changed_at=NOON, changed_by="ada")
        )
        session.add(
            Deployment(
                name="live", model="late", version=2, serving_version=1, updated_at=NOON, **by
            )
        )
        source = Source(experiment_id=2, name="pixels", digest="d1", source_type="x", source="y")
        session.add(source)
        session.flush()
        session.add(SourceUse(run_id=c, source_id=source.id or 0, role="eval", tags={}))
