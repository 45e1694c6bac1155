"""A workflow of GitHub Actions: a job a step."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from pilothouse.kit.parameters import Parameter
from pilothouse.pipelines.definitions.definition import PipelineParameter
from pilothouse.pipelines.definitions.definition_info import PipelineInfo
from pilothouse.pipelines.definitions.exports import KEY, PARAMETERS, command_of, exports

TYPES = {"integer": "number", "number": "number", "boolean": "boolean", "choice": "choice"}


@exports.register("github_actions")
class GitHubActionsExport:
    """A file for .github/workflows."""

    title = "GitHub Actions"
    description = "A workflow with a job for each step, for runners that reach the workspace."
    parameters = (
        Parameter("runner", "text", "self-hosted", help="The label of the runners."),
        Parameter("schedule", "text", "", help="A cron expression; empty: by hand only."),
    )

    @staticmethod
    def filename(pipeline: PipelineInfo) -> str:
        """A YAML file."""
        return f"{pipeline.name}.yml"

    @staticmethod
    def write(pipeline: PipelineInfo, options: Mapping[str, Any]) -> str:
        """The workflow, started by hand with its parameters, or by a clock."""
        import yaml

        definition = pipeline.definition
        trigger: dict[str, Any] = {"workflow_dispatch": {}}
        if definition.parameters:
            trigger["workflow_dispatch"] = {
                "inputs": {parameter.name: _input(parameter) for parameter in definition.parameters}
            }
        if options["schedule"]:
            trigger["schedule"] = [{"cron": options["schedule"]}]
        jobs: dict[str, Any] = {}
        for step in definition.steps:
            job: dict[str, Any] = {"name": step.name, "runs-on": options["runner"]}
            if step.upstream:
                job["needs"] = list(step.upstream)
            run = {"name": f"Run {step.name}", "run": command_of(pipeline, step.name)}
            jobs[step.name] = {**job, "steps": [run]}
        workflow = {
            "name": pipeline.name,
            "on": trigger,
            "env": {
                "PILOTHOUSE_WORKSPACE": "${{ vars.PILOTHOUSE_WORKSPACE }}",
                # A run that is started again has the same name, so that it finds what was done.
                KEY: "github-${{ github.run_id }}",
                PARAMETERS: _parameters(definition.parameters),
            },
            "jobs": jobs,
        }
        head = (
            f"# {pipeline.ref} of Pilothouse, written by `pilothouse`. Its runners need that\n"
            "# command, the workspace that the variable PILOTHOUSE_WORKSPACE of the repository\n"
            "# names, and a running `pilothouse worker` on it.\n"
        )
        return head + yaml.safe_dump(workflow, sort_keys=False, width=100, allow_unicode=True)


def _input(parameter: PipelineParameter) -> dict[str, Any]:
    result: dict[str, Any] = {"type": TYPES.get(parameter.type, "string")}
    if parameter.help:
        result["description"] = parameter.help
    if parameter.choices:
        result["options"] = [str(choice) for choice in parameter.choices]
    if parameter.default is None:
        return result | {"required": True}
    default = (
        str(parameter.default) if result["type"] in ("string", "choice") else parameter.default
    )
    return result | {"default": default}


def _parameters(parameters: tuple[PipelineParameter, ...]) -> str:
    """The inputs as JSON; a run by the clock has none, and takes the defaults."""
    if not parameters:
        return json.dumps({})
    return "${{ toJSON(inputs) != 'null' && toJSON(inputs) || '{}' }}"
