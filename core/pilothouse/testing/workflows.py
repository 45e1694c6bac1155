"""What every workflow promises, as far as it shows without running it."""

from __future__ import annotations

import inspect
import json
import re
from collections.abc import Callable
from typing import Any


def check_workflow(name: str, workflow: Callable[..., dict[str, Any]]) -> None:
    """Raise AssertionError, with what is wrong, unless the workflow can be submitted as a job.

    Its arguments are kept as JSON and handed over by name, so each has one.
    """
    assert re.fullmatch(r"[a-z][a-z0-9_]*", name), f"{name!r} is no name for a kind of job"
    first, *others = inspect.signature(workflow).parameters.values()
    assert first.name == "job", f"{name} is handed the job first"
    for parameter in others:
        what = f"the argument {parameter.name} of {name}"
        named = (parameter.POSITIONAL_OR_KEYWORD, parameter.KEYWORD_ONLY)
        assert parameter.kind in named, f"{what} must be handed over by its name"
        if parameter.default is not parameter.empty:
            assert json.loads(json.dumps(parameter.default)) == parameter.default, f"{what}: plain"
    assert not inspect.iscoroutinefunction(workflow), f"{name} must be a plain function"
