"""What every check of a workspace promises, as far as it shows without running it."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable
from typing import Any


def check_check(name: str, check: Callable[..., Any]) -> None:
    """Raise AssertionError, with what is wrong, unless `pilothouse doctor` can ask the check."""
    assert re.fullmatch(r"[a-z][a-z0-9_]*", name), f"{name!r} is no name for a check"
    assert (inspect.getdoc(check) or "").strip(), f"{name} says in its docstring what it looks at"
    parameters = list(inspect.signature(check).parameters.values())
    assert len(parameters) == 1, f"{name} is handed the store and nothing else"
    assert not inspect.iscoroutinefunction(check), f"{name} must be a plain function"
