"""What every workflow promises, as far as it shows without running it."""

from __future__ import annotations

import inspect

from pilothouse.jobs import Workflow
from pilothouse.kit.parameters import Parameter
from pilothouse.testing.parameters import check_described


def check_workflow(name: str, workflow: Workflow) -> None:
    """Raise AssertionError, with what is wrong, unless the workflow can be submitted as a job.

    Its arguments are stored as JSON and handed over by name, and its parameters describe them.
    """
    check_described(name, workflow)
    assert not inspect.iscoroutinefunction(workflow.run), f"{name} must be a plain function"
    first, *arguments = inspect.signature(workflow.run).parameters.values()
    assert first.name == "job", f"{name} is handed the job first"

    for argument in arguments:
        what = f"the argument {argument.name} of {name}"
        named = (argument.POSITIONAL_OR_KEYWORD, argument.KEYWORD_ONLY)
        assert argument.kind in named, f"{what} must be handed over by its name"
    declared = [parameter.name for parameter in workflow.parameters]
    assert declared == [argument.name for argument in arguments], (
        f"{name} declares the parameters {declared}, and its arguments are others"
    )
    for parameter, argument in zip(workflow.parameters, arguments, strict=True):
        _check_argument(name, parameter, argument)


def _check_argument(name: str, parameter: Parameter, argument: inspect.Parameter) -> None:
    what = f"the argument {argument.name} of {name}"
    is_needed = argument.default is argument.empty
    assert parameter.required == is_needed, f"{what} is required in one place and not in the other"
    assert is_needed or argument.default == parameter.default, f"{what} has two defaults"
