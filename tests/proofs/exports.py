"""Proof of the exports: the real program reads each file and has the same steps and edges.

    python tests/proofs/exports.py [FOLDER [NAME ...]]

Builds an environment for each program, writes the files, and asks the program itself. It takes
minutes and some GB, so that it is no test of every day: `make proof`.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from prove import environment, plain_variables

from pilothouse.environments.failure import EnvironmentFailure
from pilothouse.environments.interpreters import find_interpreter
from pilothouse.environments.uv import find_uv
from pilothouse.workspace import Workspace, open_workspace

PACKAGES = {
    "airflow": ("apache-airflow>=3.1",),
    "kubeflow": ("kfp>=2.14",),
    "flyte": ("flytekit>=1.16",),
    "github_actions": ("check-jsonschema>=0.35",),
    "tfx": ("tfx==1.16.0", "dill", "setuptools<70"),  # 3 GB
}
# Newer releases of TFX need a newer C library than Debian 12 has, this one another Python.
VERSIONS = {"tfx": "3.10"}
FILE = """
name: weekly-churn
description: Says "quoted" things.
parameters:
  dataset: churn
  day: {type: date, default: today}
  trials: {type: integer, default: 2}
  share: {type: number, default: 0.2}
  fast: {type: boolean, default: false}
  mode: {choices: [a, b], default: a}
steps:
  - {name: data, uses: dataset_version, with: {dataset: "${{ parameters.dataset }}"}}
  - {name: train-a, uses: train, with: {dataset: "${{ steps.data.dataset }}", target: y}}
  - {name: train-b, uses: train, needs: data, with: {dataset: a, target: y}}
  - {name: end, uses: command, needs: [train-a, train-b], with: {command: "true"}}
"""
STEPS = ["data", "end", "train-a", "train-b"]
EDGES = [["data", "train-a"], ["data", "train-b"], ["train-a", "end"], ["train-b", "end"]]
# Each prints the steps and edges that the program has read, and what it would run.
AIRFLOW = """
import json, sys
from airflow.dag_processing.dagbag import DagBag
bag = DagBag(sys.argv[1])
assert not bag.import_errors, bag.import_errors
(dag,) = bag.dags.values()
edges = [[task.task_id, after] for task in dag.tasks for after in task.downstream_task_ids]
end = dag.get_task("end")
environment = end.get_template_env(dag)
params = dag.params.dump()
drawn = {k: environment.from_string(v).render(run_id="r", params=params, ds="2026-03-01")
         for k, v in end.env.items()}
run = [end.bash_command, json.loads(drawn["PIPELINE_PARAMETERS"]), drawn["PIPELINE_RUN"]]
print(json.dumps({"steps": dag.task_ids, "edges": edges, "run": run}))
"""
KUBEFLOW = """
import json, runpy, sys, yaml
from kfp import compiler
compiler.Compiler().compile(runpy.run_path(sys.argv[1])["pipeline"], sys.argv[1] + ".yaml")
spec = next(yaml.safe_load_all(open(sys.argv[1] + ".yaml")))
tasks = spec["root"]["dag"]["tasks"]
names = {key: task["taskInfo"]["name"] for key, task in tasks.items()}
edges = [[names[a], names[key]] for key, task in tasks.items()
         for a in task.get("dependentTasks", ())]
executors = spec["deploymentSpec"]["executors"]
run = executors["exec-step-end"]["container"]["args"]
print(json.dumps({"steps": list(names.values()), "edges": edges, "run": run}))
"""
FLYTE = """
import json, runpy, subprocess, sys
from flytekit.configuration import Image, ImageConfig, SerializationSettings
from flytekit.tools.translator import get_serializable
from collections import OrderedDict
sys.path.insert(0, sys.argv[1].rpartition("/")[0])
import weekly_churn_flyte as module
image = ImageConfig(Image("i", "i", "1"))
settings = SerializationSettings(project="p", domain="d", version="1", image_config=image)
spec = get_serializable(OrderedDict(), settings, module.pipeline)
nodes = {n.id: n.task_node.reference_id.name.rpartition(".step_")[2].replace("_", "-")
         for n in spec.template.nodes if ".step_" in n.task_node.reference_id.name}
edges = [[nodes[a], nodes[n.id]] for n in spec.template.nodes if n.id in nodes
         for a in n.upstream_node_ids if a in nodes]
ran = []
module.subprocess.run = lambda command, check: ran.append(command)
module.pipeline(trials=5)
print(json.dumps({"steps": list(nodes.values()), "edges": edges, "run": ran}))
"""
GITHUB = """
import json, subprocess, sys
from ruamel.yaml import YAML
command = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.github-workflows"]
subprocess.run([*command, sys.argv[1]], check=True, stdout=sys.stderr)
jobs = YAML(typ="safe").load(open(sys.argv[1]))["jobs"]
edges = [[a, name] for name, job in jobs.items() for a in job.get("needs", ())]
run = [job["steps"][0]["run"] for job in jobs.values()]
print(json.dumps({"steps": list(jobs), "edges": edges, "run": run}))
"""
# TFX runs the file, with a command in place of ours that writes down how it was called.
TFX = """
import importlib, json, os, stat, subprocess, sys
file = sys.argv[1]
folder = os.path.dirname(file)
command = os.path.join(folder, "pilothouse")
with open(command, "w") as target:
    target.write('#!/bin/sh\\necho "$@" >> "$CALLS"\\n')
os.chmod(command, stat.S_IRWXU)
calls = os.path.join(folder, "calls")
variables = os.environ | {"PATH": folder + os.pathsep + os.environ["PATH"], "CALLS": calls,
                          "PIPELINE_RUN": "r1", "TF_CPP_MIN_LOG_LEVEL": "3"}
subprocess.run([sys.executable, file, '{"trials": 5}'], cwd=folder, env=variables, check=True,
               stdout=sys.stderr)
ran = open(calls).read().splitlines()
assert [line.split()[3] for line in ran].index("end") == 3 and '"trials": 5' in ran[0], ran
sys.path.insert(0, folder)
pipeline = importlib.import_module("weekly_churn_tfx").pipeline("r1")
from tfx.dsl.compiler.compiler import Compiler
nodes = {n.pipeline_node.node_info.id: n.pipeline_node for n in Compiler().compile(pipeline).nodes}
edges = [[before, name] for name, node in nodes.items() for before in node.upstream_nodes]
print(json.dumps({"steps": list(nodes), "edges": edges, "run": ran[-1]}))
"""
CHECKS = {
    "airflow": AIRFLOW,
    "kubeflow": KUBEFLOW,
    "flyte": FLYTE,
    "github_actions": GITHUB,
    "tfx": TFX,
}


def main(folder: Path, names: list[str]) -> int:
    """Prove the named exports, or all; the number of those that the program reads otherwise."""
    bad = 0
    with tempfile.TemporaryDirectory(prefix="exports-") as scratch:
        workspace = open_workspace(Path(scratch) / "workspace")
        workspace.pipelines.register_text(FILE)
        for name in names or list(CHECKS):
            message = verdict(folder, workspace, Path(scratch), name)
            bad += not message.startswith(("the same", "NOT TRIED"))
            sys.stdout.write(f"{name:16} {message}\n")
            sys.stdout.flush()
        workspace.store.engine.dispose()
    return bad


def verdict(folder: Path, workspace: Workspace, scratch: Path, name: str) -> str:
    """What the program has read of its file, held against the definition."""
    from pilothouse.pipelines.definitions.exports import exports

    base = None
    if minor := VERSIONS.get(name):
        try:
            base = find_interpreter(workspace.store, find_uv(), minor).path
        except EnvironmentFailure:
            return f"NOT TRIED: there is no Python {minor} on this machine"
    python = environment(folder, PACKAGES[name], base)
    info = workspace.pipelines.pipeline("weekly-churn")
    target = scratch / name
    target.mkdir()
    file = target / exports.get(name).filename(info)
    file.write_text(workspace.pipelines.export("weekly-churn", name), encoding="utf-8")
    home = {"AIRFLOW_HOME": str(target / "home"), "AIRFLOW__CORE__LOAD_EXAMPLES": "False"}
    ended = subprocess.run(
        [python, "-c", CHECKS[name], str(file)],
        env=plain_variables() | home | {"PATH": f"{python.parent}{os.pathsep}{os.environ['PATH']}"},
        capture_output=True,
        text=True,
        check=False,
    )
    if ended.returncode:
        return f"REFUSED: {ended.stderr[-2000:]}"
    result: dict[str, Any] = json.loads(ended.stdout.strip().splitlines()[-1])
    steps, edges = sorted(result["steps"]), sorted(result["edges"])
    if (steps, edges) != (STEPS, EDGES):
        return f"DIFFERENT: {steps} {edges}"
    return f"the same {len(steps)} steps and {len(edges)} edges; it runs {result['run']}"


if __name__ == "__main__":
    folder = Path(sys.argv[1] if len(sys.argv) > 1 else os.environ["PROOFS"]).resolve()
    folder.mkdir(parents=True, exist_ok=True)
    sys.exit(main(folder, sys.argv[2:]))
