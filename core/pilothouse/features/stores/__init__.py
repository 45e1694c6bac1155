"""Kinds of feature stores: one module each, with the program that answers for one."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Protocol

from pilothouse.kit.parameters import Parameter, Params
from pilothouse.kit.plugins import Plugins

AGENTS = Path(__file__).parents[1] / "agents"


class FeatureStoreKind(Protocol):
    """A kind of feature store. Its library is another interpreter's, which runs the agent."""

    @property
    def title(self) -> str:
        """Its name for people."""
        ...

    @property
    def description(self) -> str:
        """What it is, in a sentence or two."""
        ...

    @property
    def parameters(self) -> tuple[Parameter, ...]:
        """What says where it is: the fields of its form."""
        ...

    @property
    def package(self) -> str:
        """The package that the interpreter needs, as a requirement."""
        ...

    @property
    def agent(self) -> Path:
        """The program that answers for a store: it imports its library and nothing of ours."""
        ...

    def check(self, settings: Params) -> None:
        """Raise Invalid or NotFound, naming each wrong field; no library is needed."""
        ...

    def place(self, settings: Params) -> str:
        """Where the store is, in a few words and without secrets."""
        ...

    def folder(self, settings: Params) -> Path | None:
        """The folder that the agent runs in, one that is allowed; None where it reads none."""
        ...

    def arguments(self, settings: Params) -> Iterable[str]:
        """What the agent is started with beside its own path."""
        ...


feature_stores: Plugins[FeatureStoreKind] = Plugins(__name__, "feature store")
