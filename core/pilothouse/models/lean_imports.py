"""Keeps what a prediction does not need out of the imports of scikit-learn.

Some of scikit-learn's modules import `scipy.stats` when they are imported, for a few functions
that most models never call, and `rich` for the progress of a fit. In a model process the first
takes a third of the CPU of its start and 15 MB. Here these modules get another `__import__`: what
they take of `scipy.stats` imports it when it is used, and `rich`, which they can do without, is
not there. Modules of other packages import as ever.
"""

from __future__ import annotations

import builtins
import importlib
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib.machinery import ModuleSpec, PathFinder, SourceFileLoader
from types import ModuleType, SimpleNamespace
from typing import Any

LIBRARY, STATISTICS, PROGRESS = "sklearn", "scipy.stats", "rich"


class _LateFunction:
    """A name of `scipy.stats`, which is imported when the name is called or asked for a part."""

    def __init__(self, name: str) -> None:
        self._name = name

    def __call__(self, *arguments: Any, **options: Any) -> Any:
        return _statistic(self._name)(*arguments, **options)

    def __getattr__(self, part: str) -> Any:
        return getattr(_statistic(self._name), part)


class _LateNames:
    """What `from scipy.stats import ...` takes its names from."""

    def __getattr__(self, name: str) -> Any:
        return _LateFunction(name)


class _LateModule:
    """What `from scipy import stats` gives: the module, imported at its first use."""

    def __getattr__(self, name: str) -> Any:
        return _statistic(name)


def _statistic(name: str) -> Any:
    return getattr(importlib.import_module(STATISTICS), name)


def _import(
    name: str,
    module: Mapping[str, Any] | None = None,
    local: Mapping[str, Any] | None = None,
    names: Sequence[str] | None = (),
    level: int = 0,
) -> Any:
    """`__import__` for a module of scikit-learn."""
    if level == 0 and STATISTICS not in sys.modules:
        if name == STATISTICS and names:
            return _LateNames()
        if name == STATISTICS:  # SciPy imports it when it is read as an attribute
            name = "scipy"
        elif name == "scipy" and names and "stats" in names:
            others = tuple(other for other in names if other != "stats")
            scipy = builtins.__import__(name, module, local, others)
            taken = {other: getattr(scipy, other) for other in others}
            return SimpleNamespace(**taken, stats=_LateModule())
    if level == 0 and name.partition(".")[0] == PROGRESS and PROGRESS not in sys.modules:
        raise ModuleNotFoundError(f"this model process does without {PROGRESS}", name=PROGRESS)
    return builtins.__import__(name, module, local, names, level)


class _LeanLoader(SourceFileLoader):
    def exec_module(self, module: ModuleType) -> None:
        module.__dict__["__builtins__"] = {**vars(builtins), "__import__": _import}
        super().exec_module(module)


class _LeanFinder:
    """Finds the modules of scikit-learn that are written in Python."""

    @staticmethod
    def find_spec(
        name: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if name.partition(".")[0] != LIBRARY:
            return None
        spec = PathFinder.find_spec(name, path, target)
        if spec is not None and type(spec.loader) is SourceFileLoader:
            spec.loader = _LeanLoader(spec.loader.name, spec.loader.path)
        return spec


@contextmanager
def of_scikit_learn() -> Iterator[None]:
    """Within this block modules of scikit-learn are imported without what they rarely need."""
    sys.meta_path.insert(0, _LeanFinder)
    try:
        yield
    finally:
        sys.meta_path.remove(_LeanFinder)
