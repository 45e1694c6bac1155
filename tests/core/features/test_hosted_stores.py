"""Tecton and Hopsworks through the interface of feature stores, by small stand-ins of both.

The stand-ins take the calls of the agents; a proof compares them with the real packages.
"""

from __future__ import annotations

import ast
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from harness import fake_hopsworks, fake_tecton
from harness.feature_repositories import HOURS, entity_rows, feature_rows
from pilothouse.features import FeatureRequest
from pilothouse.kit.errors import Invalid, Unavailable
from pilothouse.workspace import Workspace

SETTINGS: dict[str, dict[str, Any]] = {
    "tecton": {"url": "https://example.tecton.ai", "workspace": "prod"},
    "hopsworks": {"host": "example.org", "project": "trips", "views": "drivers:2"},
}
KEYS = {"tecton": "TECTON_API_KEY", "hopsworks": "HOPSWORKS_API_KEY"}
SERVICES = {"tecton": "driver_service", "hopsworks": "drivers_v2"}
VIEWS = {"tecton": "driver_stats", "hopsworks": "drivers_v2"}
FAKES = {"tecton": fake_tecton, "hopsworks": fake_hopsworks}
INHERITED = ("name", "description", "feature_metadata", "ttl", "join_keys")  # from base classes
VERSIONS = {"tecton": "1.2.13", "hopsworks": "5.2.1"}


def interpreter(folder: Path, kind: str) -> str:
    """An interpreter that has the stand-in and nothing of the real package."""
    folder.mkdir()
    shutil.copy(str(FAKES[kind].__file__), folder / f"{kind}.py")
    feature_rows().to_parquet(folder / "rows.parquet", index=False)
    program = folder / "python"
    program.write_text(f'#!/bin/sh\nPYTHONPATH={folder} exec {sys.executable} "$@"\n')
    program.chmod(0o700)
    return str(program)


@pytest.mark.parametrize("kind", list(SETTINGS))
def test_a_hosted_store_is_read_joined_at_times_and_looked_up(
    workspace: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    features, python = workspace.features, interpreter(tmp_path / "fake", kind)
    monkeypatch.delenv(KEYS[kind], raising=False)
    with pytest.raises(Unavailable, match=f"the variable {KEYS[kind]} has no"):
        features.add("drivers", SETTINGS[kind], kind=kind, python=python)
    monkeypatch.setenv(KEYS[kind], "secret")
    info = features.add("drivers", SETTINGS[kind], kind=kind, python=python)
    assert info.library == VERSIONS[kind]
    [view] = info.catalog.views
    assert (view.name, list(view.keys)) == (VIEWS[kind], ["driver_id"])
    assert set(view.features) == {"trips", "rate"}
    service = FeatureRequest(service=SERVICES[kind])
    assert info.catalog.needed_columns(service) == ("driver_id",)
    assert info.catalog.feature_names(service) == ("trips", "rate")

    frame = features.historical("drivers", entity_rows(), service, time="at")
    assert frame["trips"].fillna(-1).tolist() == [31, 7, 30, -1]
    assert frame["late"].tolist() == entity_rows()["late"].tolist()
    full = FeatureRequest(service=SERVICES[kind], full_names=True)
    named = features.historical("drivers", entity_rows(), full, time="at")
    assert f"{VIEWS[kind]}__rate" in named
    with pytest.raises(Invalid, match="column 'trips' already"):
        features.historical("drivers", entity_rows().assign(trips=1), service, time="at")

    served = features.online("drivers", {"driver_id": [1001, 7]}, service)
    assert served["trips"].fillna(-1).tolist() == [99, -1]
    times = served.attrs["times"].get("trips")
    newest = int(HOURS[-1].timestamp() * 1000)
    assert times == ([newest, 0] if kind == "tecton" else None)
    with pytest.raises(Invalid, match="no online view"):
        features.materialize("drivers", views=[VIEWS[kind]])
    with pytest.raises(Invalid, match="the feature store 'drivers' says"):
        features.materialize("drivers")


@pytest.mark.parametrize(
    ("kind", "change"),
    [
        ("tecton", {"url": "http://example.tecton.ai"}),
        ("hopsworks", {"views": "drivers:two"}),
        ("hopsworks", {"views": "drivers:2, "}),
        ("hopsworks", {"host": "https://example.org"}),
    ],
)
def test_settings_that_cannot_be_are_refused(
    workspace: Workspace, kind: str, change: dict[str, Any]
) -> None:
    with pytest.raises(Invalid):
        workspace.features.add("drivers", SETTINGS[kind] | change, kind=kind)


def parameters(path: Path) -> Iterator[tuple[str, set[str]]]:
    """Every function as `Class.name`, or `name`, with the names of its parameters."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    for node in tree.body:
        if isinstance(node, ast.FunctionDef):
            yield node.name, {arg.arg for arg in (*node.args.args, *node.args.kwonlyargs)}
        if isinstance(node, ast.ClassDef):
            for part in node.body:
                if isinstance(part, ast.FunctionDef):
                    names = {arg.arg for arg in (*part.args.args, *part.args.kwonlyargs)}
                    yield f"{node.name}.{part.name}", names


def real_parameters(folder: Path) -> dict[str, set[str]]:
    """Those of a package with everything that functions of one name take."""
    real: dict[str, set[str]] = {}
    for path in folder.rglob("*.py"):
        for name, names in parameters(path):
            real[name] = real.get(name, set()) | names
    return real


@pytest.mark.proof
@pytest.mark.long
@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::SyntaxWarning")  # its code
@pytest.mark.parametrize("kind", list(SETTINGS))
def test_the_stand_ins_take_what_the_real_packages_take(tmp_path: Path, kind: str) -> None:
    command = [sys.executable, "-m", "uv", "pip", "install", "-q", "--no-deps", "--target"]
    package = f"{kind}=={VERSIONS[kind]}"
    python = [] if kind == "hopsworks" else ["--python-version", "3.9"]
    subprocess.run([*command, tmp_path, *python, package], check=True, env=dict(os.environ))
    real = real_parameters(tmp_path)
    compared = 0
    for name, names in parameters(Path(str(FAKES[kind].__file__))):
        owner, _, method = name.rpartition(".")
        if method.startswith("_") or name == "stored_rows":
            continue
        key = f"{owner}.{method}" if owner else method
        candidates = [real[key]] if key in real else [
            names for other, names in real.items()
            if other.endswith(f".{method}") and method in INHERITED
        ]  # fmt: skip
        assert any(names <= taken for taken in candidates), name
        compared += 1
    assert compared >= 10
