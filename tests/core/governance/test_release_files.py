"""Files of CI systems: they parse, their commands stop where they should, nothing is replaced."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml
from sqlalchemy import update
from sqlmodel import col

from harness.live_windows import promoted
from pilothouse.governance.release_files import PROGRAMS
from pilothouse.kit.errors import Invalid
from pilothouse.registry.tables import ModelVersion
from pilothouse.workspace import Workspace

ROW = {"text": "it's ${{ secrets.KEY }} << pipeline.id >> \\ $HOME", "n": 1}
PROGRAM = """#!/bin/sh
echo "$@" >> calls
case "$*" in
  validate*) exit ${VALIDATE:-0} ;;
  "deployments show"*) exit ${SHOW:-0} ;;
  "deployments switch-version"*) exit ${SWITCH:-0} ;;
  "deployments predict"*) printf '%s' "$5" > record; echo '[{"version": 2, "score": 0.5}]' ;;
esac
"""


@pytest.fixture
def shop(workspace: Workspace) -> Workspace:
    promoted(workspace.store)
    with workspace.store.write() as session:
        session.execute(
            update(ModelVersion).where(col(ModelVersion.version) == 2).values(input_example=[ROW])
        )
    return workspace


def text_of(workspace: Workspace, program: str) -> str:
    return workspace.governance.release_file("shop", 2, program, runner="linux").text


def commands(program: str, text: str) -> list[str]:
    """The command of each step in its order, as the CI system gives it to a shell."""
    if program == "jenkins":
        found = re.findall(r"sh '''(.*?)'''", text, re.DOTALL)
        return [step.replace("\\\\", "\\") for step in found]
    document: dict[str, Any] = yaml.safe_load(text)
    if program == "gitlab-ci":
        return [document[stage]["script"][0] for stage in document["stages"]]
    if program == "circleci":
        return [job["steps"][0]["run"]["command"] for job in document["jobs"].values()]
    return [job["steps"][0]["run"] for job in document["jobs"].values()]


def run(folder: Path, steps: list[str], **results: int) -> int:
    """Run the steps as a CI system does, with a program in the place of pilothouse."""
    stand_in = folder / "pilothouse"
    stand_in.write_text(PROGRAM)
    stand_in.chmod(0o755)
    values = {"MODEL": "shop", "VERSION": "2", "STAGE": "production", "DEPLOYMENT": "shop-staging"}
    values |= {name: str(code) for name, code in results.items()}
    environment = {"PATH": f"{folder}:/usr/bin:/bin", **values}
    for step in steps:
        ended = subprocess.run(["bash", "-e", "-c", step], cwd=folder, env=environment, check=False)
        if ended.returncode:
            return ended.returncode
    return 0


@pytest.mark.parametrize("program", PROGRAMS)
def test_the_steps_run_and_the_example_arrives_as_it_is(
    shop: Workspace, tmp_path: Path, program: str
) -> None:
    steps = commands(program, text_of(shop, program))
    assert len(steps) == 3
    assert run(tmp_path, steps) == 0
    assert json.loads((tmp_path / "record").read_text()) == ROW
    calls = (tmp_path / "calls").read_text()
    assert "validate shop 2 --stage production --wait --json" in calls
    assert "deployments switch-version shop-staging 2" in calls


@pytest.mark.parametrize(
    ("results", "code", "last"),
    [
        ({"VALIDATE": 1}, 1, "validate"),
        ({"VALIDATE": 2}, 2, "validate"),
        ({"SHOW": 4}, 0, "deployments predict"),
        ({"SWITCH": 5}, 0, "deployments predict"),
        ({"SWITCH": 3}, 1, "deployments switch-version"),
        ({"VERSION": 3}, 1, "deployments predict"),
    ],
)
def test_a_step_that_fails_ends_it(
    shop: Workspace, tmp_path: Path, results: dict[str, int], code: int, last: str
) -> None:
    steps = commands("github-actions", text_of(shop, "github-actions"))
    assert run(tmp_path, steps, **results) == code
    calls = (tmp_path / "calls").read_text().splitlines()
    assert calls[-1].startswith(last)
    assert any("launch" in call for call in calls) == ("SHOW" in results)


@pytest.mark.parametrize("program", PROGRAMS)
def test_nothing_of_the_example_is_read_by_the_ci_system(shop: Workspace, program: str) -> None:
    text = text_of(shop, program)
    assert "secrets.KEY }}" in text
    assert "${{ secrets" not in text
    assert "<< pipeline.id" not in text


def test_the_words_of_each_system_are_its_own(shop: Workspace) -> None:
    github = yaml.safe_load(text_of(shop, "github-actions"))
    assert set(github) == {"name", "on", "env", "jobs"}
    assert [job.get("needs") for job in github["jobs"].values()] == [None, "validate", "deploy"]
    assert {job["runs-on"] for job in github["jobs"].values()} == {"linux"}
    gitlab = yaml.safe_load(text_of(shop, "gitlab-ci"))
    assert [gitlab[name]["stage"] for name in gitlab["stages"]] == gitlab["stages"]
    circle = yaml.safe_load(text_of(shop, "circleci"))
    assert circle["version"] == 2.1
    assert circle["workflows"]["release"]["jobs"][1] == {"deploy": {"requires": ["validate"]}}
    jenkins = re.sub(r"'''.*?'''", "", text_of(shop, "jenkins"), flags=re.DOTALL)
    assert jenkins.count("{") == jenkins.count("}")
    declared = re.findall(r"^ *(\w+)(?: linux)?(?:\(.*\))? (?:any )?\{", jenkins, re.MULTILINE)
    assert set(declared) <= {
        "pipeline", "agent", "parameters", "environment", "stages", "stage", "steps",
    }  # fmt: skip


def test_an_unknown_system_and_a_version_without_an_example_are_refused(shop: Workspace) -> None:
    with pytest.raises(Invalid, match="travis"):
        shop.governance.release_file("shop", 2, "travis")
    with shop.store.write() as session:
        session.execute(update(ModelVersion).values(input_example=[]))
    with pytest.raises(Invalid, match="example"):
        shop.governance.release_file("shop", 2, "jenkins")
