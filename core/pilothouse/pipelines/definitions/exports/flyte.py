"""A workflow of Flyte: a Python task a step."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pilothouse.kit.parameters import Parameter
from pilothouse.pipelines.definitions.definition_info import PipelineInfo
from pilothouse.pipelines.definitions.exports import (
    PYTHON_TYPES,
    defaults_last,
    exports,
    identifiers,
    python_signature,
)


@exports.register("flyte")
class FlyteExport:
    """A file for flytekit."""

    title = "Flyte"
    description = "A Python file of flytekit; each step is a task that calls the command line."
    parameters = (
        Parameter("image", "text", "pilothouse:latest", help="The image that tasks run in."),
    )

    @staticmethod
    def filename(pipeline: PipelineInfo) -> str:
        """A Python file."""
        return f"{pipeline.name.replace('-', '_').replace('.', '_')}_flyte.py"

    @staticmethod
    def write(pipeline: PipelineInfo, options: Mapping[str, Any]) -> str:
        """The tasks and the workflow."""
        names, definition = identifiers(pipeline), pipeline.definition
        parameters = defaults_last(definition.parameters)
        lines = [
            f'"""{pipeline.ref} of Pilothouse as a workflow of Flyte, written by `pilothouse`.',
            "",
            "Each task runs `pilothouse pipelines run-step`: the image needs that command, the",
            "variable PILOTHOUSE_WORKSPACE, and a running `pilothouse worker` on the workspace.",
            '"""',
            "",
            "import json",
            "import subprocess",
            "",
            "from flytekit import current_context, task, workflow",
            "",
            f"IMAGE = {options['image']!r}",
            "",
            "",
            "def run_step(step: str, parameters: str) -> None:",
            '    """Run a step to its end; the steps of one execution share their outputs."""',
            "    key = current_context().execution_id.name",
            f"    command = ['pilothouse', 'pipelines', 'run-step', {pipeline.name!r}, step]",
            f"    command += ['--version', '{pipeline.version}', '--key', key]",
            "    subprocess.run([*command, '--params-json', parameters], check=True)",
            "",
            "",
            "@task(container_image=IMAGE)",
            f"def parameters_as_json({', '.join(_typed(p) for p in parameters)}) -> str:",
            '    """The parameters as every step is given them."""',
            f"    return json.dumps({{{', '.join(f'{p.name!r}: {p.name}' for p in parameters)}}})",
            "",
        ]
        for step in definition.steps:
            lines += [
                "",
                "@task(container_image=IMAGE)",
                f"def {names[step.name]}(parameters: str) -> None:",
                f"    run_step({step.name!r}, parameters)",
                "",
            ]
        takes = python_signature(parameters)
        passed = ", ".join(f"{p.name}={p.name}" for p in parameters)
        lines += [
            "",
            "@workflow",
            f"def pipeline({', '.join(takes)}) -> None:",
            f"    parameters = parameters_as_json({passed})",
        ]
        for step in definition.steps:
            lines.append(f"    {names[step.name]}_node = {names[step.name]}(parameters=parameters)")
        lines += [f"    {names[a]}_node >> {names[b]}_node" for a, b in definition.edges]
        return "\n".join(lines) + "\n"


def _typed(parameter: Any) -> str:
    return f"{parameter.name}: {PYTHON_TYPES.get(parameter.type, 'str')}"
