"""The runs above and below a run; what an MLflow client said of models and datasets."""

from __future__ import annotations

import json
import math
from datetime import timedelta
from typing import Any

import pytest

from pilothouse.experiments.provenance.environment import packages_of
from pilothouse.experiments.tables import (
    LoggedModel,
    LoggedModelMetric,
    LoggedModelParam,
    RunModel,
    Source,
    SourceUse,
)
from pilothouse.kit.clock import FixedClock
from pilothouse.kit.errors import NotFound
from pilothouse.workspace import Workspace


@pytest.fixture
def search(workspace: Workspace, clock: FixedClock) -> dict[str, str]:
    """A search of three trials, one of them with two folds; one more trial is archived."""
    room, runs = workspace.experiments, {}
    for name, parent in (
        ("search", None),
        ("trial-0", "search"),
        ("trial-1", "search"),
        ("trial-2", "search"),
        ("fold-0", "trial-1"),
        ("fold-1", "trial-1"),
    ):
        above = runs[parent] if parent else None
        runs[name] = room.start("late", name, parent=above)
        room.log_params(runs[name], {"depth": len(runs) % 2, "seed": 7})
        room.log_metrics(runs[name], {"roc_auc": 0.5 + len(runs) / 100, "zeta": 1, "z_std": 2})
        clock.advance(timedelta(seconds=1))
    room.archive(runs["trial-2"])
    return runs


def test_runs_below_come_in_the_order_of_a_tree(
    workspace: Workspace, search: dict[str, str]
) -> None:
    frame = workspace.experiments.descendants(search["search"])
    assert list(zip(frame["name"], frame["level"], strict=True)) == [
        ("trial-0", 0),
        ("trial-1", 0),
        ("fold-0", 1),
        ("fold-1", 1),
    ]


def test_of_their_parameters_those_that_differ_and_the_known_metrics_first(
    workspace: Workspace, search: dict[str, str]
) -> None:
    frame = workspace.experiments.descendants(search["search"])
    own = [column for column in frame.columns if "." in column]
    assert own == ["params.depth", "metrics.roc_auc", "metrics.zeta"]


def test_a_run_without_children_has_none(workspace: Workspace, search: dict[str, str]) -> None:
    assert workspace.experiments.descendants(search["fold-0"]).empty


def test_runs_above_come_from_the_outermost(workspace: Workspace, search: dict[str, str]) -> None:
    above = workspace.experiments.ancestors(search["fold-0"])
    assert [run.name for run in above] == ["search", "trial-1"]
    assert workspace.experiments.ancestors(search["search"]) == ()


def logged(workspace: Workspace, run: str, number: int, **words: Any) -> str:
    model, now = f"m-{number:032x}", workspace.store.now()
    row = LoggedModel(
        id=model, experiment_id=1, name=f"model-{number}", status="LOGGED_MODEL_READY",
        created_at=now, updated_at=now, **{"run_id": run, **words},
    )  # fmt: skip
    with workspace.store.write() as session:
        session.add(row)
    return model


def test_a_run_has_the_models_it_made_and_those_it_read(workspace: Workspace) -> None:
    room = workspace.experiments
    run, other = room.start("late"), room.start("late")
    made, read = logged(workspace, run, 1), logged(workspace, other, 2)
    logged(workspace, run, 3, archived_at=workspace.store.now())
    with workspace.store.write() as session:
        session.add(RunModel(run_id=run, model_id=made, direction="output", step=5))
        session.add(RunModel(run_id=run, model_id=read, direction="input"))
        session.add(LoggedModelParam(model_id=made, key="depth", value="3"))
        for step, value in ((0, 0.6), (1, None)):
            point: dict[str, Any] = {"model_id": made, "key": "auc", "step": step, "value": value}
            session.add(LoggedModelMetric(**point, at=workspace.store.now(), run_id=run))
    by_id = {model.id: model for model in room.logged_models(run)}
    assert {model.use for model in by_id.values()} == {"input", "output"}
    assert (by_id[made].step, by_id[made].status) == (5, "ready")
    assert by_id[made].params == {"depth": "3"}
    [figure] = by_id[made].metrics
    assert (figure.key, figure.step) == ("auc", 1)
    assert math.isnan(figure.value)
    assert by_id[read].run_id == other
    assert room.logged_model(made).name == "model-1"


def test_a_deleted_model_is_not_found(workspace: Workspace) -> None:
    run = workspace.experiments.start("late")
    gone = logged(workspace, run, 1, archived_at=workspace.store.now())
    for model in (gone, "m-none"):
        with pytest.raises(NotFound):
            workspace.experiments.logged_model(model)


TENSORS = {
    "mlflow_tensorspec": {
        "features": '[{"type": "tensor", "tensor-spec": {"dtype": "int8", "shape": [-1, 4]}}]',
        "targets": None,
    }
}
COLUMNS = {"mlflow_colspec": [{"type": "double", "name": "temp", "required": False}]}


@pytest.mark.parametrize(
    ("source", "schema", "where", "columns"),
    [
        ('{"uri": "s3://flights/a"}', COLUMNS, "s3://flights/a", [("temp", "double")]),
        ("plain words", TENSORS, "plain words", [("–", "int8 [-1 × 4]")]),  # noqa: RUF001
        ('{"tags": {"mlflow.source.name": "fit.py"}}', {}, "fit.py", []),
        ('{"odd": 1}', ["odd"], '{"odd": 1}', []),
    ],
)
def test_a_logged_dataset_as_it_was_told(
    workspace: Workspace, source: str, schema: Any, where: str, columns: list[tuple[str, str]]
) -> None:
    run = workspace.experiments.start("late")
    with workspace.store.write() as session:
        row = Source(
            experiment_id=1, name="january", digest="d", source_type="s3", source=source,
            columns=json.dumps(schema), profile='{"num_rows": 5}',
        )  # fmt: skip
        session.add(row)
        session.flush()
        tags = {"mlflow.data.context": "training", "split": "a"}
        session.add(SourceUse(run_id=run, source_id=row.id or 0, role="training", tags=tags))
    [dataset] = workspace.experiments.sources(run)
    assert (dataset.name, dataset.role, dataset.source) == ("january", "training", where)
    assert [(column.name, column.type) for column in dataset.columns] == columns
    assert dataset.profile == {"num_rows": "5"}
    assert dataset.tags == {"split": "a"}


def test_packages_of_a_requirements_file() -> None:
    text = "# made by hand\nnumpy==2.4.6\n-r other.txt\nskops[all]>=0.16,<1 ; python_version>'3'\n"
    assert packages_of(text) == {"numpy": "2.4.6", "skops[all]": ">=0.16,<1"}
