"""Exports as text: what is Python compiles, what is YAML loads, and the edges are the same.

The programs themselves read them in tests/proofs/exports.py.
"""

from __future__ import annotations

import ast
from typing import Any

import pytest
import yaml

from pilothouse.kit.errors import Invalid, NotFound
from pilothouse.workspace import Workspace

FILE = """
name: weekly
parameters:
  dataset: churn
  day: {type: date, default: today}
  trials: {type: integer, default: 0}
  needed: {type: text}
steps:
  - {name: data, uses: dataset_version, with: {dataset: "${{ parameters.dataset }}"}}
  - {name: train-a, uses: train, with: {dataset: "${{ steps.data.dataset }}", target: y}}
  - {name: train-b, uses: train, needs: data, with: {dataset: a, target: y}}
  - {name: end, uses: command, needs: [train-a, train-b], with: {command: "true"}}
"""
EDGES = {("data", "train-a"), ("data", "train-b"), ("train-a", "end"), ("train-b", "end")}


@pytest.fixture
def weekly(workspace: Workspace) -> Workspace:
    workspace.pipelines.register_text(FILE)
    return workspace


def shifts(text: str) -> set[tuple[str, str]]:
    """The pairs that `a >> b` joins, as names of steps."""
    nodes = [node for node in ast.walk(ast.parse(text)) if isinstance(node, ast.BinOp)]

    def step(node: Any) -> str:
        return str(node.id).removeprefix("step_").removesuffix("_node").replace("_", "-")

    return {(step(node.left), step(node.right)) for node in nodes}


@pytest.mark.parametrize("program", ["airflow", "flyte"])
def test_steps_are_joined_in_python_as_in_the_definition(weekly: Workspace, program: str) -> None:
    text = weekly.pipelines.export("weekly", program)
    assert shifts(text) == EDGES


def test_tfx_adds_each_edge_between_components(weekly: Workspace) -> None:
    text = weekly.pipelines.export("weekly", "tfx", {"root": "gs://bucket"})
    assert "ROOT = 'gs://bucket'" in text
    calls = [node for node in ast.walk(ast.parse(text)) if isinstance(node, ast.Call)]
    edges = {
        (call.args[0].id, call.func.value.id)
        for call in calls
        if isinstance(call.func, ast.Attribute)
        and call.func.attr == "add_upstream_node"
        and isinstance(call.func.value, ast.Name)
        and isinstance(call.args[0], ast.Name)
    }
    assert edges == {
        (f"step_{a.replace('-', '_')}", f"step_{b.replace('-', '_')}") for a, b in EDGES
    }


def test_kubeflow_runs_each_step_after_those_it_needs(weekly: Workspace) -> None:
    text = weekly.pipelines.export("weekly", "kubeflow", {"image": "registry/ph:1"})
    assert "IMAGE = 'registry/ph:1'" in text
    tree = ast.parse(text)
    joined = {
        (argument.id, node.func.value.func.id)
        for node in ast.walk(tree)
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr == "after"
        for argument in node.args
    }
    assert {(a.removesuffix("_task"), b) for a, b in joined} == {
        (f"step_{a.replace('-', '_')}", f"step_{b.replace('-', '_')}") for a, b in EDGES
    }


def test_github_has_a_job_a_step_and_no_expression_in_a_command(weekly: Workspace) -> None:
    text = weekly.pipelines.export("weekly", "github_actions", {"schedule": "0 6 * * 1"})
    workflow = yaml.safe_load(text)
    jobs = workflow["jobs"]
    assert {(a, name) for name, job in jobs.items() for a in job.get("needs", ())} == EDGES
    assert all("${{" not in job["steps"][0]["run"] for job in jobs.values())
    trigger = workflow["on"]
    assert trigger["schedule"] == [{"cron": "0 6 * * 1"}]
    inputs = trigger["workflow_dispatch"]["inputs"]
    assert inputs["needed"] == {"type": "string", "required": True}
    assert inputs["trials"] == {"type": "number", "default": 0}


def test_a_wrong_program_or_option_is_named(weekly: Workspace) -> None:
    with pytest.raises(NotFound, match="no export named 'cron'"):
        weekly.pipelines.export("weekly", "cron")
    with pytest.raises(Invalid, match="has no parameter 'image'"):
        weekly.pipelines.export("weekly", "airflow", {"image": "x"})
