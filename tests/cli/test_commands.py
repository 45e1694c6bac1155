"""The tree of commands: every command explains itself, answers in JSON and ends as others do."""

from __future__ import annotations

import inspect
import json
import shlex
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import click
import pytest

from harness.command_tree import Leaf, leaves
from pilothouse.activity.api import Activity
from pilothouse.attention.api import Attention
from pilothouse.cli.command import Command
from pilothouse.cli.root import COMMANDS, root
from pilothouse.comments.api import Comments
from pilothouse.comparison.api import Comparisons
from pilothouse.data.api import Data
from pilothouse.deployments.api import Deployments
from pilothouse.environments.api import Environments
from pilothouse.experiments.api import Experiments
from pilothouse.explanations.api import Explanations
from pilothouse.features.api import Features
from pilothouse.governance.api import Governance
from pilothouse.interop.archives.api import WorkspaceArchives
from pilothouse.interop.events.api import Events
from pilothouse.interop.exporting.api import ModelExports
from pilothouse.interop.importing.api import Imports
from pilothouse.interop.run_exports.api import RunExports
from pilothouse.jobs.api import Jobs
from pilothouse.monitoring.api import Monitoring
from pilothouse.monitoring.notifications.notifications import Notifications
from pilothouse.people.api import People
from pilothouse.pipelines.api import Pipelines
from pilothouse.pipelines.definitions.definitions import PipelineDefinitions
from pilothouse.pipelines.recipes.recipes import Recipes
from pilothouse.registry.api import Registry
from pilothouse.registry.policies import Policies
from pilothouse.training.api import Training
from pilothouse.workspace import Workspace

Call = Callable[..., Any]
LEAVES = {leaf.name: leaf for leaf in leaves()}
PROCESSES = ("up", "app", "server", "worker", "completion")
APIS = (
    *(Activity, Attention, Comparisons, Data, Deployments, Experiments, Imports, Jobs),
    *(Monitoring, Notifications, PipelineDefinitions, Pipelines, Recipes, Registry),
    *(Training, Environments, Governance, People, Policies),
    *(Comments, Events, Explanations, Features, ModelExports, RunExports, WorkspaceArchives),
)

# Methods that no command calls, each with the reason.
NOT_COMMANDS = {
    ModelExports.window_offers: "the choice of a page: the commands say why they refuse",
    RunExports.start: "a job for a page: `export-runs` writes with its progress",
    RunExports.written: "of such a job: `export-runs` says what it has written",
    Imports.upload: "of the browser: commands read the folder where it lies",
    Experiments.close_open_runs: "the end of a job: the worker calls it",
    Experiments.resume_candidate: "the start of a job: the worker calls it",
    Experiments.log_environment: "of the process that calls it, which is the command line's own",
    Experiments.ids: "`runs list --json` has the ids",
    Experiments.default_columns: "the first view of the run table",
    Experiments.varying_columns: "a choice of columns for the run table",
    Experiments.default_view: "marked in `experiments views`",
    Experiments.group_filter: "a part of a page: `runs list --filter` says the same",
    Experiments.curves: "smoothed for a chart: `runs metrics` has the values",
    Experiments.poll: "for a page that polls",
    Experiments.metric_kinds: "an object with methods; `experiments describe-metric` prints one",
    Comparisons.comparable_runs: "the choice of a baseline for a page",
    People.may: "for a form: `people list` has the rights",
    Jobs.submit: "of arguments that only the rooms know; their commands ask for their jobs",
    Data.submit: "`datasets register` registers in its own process",
    Recipes.entry_points: "for the form: `recipes add` names those there are when it is refused",
    Monitoring.import_evidently_file: "of an upload: `evidently import` takes a path",
    ModelExports.archive: "of bytes, for a download: `export` writes a file",
    Recipes.register_files: "of files in memory, such as an upload: `recipes add` takes a folder",
    Registry.register_import: "the importer's: `import mlflow` calls it",
    Pipelines.reason_not_retrained: "for the form: the job of `pipelines retrain` ends with it",
    Pipelines.reason_not_replayed: "for the form: `pipelines backtest` is refused with it",
}


def run_api() -> Iterator[Any]:
    for api in APIS:
        for name, method in vars(api).items():
            if inspect.isfunction(method) and not name.startswith("_"):
                yield method


def test_every_method_of_the_api_has_a_command() -> None:
    called = {api for leaf in LEAVES.values() for api in getattr(leaf.command, "apis", ())}
    missing = [m.__qualname__ for m in run_api() if m not in called and m not in NOT_COMMANDS]
    assert missing == []
    assert not called & set(NOT_COMMANDS)


@pytest.mark.parametrize("leaf", LEAVES.values(), ids=LEAVES)
def test_a_command_has_help_with_an_example(leaf: Leaf) -> None:
    command = leaf.command
    assert isinstance(command, Command)
    text = command.get_help(click.Context(command, info_name=leaf.name))
    assert "Examples:" in text
    assert len((command.help or "").split()) > 1
    assert all(option.help or option.show_default or option.required for option in leaf.options)
    for example in command.examples:
        tokens = shlex.split(example.removeprefix('eval "$(').removesuffix(')"'))
        assert tokens[: 1 + len(leaf.path)] == ["pilothouse", *leaf.path]
        options = {word for word in tokens if word.startswith("--")}
        assert options <= leaf.flags


@pytest.mark.parametrize("name", sorted(set(LEAVES) - set(PROCESSES)))
def test_a_command_takes_json_and_a_workspace(name: str) -> None:
    assert {"--json", "--workspace"} <= LEAVES[name].flags


def test_what_writes_takes_an_actor() -> None:
    for leaf in LEAVES.values():
        assert "--reason" not in leaf.flags or "--actor" in leaf.flags, leaf.name


# Commands whose arguments name no object that must exist.
NAMES_NOTHING = {
    *("datasets add-sql", "datasets preview-sql", "datasets add-from", "datasets preview-from"),
    *("completion", "datasets preview", "datasets register", "experiments create"),
    *("experiments describe-metric", "experiments save-view", "policies applicable"),
    *("policies apply", "policies diff", "policies test", "policies built-in"),
    *("policies use-edition", "policies set-stages"),
    *("runs param-importance", "runs start", "schedules add", "environments build"),
    *("recipes add", "channels add", "alerts silences add", "pipelines add"),
    *("erasures start", "people add", "people choose", "reviews start", "deployments keys create"),
    *("deployments apply", "deployments diff", "features add"),
    *("archives export", "archives check", "archives import"),
}
VALUES = {"version": "1", "view": "999", "stage": "production", "share": "0.1", "action": "archive"}
VALUES |= {"start": "2026-01-01", "end": "2026-01-02", "program": "airflow", "system": "jenkins"}
VALUES |= {"kind": "alert", "replicas": "2", "explanation": "partial_dependence"}
VALUES |= {"flow": "labels", "format": "csv", "check_kind": "row_count"}
VALUES |= {"object_kind": "run", "after_minutes": "30", "target": "container"}
NEEDED = {
    "deployments features set": ["--service", "drivers"],
    "features historical": ["--time", "at", "--service", "drivers"],
    "features online": ["--key", "driver_id=1", "--service", "drivers"],
    "models override": ["--until", "2027-01-01", "--reason", "why"],
    "evidence-pack": ["--model", "nope"],
    "deployments add-external": ["--model", "absent", "--version", "1"],
    "deployments log erase": ["--id", "a", "--reason", "why"],
    "deployments predict": ["--record", '{"a": 1}'],
    "models decide": ["--reject", "--reason", "no"],
    "pipelines backtest": ["--policies", '{"a": {}}'],
    "pipelines retrain": ["--reason", "drift"],
    "pipelines run-step": ["--key", "a"],
    "alerts rules add": [
        *("--signal", "feature_drift", "--check", "psi", "--condition", "above"),
        *("--threshold", "1"),
    ],
    "alerts rules change": ["--threshold", "1"],
    "datasets edit": ["--note", "new"],
    "monitors change": ["--min-rows", "3"],
    "events add": ["--deployment", "nope", "--set", "brokers=a:1", "--set", "topic=t"],
    "events preview": ["--deployment", "nope", "--set", "brokers=a:1", "--set", "topic=t"],
    "monitors checks add": ["--warn", "1", "--fail", "2"],
    "monitors checks try": ["--warn", "1", "--fail", "2"],
    "monitors page": ["--output", "page.html"],
    "monitors period-page": [
        *("--from", "2026-01-01", "--to", "2026-02-01", "--output", "page.html"),
    ],
    "runs tag": ["--set", "a=b"],
}


def named() -> list[str]:
    return [n for n, leaf in LEAVES.items() if leaf.arguments and n not in NAMES_NOTHING]


@pytest.mark.parametrize("name", named())
def test_an_unknown_object_ends_with_4(
    call: Call, workspace: Workspace, tmp_path: Path, name: str
) -> None:
    leaf = LEAVES[name]
    file = tmp_path / "rows.csv"
    file.write_text("id,label\na,1\n")
    arguments = [*leaf.path]
    for argument in leaf.arguments:
        if isinstance(argument.type, click.Path):
            arguments.append(str(file))
        elif argument.name in ("metrics", "params"):
            arguments.append("loss=1")
        else:
            arguments.append(VALUES.get(argument.name or "", "nope"))
            arguments += ["nothing"] if argument.nargs == -1 else []
    result = call(*arguments, *NEEDED.get(name, ()), "--json")
    assert (result.code, result.out) == (4, ""), result.err
    assert result.err.startswith("pilothouse: ")


@pytest.mark.parametrize("path", [["deployments", "switch_version"], ["deployments", "roll-back"]])
def test_a_name_of_the_python_api_is_understood(
    call: Call, workspace: Workspace, path: list[str]
) -> None:
    arguments = ["1"] if "switch" in path[1] else []
    assert call(*path, "nope", *arguments).code == 4


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_a_shell_gets_a_completion_script(shell: str) -> None:
    command = [sys.executable, "-m", "pilothouse.cli", "completion", shell]
    ended = subprocess.run(command, capture_output=True, text=True, check=True)
    assert "_PILOTHOUSE_COMPLETE" in ended.stdout
    assert ended.stderr == ""


def test_a_shell_completes_commands_and_options() -> None:
    from click.shell_completion import ShellComplete

    complete = ShellComplete(root, {}, "pilothouse", "_PILOTHOUSE_COMPLETE")
    assert [item.value for item in complete.get_completions([], "dep")] == ["deployments"]
    names = [item.value for item in complete.get_completions(["deployments"], "s")]
    assert names == [
        "scale",
        "serving",
        "show",
        "signature",
        "sleep",
        "stage",
        "stop",
        "switch-version",
    ]
    options = [item.value for item in complete.get_completions(["runs", "list"], "--f")]
    assert options == ["--filter"]


def test_the_list_of_commands_is_shown_without_importing_them() -> None:
    program = (
        "import sys; from pilothouse.cli.root import root\n"
        "root(['--help'], standalone_mode=False)\n"
        "print([n for n in sys.modules if n in ('pandas', 'sqlmodel', 'pilothouse.workspace')])"
    )
    ended = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert ended.stdout.endswith("[]\n")
    assert all(name in ended.stdout for name in COMMANDS)


def test_who_did_it_and_why_is_in_the_activity_log(call: Call, workspace: Workspace) -> None:
    run = workspace.experiments.start("flights")
    workspace.experiments.finish(run)
    result = call("runs", "archive", run, "--actor", "grace", "--reason", "a typo", "--json")
    assert json.loads(result.out) == {"archived": 1}
    entries = json.loads(call("activity", "list", "--by", "grace", "--json").out)
    assert [(entry["verb"], entry["reason"]) for entry in entries] == [("archived", "a typo")]
    assert json.loads(call("activity", "verify", "--json").out)["intact"] is True
