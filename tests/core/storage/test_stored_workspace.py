"""A workspace that an earlier program made, with its schema 0011, is opened by this one.

`workspace-0011.md` says what is in it and how it was made.
"""

from __future__ import annotations

import json
import sqlite3
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from alembic import command
from sqlalchemy import JSON, Boolean, LargeBinary, MetaData, insert
from sqlmodel import select, text

from harness.postgres import postgresql, why_not
from pilothouse.activity.tables import ActivityEntry
from pilothouse.kit.settings import Settings
from pilothouse.registry.default_gates import BASIC_GATES
from pilothouse.registry.policy import Approvals
from pilothouse.registry.tables import PolicyVersion
from pilothouse.storage import migrate, open_store
from pilothouse.training import TrainingSpec
from pilothouse.workspace import Workspace, open_workspace
from pilothouse.workspace.checks import run_all

# Tables whose rows live in another table today.
SUCCESSORS = {"registry_gate_policy": "registry_policy"}
ARCHIVE = Path(__file__).parent / "workspace-0011.tar.xz"


@dataclass(frozen=True)
class Opened:
    """The workspace after it was opened, and the rows that each table had before."""

    workspace: Workspace
    rows_before: dict[str, int]


def unpack(folder: Path) -> Path:
    with tarfile.open(ARCHIVE) as archive:
        archive.extractall(folder, filter="data")
    return folder / "workspace"


def count_rows(database: Path) -> dict[str, int]:
    with sqlite3.connect(database) as connection:
        tables = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
        names = [name for (name,) in tables if not name.startswith("sqlite_")]
        return {
            name: connection.execute(f'SELECT count(*) FROM "{name}"').fetchone()[0]
            for name in names
        }


def copy_to_postgresql(database: Path, settings: Settings) -> None:
    """Put the rows of a SQLite file of schema 0011 into a PostgreSQL database of that schema."""
    store = open_store(settings)
    with store.write() as session:
        config = migrate._config()
        config.attributes["connection"] = session.connection()
        command.upgrade(config, "0011")
    metadata = MetaData()
    metadata.reflect(store.engine)
    with sqlite3.connect(database) as source, store.engine.begin() as target:
        source.row_factory = sqlite3.Row
        # Without checks of foreign keys: a run may come before its parent.
        target.execute(text("SET session_replication_role = replica"))
        for table in metadata.sorted_tables:
            if table.name == "alembic_version":
                continue
            target.execute(table.delete())  # migrations insert rows too
            rows = [
                {column.name: converted(column.type, row[column.name]) for column in table.columns}
                for row in source.execute(f'SELECT * FROM "{table.name}"')
            ]
            if rows:
                target.execute(insert(table), rows)
            for column in table.primary_key:
                if (sequence := column.server_default) is not None:
                    assert "nextval" in str(sequence.arg)  # type: ignore[attr-defined]
                    target.execute(
                        text(
                            f"SELECT setval(pg_get_serial_sequence('{table.name}', "
                            f"'{column.name}'), (SELECT coalesce(max({column.name}), 1) "
                            f"FROM {table.name}))"
                        )
                    )
    store.engine.dispose()


def converted(kind: Any, value: Any) -> Any:
    """A value of SQLite as PostgreSQL takes it."""
    if value is None:
        return None
    if isinstance(kind, Boolean):
        return bool(value)
    if isinstance(kind, JSON):
        return json.loads(value)
    return bytes(value) if isinstance(kind, LargeBinary) else value


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def opened(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Opened]:
    folder = unpack(tmp_path_factory.mktemp("stored"))
    rows_before = count_rows(folder / "pilothouse.db")
    if request.param == "sqlite":
        workspace = open_workspace(settings=Settings(workspace=folder, actor="cleo"))
        yield Opened(workspace, rows_before)
        workspace.store.engine.dispose()
        return
    if missing := why_not():
        pytest.skip(missing)
    with postgresql() as url:
        settings = Settings(workspace=folder, actor="cleo", database_url=url)
        copy_to_postgresql(folder / "pilothouse.db", settings)
        workspace = open_workspace(settings=settings)
        yield Opened(workspace, rows_before)
        workspace.store.engine.dispose()


def checked(workspace: Workspace) -> dict[str, str]:
    """What `pilothouse doctor` finds wrong, by check."""
    return {
        name: verdict.message
        for name, verdict in run_all(workspace.store).items()
        if not verdict.ok
    }


def test_every_row_is_kept(opened: Opened) -> None:
    store = opened.workspace.store
    assert migrate.schema_state(store).current
    with store.read() as session:
        rows_after = {
            name: session.execute(
                text(f'SELECT count(*) FROM "{SUCCESSORS.get(name, name)}"')
            ).scalar_one()
            for name in opened.rows_before
        }
    sealing = {"activity_entry": opened.rows_before["activity_entry"] + 1}
    assert rows_after == opened.rows_before | sealing


def test_the_seals_of_before_hold_and_only_the_rows_that_moved_are_sealed(opened: Opened) -> None:
    with opened.workspace.store.read() as session:
        query = select(ActivityEntry).where(ActivityEntry.verb == "sealed")
        [entry] = session.exec(query).all()
    assert entry.seals is not None
    assert {name: list(rows) for name, rows in entry.seals.items()} == {
        "registry_built_in_policy": ["[1]"],
        "registry_policy": ['["production", 1]'],
    }
    state = opened.workspace.activity.verify()
    assert (state.intact, state.entries) == (True, opened.rows_before["activity_entry"] + 1)
    assert checked(opened.workspace) == {}


def test_the_built_in_policy_stays_the_one_that_it_had(opened: Opened) -> None:
    policies = opened.workspace.policies
    assert policies.edition() == "basic"
    assert policies.applicable("flights-late", "staging").gates == BASIC_GATES["staging"]
    assert policies.built_in("production", "binary").gates == BASIC_GATES["production"]


def test_the_gates_that_were_set_are_a_policy(opened: Opened) -> None:
    info = opened.workspace.policies.policy("production")
    assert (info.version, info.stage, info.models) == (1, "production", ("*",))
    assert info.approvals == Approvals(needed=1, four_eyes=False)
    with opened.workspace.store.read() as session:
        assert session.get_one(PolicyVersion, ("production", 1)).digest == info.policy.digest
    assert opened.workspace.policies.applicable("flights-late", "production") == info


def test_datasets_and_runs_read_right(opened: Opened) -> None:
    workspace = opened.workspace
    versions = workspace.data.versions("flights-late").set_index("version")
    assert versions["status"].to_dict() == {2: "active", 1: "superseded"}
    assert len(workspace.data.frame("flights-late@2")) == 700
    carrier = workspace.data.contract("flights-late@2").rule("carrier")
    assert carrier.categories is not None
    assert "ZZ" in carrier.categories
    runs = workspace.experiments.runs().set_index("name")
    assert set(runs.index) == {"baseline", "boosting", "notebook", "first", "child"}
    notebook = workspace.experiments.run(runs.loc["notebook", "id"])
    assert notebook.params == {"depth": "3", "rate": "0.1", "kind": "tree"}
    assert (notebook.tags["team"], notebook.metrics["roc_auc"].last) == ("ops", 0.61)
    assert workspace.experiments.artifact(notebook.id, "notes/readme.txt") == b"written by hand"
    views = workspace.acting_as("ben").experiments.views()
    assert {view.name for view in views} == {"late flights", "mine"}


def test_versions_and_promotions_read_right(opened: Opened) -> None:
    registry = opened.workspace.registry
    versions = registry.versions("flights-late").set_index("version")
    assert versions["stage"].to_dict() == {2: "none", 1: "production"}
    assert registry.version("flights-late", "fallback").version == 1
    assert registry.version("flights-late", "candidate").version == 2
    promotions = registry.promotions()
    states = [tuple(row) for row in promotions[["version", "stage", "status"]].to_numpy()]
    assert states == [
        (2, "staging", "pending"),
        (1, "production", "accepted"),
        (1, "production", "refused"),
    ]
    messages = [
        [verdict.message for verdict in registry.promotion(promotion).verdicts]
        for promotion in promotions["id"]
    ]
    assert messages[0][-1] == "the contract of flights-late@2 covers all 14 inputs"
    assert messages[1][1] == "ROC AUC 0.6268 reaches the threshold 0.4000"
    assert messages[2][1] == "ROC AUC 0.6268 is 0.3632 below the threshold 0.9900"


def test_the_deployment_and_its_log_read_right(opened: Opened) -> None:
    deployments = opened.workspace.deployments
    deployment = deployments.deployment("flights-late")
    assert (deployment.version, deployment.previous_version) == (1, 2)
    assert (deployment.serving_version, deployment.desired_state) == (1, "running")
    assert [(item.action, item.version) for item in deployment.revisions] == [
        ("rolled back", 1),
        ("swapped", 2),
        ("launched", 1),
    ]
    predictions = deployments.predictions("flights-late")
    assert predictions["version"].value_counts().to_dict() == {1: 250, 2: 110}
    assert len(deployments.labels("flights-late")) == 353


def test_monitoring_reads_right(opened: Opened) -> None:
    monitoring = opened.workspace.monitoring
    windows = monitoring.windows("flights-late")
    assert windows["version"].tolist() == [1, 1, 2]
    assert windows["rows"].tolist() == [110, 110, 110]
    assert windows["drifted_share"].round(3).tolist()[0] == 0.643
    assert not monitoring.distributions(windows["id"].iloc[0], "temp").empty
    assert set(windows["metric"]) == {"roc_auc"}
    first = monitoring.window(windows["id"].iloc[0])
    assert first.label_summary.keys() == {"Share of positives"}
    assert 0 < first.output_summary["Mean score"] < 1
    assert monitoring.documents(first.id).window.keys() == {"curves/calibration.json"}
    rules = monitoring.rules("flights-late").set_index("name")
    assert rules.loc["performance", ["check", "condition", "threshold"]].tolist() == [
        *("roc_auc", "below_reference", 0.05)
    ]
    assert set(monitoring.rules("flights-late")["name"]) == {
        "drift",
        "drift at once",
        "performance",
    }
    states = monitoring.alerts().set_index("name")["state"].to_dict()
    assert states == {"drift at once": "acknowledged", "drift": "firing"}
    assert monitoring.alerts("never_fired")["name"].tolist() == ["performance"]


def test_jobs_and_imports_read_right(opened: Opened) -> None:
    workspace = opened.workspace
    jobs = workspace.jobs.jobs().set_index("kind")
    assert jobs["status"].to_dict() == {
        "evaluate_windows": "cancelled",
        "import_history": "succeeded",
        "register_dataset": "failed",
        "train": "succeeded",
    }
    report = workspace.imports.report(jobs.loc["import_history", "id"])
    assert (report.imported["runs"], report.imported["versions"]) == (2, 1)
    assert set(workspace.jobs.schedules()["name"]) == {
        "Evaluate flights-late",
        "retrain on Mondays",
    }


def test_work_goes_on(opened: Opened) -> None:
    """The last test of this module, for it writes: train, register, decide, promote, launch."""
    workspace = opened.workspace
    spec = TrainingSpec(
        "flights-late@2", "late", trainer="logistic_regression", folds=0, experiment="later"
    )
    version = workspace.registry.register("flights-late", workspace.training.train_now(spec))
    assert version.version == 3

    # Accepting asks the gates again, one of which loads the model that the old program stored.
    pending = workspace.registry.promotions("pending")["id"].iloc[0]
    assert workspace.registry.decide(pending, True, "it answers").status == "accepted"
    promotion = workspace.registry.promote("flights-late", 3, "staging", "a newer one")
    assert all(verdict.message for verdict in promotion.verdicts)

    # The predictions of this week are still in the journal that the old server wrote.
    week = datetime(2013, 3, 25, tzinfo=UTC)
    window = workspace.monitoring.evaluate("flights-late", week, week + timedelta(weeks=1))
    evaluated = workspace.monitoring.window(window)
    assert evaluated.rows == 30
    assert evaluated.label_summary.keys() == {"Share of 1"}

    workspace.deployments.switch_version("flights-late", 3, "to the newest")
    workspace.deployments.launch("flights-next", "flights-late", 2)
    assert workspace.deployments.deployment("flights-late").previous_version == 1
    workspace.monitoring.monitor("flights-next")
    assert checked(workspace) == {}
