"""Kinds that people will want more of.

A sub-package such as `registry/gates/` holds one module per kind. Its `__init__` makes a
`Plugins`; each module registers itself. Strangers use the entry-point group of the same name.
"""

from __future__ import annotations

import importlib
import pkgutil
import threading
from collections.abc import Callable
from importlib.metadata import entry_points
from types import ModuleType
from typing import Generic, TypeVar

from pilothouse.kit.errors import Conflict, NotFound

T = TypeVar("T")


class Plugins(Generic[T]):
    """The kinds found in one package and in the entry-point group of its name."""

    def __init__(self, package: str, noun: str) -> None:
        self.package = package
        self.noun = noun
        self._registered: dict[str, T] = {}
        self._loaded = False
        self._loading = threading.RLock()

    def register(self, name: str) -> Callable[[T], T]:
        """Make a kind known under `name`; a second one with the name is a Conflict."""

        def keep(kind: T) -> T:
            existing = self._registered.get(name, kind)
            if existing is not kind and _address(existing) != _address(kind):
                raise Conflict(f"a {self.noun} named {name!r} is registered already")
            self._registered[name] = kind
            return kind

        return keep

    def _load(self) -> None:
        """Import every kind once; other threads wait, and a failed import is tried again."""
        with self._loading:
            if self._loaded:
                return
            self._loaded = True  # already now: a kind may ask for its siblings while it loads
            try:
                self._import_all()
            except BaseException:
                self._loaded = False
                raise

    def _import_all(self) -> None:
        package = importlib.import_module(self.package)
        for module in pkgutil.iter_modules(package.__path__):
            self._imported(module.name, importlib.import_module(f"{self.package}.{module.name}"))
        for point in entry_points(group=self.package):
            self.register(point.name)(point.load())

    def _imported(self, name: str, module: ModuleType) -> None:
        """A module of the package was imported: it has registered its kinds itself."""

    def get(self, name: str) -> T:
        """The kind of that name; NotFound lists the known ones.

        While another thread loads the kinds, this one waits: what is registered already may need
        modules that are only half made.
        """
        self._load()
        if name not in self._registered:
            raise NotFound(
                f"no {self.noun} named {name!r}", hint=f"Known: {', '.join(self.names())}."
            )
        return self._registered[name]

    def names(self) -> list[str]:
        """Every known name, sorted."""
        self._load()
        return sorted(self._registered)

    def items(self) -> list[tuple[str, T]]:
        """Every kind with its name, sorted by name."""
        return [(name, self._registered[name]) for name in self.names()]


def _address(kind: object) -> tuple[object, object]:
    """Where a kind is defined: a module that is loaded again defines the same one anew."""
    if isinstance(kind, ModuleType):
        return kind.__name__, kind.__name__
    return kind.__module__, getattr(kind, "__qualname__", type(kind).__qualname__)
