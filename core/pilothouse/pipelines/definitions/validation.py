"""From plain values to a definition: every fault of a file is named with its line, step and field.

All faults are reported at once, so that a file is repaired in one go.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import Any

from pilothouse.kit.errors import Invalid, PilothouseError
from pilothouse.kit.names import NameRule
from pilothouse.kit.parameters import IN_WORDS, Parameter
from pilothouse.kit.yaml_file import Document, Path
from pilothouse.pipelines.definitions.definition import (
    TODAY,
    TYPES,
    Definition,
    PipelineParameter,
    PipelineStep,
    ordered,
)
from pilothouse.pipelines.input_expressions import (
    PLACEHOLDER,
    ValueReference,
    only_reference,
    parse,
    texts,
)
from pilothouse.pipelines.step_kinds import ANY, OutputType, StepKind, outputs_of, step_kinds

PIPELINE = NameRule("a pipeline")
STEP_NAME = re.compile(r"[a-z][a-z0-9_-]{0,39}")
PARAMETER_NAME = re.compile(r"[a-z][a-z0-9_]{0,39}")
MAX_STEPS = 100
MAX_PARAMETERS = 50
FIELDS = ("name", "description", "parameters", "steps")
STEP_FIELDS = ("name", "uses", "with", "needs")
PARAMETER_FIELDS = ("type", "default", "choices", "help")
MAX_REPORTED = 20


def definition_of(document: Document) -> Definition:
    """The definition that a file describes. Raises Invalid with every fault of it."""
    reader = _Reader(document)
    definition = reader.read()
    if reader.faults or definition is None:
        raise _invalid(reader.faults)
    return definition


def _invalid(faults: Mapping[str, str]) -> Invalid:
    lines = [f"{message} ({field})" for field, message in faults.items()]
    rest = len(lines) - MAX_REPORTED
    reported = lines[:MAX_REPORTED] + ([f"and {rest} more"] if rest > 0 else [])
    count = "one fault" if len(lines) == 1 else f"{len(lines)} faults"
    return Invalid(f"the pipeline has {count}: {'; '.join(reported)}.", fields=dict(faults))


class _Reader:
    """Reads one document; `faults` are messages by the field that they are about."""

    def __init__(self, document: Document) -> None:
        self.faults: dict[str, str] = {}
        self._document = document
        self._parameters: dict[str, PipelineParameter] = {}
        self._steps: dict[str, PipelineStep] = {}
        self._paths: dict[str, Path] = {}

    def read(self) -> Definition | None:
        top = self._document.value
        if not isinstance(top, Mapping):
            self._fault((), "a pipeline has a name and steps")
            return None
        self._unknown((), top, FIELDS)
        name = top.get("name")
        if not isinstance(name, str):
            self._fault(("name",), "the pipeline needs a name, which is a text")
        elif problem := PIPELINE.problem(name):
            self._fault(("name",), f"a pipeline cannot be called {name!r}: it {problem}")
        description = top.get("description", "")
        if not isinstance(description, str):
            self._fault(("description",), "must be a text")
        self._read_parameters(top.get("parameters"))
        self._read_steps(top.get("steps"))
        if self.faults:
            return None
        self._check_edges()
        if self.faults:
            return None
        steps, cycle = ordered(list(self._steps.values()))
        if cycle:
            self._fault(
                (*self._paths[cycle[0]], "needs"), f"steps need one another: {' -> '.join(cycle)}"
            )
            return None
        self._check_inputs()
        return Definition(str(name), tuple(steps), tuple(self._parameters.values()), description)

    def _fault(self, path: Path, message: str) -> None:
        line = self._document.line(path)
        field = _field(path) or "pipeline"
        where = f"line {line}" if line else ""
        step = self._step_at(path)
        about = ", ".join(part for part in (where, f"step {step}" if step else "") if part)
        self.faults.setdefault(field, f"{about}: {message}" if about else message)

    def _step_at(self, path: Path) -> str:
        if len(path) < 2 or path[0] != "steps":
            return ""
        try:
            name = self._document.value["steps"][path[1]]["name"]
        except (KeyError, IndexError, TypeError):
            return ""
        return name if isinstance(name, str) else ""

    def _unknown(self, path: Path, value: Mapping[str, Any], fields: tuple[str, ...]) -> None:
        for name in value:
            if name not in fields:
                self._fault((*path, name), f"unknown field; there are {', '.join(fields)}")

    def _read_parameters(self, value: Any) -> None:
        if value is None:
            return
        if not isinstance(value, Mapping):
            self._fault(("parameters",), "parameters are names with a type and a default")
            return
        if len(value) > MAX_PARAMETERS:
            self._fault(("parameters",), f"there are more than {MAX_PARAMETERS} parameters")
            return
        for name, item in value.items():
            path: Path = ("parameters", name)
            if not PARAMETER_NAME.fullmatch(name):
                self._fault(path, "a name has small letters, digits and underscores")
                continue
            described = item if isinstance(item, Mapping) else {"default": item}
            self._read_parameter(name, path, described)

    def _read_parameter(self, name: str, path: Path, value: Mapping[str, Any]) -> None:
        self._unknown(path, value, PARAMETER_FIELDS)
        choices, default = value.get("choices", []), value.get("default")
        kind = value.get("type", "choice" if choices else _type_of(default))
        if kind not in TYPES:
            self._fault((*path, "type"), f"unknown type {kind!r}; there are {', '.join(TYPES)}")
            return
        if not isinstance(choices, list) or any(
            not isinstance(choice, str | int | float) for choice in choices
        ):
            self._fault((*path, "choices"), "choices are a list of texts or numbers")
            return
        if (kind == "choice") != bool(choices):
            self._fault((*path, "choices"), "choices belong to the type choice, which needs them")
            return
        help_text = value.get("help", "")
        if not isinstance(help_text, str):
            self._fault((*path, "help"), "must be a text")
            return
        parameter = PipelineParameter(name, kind, default, tuple(choices), help_text)
        if default is not None and not (kind == "date" and default == TODAY):
            try:
                parameter.read(default)
            except Invalid as refused:
                self._fault((*path, "default"), refused.message.rstrip("."))
                return
        self._parameters[name] = parameter

    def _read_steps(self, value: Any) -> None:
        if not isinstance(value, list) or not value:
            self._fault(("steps",), "a pipeline needs a list of steps")
            return
        if len(value) > MAX_STEPS:
            self._fault(("steps",), f"there are more than {MAX_STEPS} steps")
            return
        for index, item in enumerate(value):
            self._read_step(("steps", index), item)

    def _read_step(self, path: Path, value: Any) -> None:
        if not isinstance(value, Mapping):
            self._fault(path, "a step has a name, and says what it uses")
            return
        self._unknown(path, value, STEP_FIELDS)
        name, uses = value.get("name"), value.get("uses")
        if not isinstance(name, str) or not STEP_NAME.fullmatch(name):
            self._fault((*path, "name"), "needs small letters, digits, dashes and underscores")
            return
        if name in self._steps:
            self._fault((*path, "name"), f"another step is called {name!r}")
            return
        if uses not in step_kinds.names():
            kinds = ", ".join(step_kinds.names())
            self._fault((*path, "uses"), f"unknown kind of step {uses!r}; there are {kinds}")
            return
        inputs, needs = value.get("with") or {}, value.get("needs") or []
        needs = [needs] if isinstance(needs, str) else needs
        if not isinstance(inputs, Mapping):
            self._fault((*path, "with"), "inputs are names with values")
            return
        if not isinstance(needs, list) or not all(isinstance(item, str) for item in needs):
            self._fault((*path, "needs"), "must be a list of steps")
            return
        if self._check_expressions(path, inputs):
            self._steps[name] = PipelineStep(name, uses, dict(inputs), tuple(needs))
            self._paths[name] = path

    def _check_expressions(self, path: Path, inputs: Mapping[str, Any]) -> bool:
        good = True
        for where, text in texts(inputs, (*path, "with")):
            for match in PLACEHOLDER.finditer(text):
                try:
                    parse(match[1])
                except Invalid as refused:
                    self._fault(where, f"{refused.message.rstrip('.')}. {refused.hint.rstrip('.')}")
                    good = False
        return good

    def _check_edges(self) -> None:
        for name, step in self._steps.items():
            path = self._paths[name]
            for before in step.needs:
                if before not in self._steps:
                    self._fault((*path, "needs"), f"needs {before!r}, and there is no such step")
            for where, text in texts(step.inputs, (*path, "with")):
                for match in PLACEHOLDER.finditer(text):
                    self._check_reference(where, parse(match[1]))

    def _check_reference(self, where: Path, reference: ValueReference) -> None:
        if reference.parameter:
            if reference.parameter not in self._parameters:
                self._fault(where, f"there is no parameter {reference.parameter!r}")
            return
        step = self._steps.get(reference.step)
        if step is None:
            self._fault(where, f"takes an output of {reference.step!r}, and there is no such step")
            return
        names = [output.name for output in outputs_of(step.uses, step.inputs)]
        if reference.output not in names:
            self._fault(
                where,
                f"{step.name} ({step.uses}) has no output {reference.output!r}; "
                f"it has {', '.join(names) or 'none'}",
            )

    def _check_inputs(self) -> None:
        for name, step in self._steps.items():
            kind, path = step_kinds.get(step.uses), (*self._paths[name], "with")
            by_name = {parameter.name: parameter for parameter in kind.parameters}
            for name_of_input, value in step.inputs.items():
                if name_of_input not in by_name:
                    names = ", ".join(by_name) or "none"
                    message = f"{step.uses} has no input {name_of_input!r}; it has {names}"
                    self._fault((*path, name_of_input), message)
                    continue
                self._check_value((*path, name_of_input), by_name[name_of_input], value)
            for parameter in kind.parameters:
                if parameter.required and parameter.name not in step.inputs:
                    self._fault(path, f"{step.uses} needs the input {parameter.name!r}")
            if not any(field.startswith(_field(path)) for field in self.faults):
                self._check_kind(path, kind, step.inputs)

    def _check_value(self, path: Path, parameter: Parameter, value: Any) -> None:
        reference = only_reference(value)
        if reference is not None:
            got = self._type(reference)
            if not _fits(got, parameter.type):
                message = f"{parameter.name} must be {IN_WORDS[parameter.type]}, and this is {got}"
                self._fault(path, message)
            return
        try:
            read = parameter.read(value)
        except Invalid as refused:
            self._fault(path, refused.message.rstrip("."))
            return
        if isinstance(read, float) and not math.isfinite(read):
            self._fault(path, f"{parameter.name} must be finite")

    def _type(self, reference: ValueReference) -> OutputType:
        if reference.parameter:
            kind = self._parameters[reference.parameter].type
            return "text" if kind == "date" else kind
        step = self._steps[reference.step]
        outputs = {output.name: output.type for output in outputs_of(step.uses, step.inputs)}
        return outputs[reference.output]

    def _check_kind(self, path: Path, kind: StepKind, inputs: Mapping[str, Any]) -> None:
        try:
            kind.check(inputs)
        except PilothouseError as refused:
            self._fault(path, str(refused).rstrip("."))


def _type_of(default: Any) -> str:
    """The type that a default stands for, where none is written."""
    if isinstance(default, bool):
        return "boolean"
    if isinstance(default, int):
        return "integer"
    return "number" if isinstance(default, float) else "text"


def _fits(got: OutputType, expected: str) -> bool:
    wider = (("text", "choice"), ("choice", "text"), ("integer", "number"))
    return got in (ANY, expected) or (got, expected) in wider


def _field(path: Path) -> str:
    """The path as people write it: steps[2].with.dataset."""
    text = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in path)
    return text.removeprefix(".")
