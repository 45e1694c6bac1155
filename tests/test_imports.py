"""What we declare can be imported together, and what is light stays light."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tomllib
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement

from pilothouse.workspace import open_workspace

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
RUNTIME = [Requirement(line) for line in PROJECT["dependencies"]]
OPTIONAL = [Requirement(x) for group in PROJECT["optional-dependencies"].values() for x in group]
HEAVY = ("pandas", "sklearn", "sqlmodel", "streamlit", "evidently", "dbos", "numpy", "lark")

# Every module of every declared distribution, then Evidently at work, in one fresh process.
IMPORT_ALL = """
import importlib, json, sys, warnings
from importlib.metadata import packages_distributions

warnings.simplefilter("ignore")  # what others deprecate at import is not ours to judge here
wanted = set(sys.argv[1:])
normal = lambda name: name.lower().replace("_", "-")
homes = packages_distributions()
modules = sorted(m for m, owners in homes.items() if wanted & {normal(o) for o in owners})
failed, seen = {}, set()
for module in modules:
    if not module.isidentifier() or module.startswith("_"):
        continue
    try:
        importlib.import_module(module)
    except Exception as broken:
        failed[module] = repr(broken)
    seen |= {normal(owner) for owner in homes[module]} & wanted

import pandas as pd
from evidently import Report
from evidently.metrics import ValueDrift

there = pd.DataFrame({"distance": range(100)})
here = there + 60
told = Report([ValueDrift(column="distance", method="psi")]).run(here, there).dict()
print(json.dumps({"failed": failed, "seen": sorted(seen), "drift": told["metrics"][0]["value"]}))
"""


@pytest.fixture(scope="module")
def imported() -> dict[str, Any]:
    names = [_normal(requirement.name) for requirement in RUNTIME if _applies(requirement)]
    done = subprocess.run(
        [sys.executable, "-c", IMPORT_ALL, *names],
        capture_output=True,
        text=True,
        env=os.environ | {"DO_NOT_TRACK": "1"},
        check=False,
    )
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found | {"wanted": sorted(names)}


def _normal(name: str) -> str:
    return name.lower().replace("_", "-")


def _applies(requirement: Requirement) -> bool:
    return requirement.marker is None or requirement.marker.evaluate()


def test_everything_we_declare_can_be_imported(imported: dict[str, Any]) -> None:
    assert imported["failed"] == {}
    assert imported["seen"] == imported["wanted"]


def test_evidently_works_with_the_versions_we_allow(imported: dict[str, Any]) -> None:
    assert imported["drift"] > 0.1


@pytest.mark.parametrize(("name", "first_refused"), [("pandas", "3.0.0"), ("plotly", "6.0.0")])
def test_what_evidently_needs_is_pinned(name: str, first_refused: str) -> None:
    [requirement] = [r for r in RUNTIME if r.name == name]
    assert not requirement.specifier.contains(first_refused)
    assert requirement.specifier.contains(version(name))


def test_every_dependency_has_a_lower_bound() -> None:
    """Without one a resolver may fall back to a release of years ago."""
    for requirement in RUNTIME + OPTIONAL:
        assert any(part.operator == ">=" for part in requirement.specifier), str(requirement)


def test_the_constraints_pin_what_we_declare_and_name_no_host() -> None:
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").split("\n")[:-1]
    assert all(re.fullmatch(r"[A-Za-z0-9._-]+==[A-Za-z0-9.+!]+", line) for line in lines)
    pinned = {_normal(line.split("==")[0]): line.split("==")[1] for line in lines}
    for requirement in filter(_applies, RUNTIME):
        assert requirement.specifier.contains(pinned[_normal(requirement.name)]), str(requirement)


@pytest.mark.parametrize("module", ["pilothouse", "pilothouse.cli"])
def test_a_light_import_pulls_in_nothing_heavy(module: str) -> None:
    code = f"import sys, {module}; print(sorted(set(sys.modules) & set({HEAVY!r})))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_a_server_of_an_up_to_date_workspace_loads_nothing_heavy(tmp_path: Path) -> None:
    open_workspace(tmp_path).store.engine.dispose()
    code = f"""
import sys
import pilothouse.http.server as server
import pilothouse.monitoring.prometheus, pilothouse.interop.mlflow.application
from pilothouse.kit.settings import Settings
server.prepare(server.open_store(Settings(workspace=sys.argv[1])))
print(sorted(set(sys.modules) & {set(HEAVY) - {"sqlmodel", "lark"} | {"pyarrow"}!r}))
"""
    command = [sys.executable, "-c", code, str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_every_module_can_be_imported_twice_as_streamlits_reload_does() -> None:
    """A changed file makes Streamlit drop the modules: no table or plugin may be defined twice."""
    code = """
import importlib, sys
for _ in range(2):
    for name in [name for name in sys.modules if name.split(".")[0] == "pilothouse"]:
        del sys.modules[name]
    importlib.import_module("pilothouse.workspace.tables")
    kinds = importlib.import_module("pilothouse.testing.plugin_kinds").KINDS
    print([kind.plugins.names() for kind in kinds])
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    first, second = done.stdout.splitlines()
    assert first == second
