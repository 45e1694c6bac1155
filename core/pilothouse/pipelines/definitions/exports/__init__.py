"""Exports of pipelines to other programs, one module each: text that the program reads.

Each step becomes a task that calls `pilothouse pipelines run-step`, so that the other program leads
and Pilothouse does the work: the tasks need its command line, its workspace, and a running worker.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from pilothouse.kit.parameters import Parameter
from pilothouse.kit.plugins import Plugins
from pilothouse.pipelines.definitions.definition import PipelineParameter
from pilothouse.pipelines.definitions.definition_info import PipelineInfo

PARAMETERS = "PIPELINE_PARAMETERS"  # the variable with a run's parameters as JSON
KEY = "PIPELINE_RUN"  # the variable with the other program's name of the run


class Exporter(Protocol):
    """A program that pipelines are exported to."""

    @property
    def title(self) -> str:
        """Its name: "Airflow"."""
        ...

    @property
    def description(self) -> str:
        """What is written and what it needs, in a sentence or two."""
        ...

    @property
    def parameters(self) -> tuple[Parameter, ...]:
        """What may be chosen, such as the image that tasks run in; each has a default."""
        ...

    def filename(self, pipeline: PipelineInfo) -> str:
        """What the file is called, with its ending."""
        ...

    def write(self, pipeline: PipelineInfo, options: Mapping[str, Any]) -> str:
        """The text of the file: a task a step, an edge an edge; the same for the same values."""
        ...


# Names of types in Python; a parameter of any other type is a text there.
PYTHON_TYPES: Mapping[str, str] = {"integer": "int", "number": "float", "boolean": "bool"}

exports: Plugins[Exporter] = Plugins(__name__, "export")


def command_of(pipeline: PipelineInfo, step: str) -> str:
    """The shell command of a step's task, with the run and its parameters in variables.

    Names of pipelines and steps have no characters that a shell reads.
    """
    return (
        f"pilothouse pipelines run-step {pipeline.name} {step} --version {pipeline.version} "
        f'--key "${KEY}" --params-json "${PARAMETERS}"'
    )


def defaults_last(parameters: Sequence[PipelineParameter]) -> list[PipelineParameter]:
    """Parameters in the order in which a Python function may take them."""
    return sorted(parameters, key=lambda parameter: parameter.default is not None)


def python_signature(parameters: Sequence[PipelineParameter]) -> list[str]:
    """Parameters as a Python function takes them, with types and defaults."""
    taken = []
    for parameter in defaults_last(parameters):
        kind, default = parameter.type, parameter.default
        text = f"{parameter.name}: {PYTHON_TYPES.get(kind, 'str')}"
        if default is not None:
            if kind == "number":
                default = float(default)
            text += f" = {default if kind in PYTHON_TYPES else str(default)!r}"
        taken.append(text)
    return taken


def identifiers(pipeline: PipelineInfo) -> dict[str, str]:
    """A name for each step that is an identifier of Python, different for different steps."""
    result: dict[str, str] = {}
    for step in pipeline.definition.steps:
        name = f"step_{step.name.replace('-', '_')}"
        while name in result.values():
            name += "_"
        result[step.name] = name
    return result
