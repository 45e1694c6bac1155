"""Expressions in a pipeline's inputs: ${{ parameters.NAME }} and ${{ steps.NAME.OUTPUT }}.

The syntax is that of GitHub Actions, without functions and operators. A text that is one expression
stands for the value itself, of whatever type; inside of a longer text it is put in as text.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from pilothouse.kit.errors import Invalid

PLACEHOLDER = re.compile(r"\$\{\{(.*?)\}\}", re.DOTALL)
PARAMETER = re.compile(r"parameters\.([A-Za-z_]\w*)")
STEP_OUTPUT = re.compile(r"steps\.([A-Za-z][\w-]*)\.([A-Za-z_]\w*)")
FORMS = "Write ${{ parameters.NAME }} or ${{ steps.NAME.OUTPUT }}."


@dataclass(frozen=True)
class ValueReference:
    """What an expression names: a parameter, or an output of a step."""

    parameter: str = ""
    step: str = ""
    output: str = ""


def parse(expression: str) -> ValueReference:
    """The reference between the braces. Raises Invalid."""
    text = expression.strip()
    if match := PARAMETER.fullmatch(text):
        return ValueReference(parameter=match[1])
    if match := STEP_OUTPUT.fullmatch(text):
        return ValueReference(step=match[1], output=match[2])
    raise Invalid(f"${{{{ {text} }}}} is not an expression.", hint=FORMS)


def texts(
    value: Any, path: tuple[str | int, ...] = ()
) -> Iterator[tuple[tuple[str | int, ...], str]]:
    """Every text of a plain value, with where it is."""
    if isinstance(value, str):
        yield path, value
    elif isinstance(value, Mapping):
        for name, item in value.items():
            yield from texts(item, (*path, name))
    elif isinstance(value, list | tuple):
        for index, item in enumerate(value):
            yield from texts(item, (*path, index))


def references(value: Any) -> list[ValueReference]:
    """What the expressions of a plain value name. Raises Invalid for one that is none."""
    return [parse(match[1]) for _, text in texts(value) for match in PLACEHOLDER.finditer(text)]


def only_reference(value: Any) -> ValueReference | None:
    """The reference of a text that is one expression and nothing else."""
    match = PLACEHOLDER.fullmatch(value.strip()) if isinstance(value, str) else None
    return parse(match[1]) if match else None


def resolve(
    value: Any, parameters: Mapping[str, Any], outputs: Mapping[str, Mapping[str, Any]]
) -> Any:
    """The plain value with every expression replaced by what it names."""
    if isinstance(value, str):
        return _resolve_text(value, parameters, outputs)
    if isinstance(value, Mapping):
        return {name: resolve(item, parameters, outputs) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [resolve(item, parameters, outputs) for item in value]
    return value


def _resolve_text(
    value: str, parameters: Mapping[str, Any], outputs: Mapping[str, Mapping[str, Any]]
) -> Any:
    def look_up(reference: ValueReference) -> Any:
        if reference.parameter:
            return parameters[reference.parameter]
        return outputs[reference.step][reference.output]

    reference = only_reference(value)
    if reference is not None:
        return look_up(reference)
    return PLACEHOLDER.sub(lambda match: _as_text(look_up(parse(match[1]))), value)


def _as_text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)
