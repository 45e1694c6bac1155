"""Kinds that people will want more of.

A sub-package such as `registry/gates/` holds one module per kind. Its `__init__` makes a
`Plugins`; each module registers itself. Strangers use the entry-point group of the same name.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable
from importlib.metadata import entry_points
from typing import Generic, TypeVar

from pilothouse.kit.errors import Conflict, NotFound

T = TypeVar("T")


class Plugins(Generic[T]):
    """The kinds found in one package and in the entry-point group of its name."""

    def __init__(self, package: str, noun: str) -> None:
        self.package = package
        self.noun = noun
        self._found: dict[str, T] = {}
        self._loaded = False

    def register(self, name: str) -> Callable[[T], T]:
        """Make a kind known under `name`; a second one with the name is a Conflict."""

        def keep(kind: T) -> T:
            if self._found.get(name, kind) is not kind and not self._reloaded(name, kind):
                raise Conflict(f"a {self.noun} named {name!r} is registered already")
            self._found[name] = kind
            return kind

        return keep

    def _reloaded(self, name: str, kind: T) -> bool:
        return getattr(self._found[name], "__module__", 0) == getattr(kind, "__module__", 1)

    def _load(self) -> None:
        if self._loaded:
            return
        self._loaded = True
        package = importlib.import_module(self.package)
        for module in pkgutil.iter_modules(package.__path__):
            importlib.import_module(f"{self.package}.{module.name}")
        for point in entry_points(group=self.package):
            self._found.setdefault(point.name, point.load())

    def get(self, name: str) -> T:
        """The kind of that name; NotFound lists the known ones."""
        self._load()
        if name not in self._found:
            raise NotFound(
                f"no {self.noun} named {name!r}", hint=f"Known: {', '.join(self.names())}."
            )
        return self._found[name]

    def names(self) -> list[str]:
        """Every known name, sorted."""
        self._load()
        return sorted(self._found)

    def items(self) -> list[tuple[str, T]]:
        """Every kind with its name, sorted by name."""
        return [(name, self._found[name]) for name in self.names()]
