"""Rules of the house that neither ruff, mypy nor import-linter can hold."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlmodel import text

from harness.reference_pages import pages
from pilothouse.kit.settings import Settings
from pilothouse.storage import Store, Table
from pilothouse.storage.migrate import SCRIPTS

ROOT = Path(__file__).parents[1]
ROOMS = ("activity", "jobs", "data", "experiments", "registry", "deployments", "monitoring")
ROOMS += ("interop", "attention", "governance", "environments", "pipelines", "people")
ROOMS += ("comments", "reviews", "explanations", "features")
EDGES = {
    "core/pilothouse/jobs/joblib_runner.py",  # a part on a cluster: raised where it is waited for
    "core/pilothouse/jobs/backends/spark.py",  # the same, of what joblibspark has caught
    "core/pilothouse/jobs/engine.py",  # a job: its failure becomes its status
    "core/pilothouse/training/all_trainers.py",  # a part of a job: its failure is in the result
    "core/pilothouse/cli/worker.py",  # a duty of the worker: it is logged and tried again
    "core/pilothouse/interop/mlflow/compaction.py",  # a duty of the server: logged
    "core/pilothouse/deployments/gateway/gateway.py",  # a request
    "core/pilothouse/deployments/standalone/application.py",  # a request, of an exported model
    "core/pilothouse/deployments/model_server/batching.py",  # a request, in the model process
    "core/pilothouse/models/engine_choice.py",  # an engine: its failure is its result
    "core/pilothouse/models/engines/onnx_runtime.py",  # a converter: the other type may do
    "core/pilothouse/interop/mlflow/application.py",  # a request
    "core/pilothouse/interop/mlflow/ingest.py",  # a request, in the thread that writes
    "core/pilothouse/interop/mlflow/trials.py",  # a trial: raised by whoever waits for it
    "core/pilothouse/monitoring/notifications/sender.py",  # an attempt: its error is logged
    "core/pilothouse/interop/events/bridge.py",  # a connection: its failure is its state
    "core/pilothouse/features/agents/answering.py",  # a question: its failure is the answer
    # Somebody's own code, in its process: what it raises becomes the result.
    "core/pilothouse/monitoring/custom_checks/check_process.py",
    "app/pilothouse_app/components/errors.py",  # a screen
}


def sources() -> Iterator[Path]:
    for folder in ("core", "app"):
        yield from (ROOT / folder).rglob("*.py")


def test_the_migrated_schema_is_the_one_that_the_tables_declare(store: Store) -> None:
    import pilothouse.workspace.tables  # noqa: F401  # every room's tables

    with store.engine.connect() as connection:
        context = MigrationContext.configure(
            connection, opts={"compare_type": True, "compare_server_default": True}
        )
        assert compare_metadata(context, Table.metadata) == []


def test_a_migration_is_frozen(store: Store) -> None:
    """It makes the schema of its day for ever, so it may not ask today's rooms what that is."""
    for script in (SCRIPTS / "versions").glob("*.py"):
        for node in ast.walk(ast.parse(script.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import | ast.ImportFrom):
                assert "pilothouse" not in ast.unparse(node), script.name


def test_foreign_keys_hold_after_every_migration(store: Store) -> None:
    with store.read() as session:
        assert session.execute(text("PRAGMA foreign_key_check")).all() == []
        assert session.execute(text("PRAGMA integrity_check")).scalar() == "ok"


def test_every_table_is_named_after_its_room() -> None:
    import pilothouse.workspace.tables  # noqa: F401  # every room's tables

    for mapper in Table._sa_registry.mappers:
        room = mapper.class_.__module__.split(".")[1]
        assert mapper.local_table.name.startswith(f"{room}_"), mapper.local_table.name  # type: ignore[attr-defined]
        assert room in ROOMS


@pytest.mark.parametrize("name", list(pages()))
def test_the_generated_pages_do_not_lag(name: str) -> None:
    written = (ROOT / "docs" / "reference" / name).read_text(encoding="utf-8")
    assert written == pages()[name], "run `make docs`"


def test_every_setting_is_documented() -> None:
    page = (ROOT / "docs" / "reference" / "settings.md").read_text(encoding="utf-8")
    for name, field in Settings.model_fields.items():
        assert f"`PILOTHOUSE_{name.upper()}`" in page
        assert field.description in page


def test_nothing_but_the_package_lies_in_its_folder() -> None:
    for folder, package in (("core", "pilothouse"), ("app", "pilothouse_app")):
        found = {path.name for path in (ROOT / folder).iterdir()} - {"__pycache__"}
        assert found == {package}


def test_tests_are_no_package() -> None:
    assert list((ROOT / "tests").rglob("__init__.py")) == []


def test_what_is_caught_broadly_is_raised_again_but_at_the_edges() -> None:
    found = {
        path.relative_to(ROOT).as_posix()
        for path in sources()
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.ExceptHandler) and _swallows_anything(node)
    }
    assert found <= EDGES, "catch what you can name; a new edge is added to EDGES with its reason"


def test_a_number_that_may_be_empty_can_be_emptied() -> None:
    """An input with a placeholder that begins with a number goes back to it when it is emptied."""
    kept = []
    for path in sources():
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)):
                continue
            options = {word.arg: word.value for word in node.keywords}
            if node.func.attr == "number_input" and "placeholder" in options:
                value = options.get("value")
                if not (isinstance(value, ast.Constant) and value.value is None):
                    kept.append(f"{path.name}:{node.lineno}")
    assert kept == [], "use `optional_number`"


def _swallows_anything(handler: ast.ExceptHandler) -> bool:
    caught = handler.type
    names = caught.elts if isinstance(caught, ast.Tuple) else [caught]
    is_broad = any(n is None or ast.unparse(n) in ("Exception", "BaseException") for n in names)
    return is_broad and not isinstance(handler.body[-1], ast.Raise)


# Reads of rows that people look at, which `masked()` has too: only there is personal data masked.
UNMASKED = {"data.frame", "data.profile", "data.diff", "data.check_refresh", "data.check"}
UNMASKED |= {"data.explore", "data.explore_target"}
UNMASKED |= {"deployments.predictions", "deployments.find_predictions"}


def test_screens_and_commands_read_rows_through_the_masks() -> None:
    for path in (*(ROOT / "app").rglob("*.py"), *(ROOT / "core/pilothouse/cli").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
                called = ast.unparse(node.func)
                assert ".".join(called.split(".")[-2:]) not in UNMASKED, f"{path.name}: {called}"
