"""A pipeline of Kubeflow Pipelines: a container component a step."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pilothouse.kit.parameters import Parameter
from pilothouse.pipelines.definitions.definition import PipelineParameter
from pilothouse.pipelines.definitions.definition_info import PipelineInfo
from pilothouse.pipelines.definitions.exports import (
    PYTHON_TYPES,
    defaults_last,
    exports,
    identifiers,
)


@exports.register("kubeflow")
class KubeflowExport:
    """A file for the compiler of the KFP SDK, version 2."""

    title = "Kubeflow Pipelines"
    description = "A Python file of the KFP SDK; each step is a container with Pilothouse in it."
    parameters = (
        Parameter("image", "text", "pilothouse:latest", help="The image that steps run in."),
        Parameter("workspace", "text", "/workspace", help="The workspace, as the image sees it."),
    )

    @staticmethod
    def filename(pipeline: PipelineInfo) -> str:
        """A Python file."""
        return f"{pipeline.name}_kfp.py"

    @staticmethod
    def write(pipeline: PipelineInfo, options: Mapping[str, Any]) -> str:
        """The components, the pipeline, and its compilation when the file is run."""
        names, definition = identifiers(pipeline), pipeline.definition
        takes = [f"{p.name}: {PYTHON_TYPES.get(p.type, 'str')}" for p in definition.parameters]
        passed = ", ".join(f"{p.name}={p.name}" for p in definition.parameters)
        lines = [
            f'"""{pipeline.ref} of Pilothouse for Kubeflow Pipelines, written by `pilothouse`.',
            "",
            "Each step runs `pilothouse pipelines run-step` in the image, which needs the command,",
            "the workspace, and a running `pilothouse worker` on it. Run this file to compile it.",
            '"""',
            "",
            "from kfp import compiler, dsl",
            "",
            f"IMAGE = {options['image']!r}",
            f"WORKSPACE = {options['workspace']!r}",
            "",
        ]
        for step in definition.steps:
            lines += [
                "",
                "@dsl.container_component",
                f"def {names[step.name]}({', '.join(['run: str', *takes])}):",
                "    return dsl.ContainerSpec(",
                "        image=IMAGE,",
                '        command=["pilothouse"],',
                f"        args={_arguments(pipeline, step.name)},",
                "    )",
                "",
            ]
        defaults = [_default(p) for p in defaults_last(definition.parameters)]
        lines += [
            "",
            f"@dsl.pipeline(name={_kfp_name(pipeline.name)!r}, "
            f"description={definition.description!r})",
            f"def pipeline({', '.join(defaults)}):",
            "    run = dsl.PIPELINE_JOB_ID_PLACEHOLDER",
        ]
        for step in definition.steps:
            name = names[step.name]
            call = f"{name}({', '.join(part for part in ('run=run', passed) if part)})"
            after = ", ".join(f"{names[before]}_task" for before in step.upstream)
            lines.append(f"    {name}_task = {call}{f'.after({after})' if after else ''}")
            lines.append(f"    {name}_task.set_display_name({step.name!r})")
            lines.append(f"    {name}_task.set_caching_options(False)")
        lines += [
            "",
            "",
            'if __name__ == "__main__":',
            f'    compiler.Compiler().compile(pipeline, "{pipeline.name}.yaml")',
        ]
        return "\n".join(lines) + "\n"


def _arguments(pipeline: PipelineInfo, step: str) -> str:
    """The arguments of the command, each a literal or a placeholder of an input."""
    fixed = ["pipelines", "run-step", pipeline.name, step, "--version", str(pipeline.version)]
    parts = [*map(repr, fixed), "'--workspace'", "WORKSPACE", "'--key'", "run"]
    for parameter in pipeline.definition.parameters:
        parts += ["'--param'", f'f"{parameter.name}={{{parameter.name}}}"']
    return f"[{', '.join(parts)}]"


def _default(parameter: PipelineParameter) -> str:
    kind = PYTHON_TYPES.get(parameter.type, "str")
    if parameter.default is None:
        return f"{parameter.name}: {kind}"
    value = str(parameter.default) if kind == "str" else parameter.default
    return f"{parameter.name}: {kind} = {value!r}"


def _kfp_name(name: str) -> str:
    """Names there are small letters, digits and dashes."""
    return name.lower().replace("_", "-").replace(".", "-")
