"""What every kind of step promises, as far as it shows without doing one."""

from __future__ import annotations

import inspect
from typing import get_args

from pilothouse.pipelines.step_kinds import OutputType, StepKind
from pilothouse.testing.parameters import check_described

EXPRESSION = "${{ steps.earlier.output }}"


def check_step_kind(name: str, kind: StepKind) -> None:
    """Raise AssertionError, with what is wrong, unless a pipeline can use the kind.

    Its inputs are described, handed over by name, and may be expressions.
    """
    check_described(name, kind)
    first, *arguments = inspect.signature(kind.run).parameters.values()
    assert first.name == "step", f"{name} is handed the step first"
    takes_all = any(argument.kind is argument.VAR_KEYWORD for argument in arguments)
    declared = [parameter.name for parameter in kind.parameters]
    names = [argument.name for argument in arguments]
    assert takes_all or names == declared, f"{name} declares {declared} and takes {names}"
    for argument in arguments:
        if argument.kind is argument.VAR_KEYWORD:
            continue
        parameter = next(p for p in kind.parameters if p.name == argument.name)
        is_needed = argument.default is argument.empty
        what = f"the input {argument.name} of {name}"
        assert is_needed == parameter.required, f"{what} is required in one place only"
        assert is_needed or argument.default == parameter.default, f"{what} has two defaults"
    _check_outputs(name, kind)
    kind.check({p.name: EXPRESSION for p in kind.parameters if p.type in ("text", "choice")
                and p.name != "command"} | _literal(kind))  # fmt: skip


def _literal(kind: StepKind) -> dict[str, str]:
    """A command is the one input that holds no expressions."""
    return {p.name: "true" for p in kind.parameters if p.name == "command"}


def _check_outputs(name: str, kind: StepKind) -> None:
    names = [output.name for output in kind.outputs]
    assert len(set(names)) == len(names), f"{name} declares an output twice"
    for output in kind.outputs:
        what = f"the output {output.name} of {name}"
        assert output.name.isidentifier(), f"{what} cannot be named in an expression"
        assert output.type in get_args(OutputType), f"{what} has the unknown type {output.type!r}"
        assert output.help.endswith("."), f"{what} needs a sentence of help"
