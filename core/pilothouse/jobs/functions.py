"""Job functions: what a child process runs, handed over as the function itself.

A function crosses to the child as `package.module:function`, derived from the function and checked
before the step begins. Nothing of it is stored: a job that is resumed runs its workflow again, and
the workflow hands over the functions of the program that is installed now.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import Any, Concatenate, ParamSpec, TypeVar

from pilothouse.jobs.progress import Progress
from pilothouse.kit.errors import Invalid, NotFound
from pilothouse.storage import Store

P = ParamSpec("P")
R = TypeVar("R")
JobFunction = Callable[Concatenate[Store, Progress, P], R]


def reference_of(function: JobFunction[..., Any]) -> str:
    """`package.module:function`, by which a child process finds the function.

    Raises Invalid for one that a child cannot import: of a script, or made inside a function.
    """
    module, name = function.__module__, function.__qualname__
    reference = f"{module}:{name}"
    if module == "__main__" or "." in name or resolve_function(reference) is not function:
        raise Invalid(
            f"{reference} cannot run in a child process.",
            hint="Define it with `def` at the top of a module that can be imported.",
        )
    return reference


def resolve_function(reference: str) -> Callable[..., Any]:
    """The function that `package.module:function` names. Raises NotFound."""
    module, _, name = reference.partition(":")
    try:
        function: Callable[..., Any] = getattr(importlib.import_module(module), name)
    except (ImportError, AttributeError) as missing:
        raise NotFound(
            f"there is no job function {reference}: {missing}.",
            hint="The worker and its child processes must run the same version of Pilothouse.",
        ) from missing
    return function
