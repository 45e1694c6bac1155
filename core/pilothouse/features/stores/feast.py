"""Feast: a repository of feature definitions on this machine."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from pilothouse.features.stores import AGENTS, feature_stores
from pilothouse.kit.allowed_paths import local_path
from pilothouse.kit.errors import NotFound
from pilothouse.kit.parameters import Parameter, Params

CONFIGURATION = "feature_store.yaml"


@feature_stores.register("feast")
class Feast:
    """A repository that `feast apply` was run in."""

    title = "Feast"
    description = (
        "A Feast repository on this machine: its entities, views, sources and services as they "
        "were applied; its own offline and online stores answer."
    )
    package = "feast"
    agent = AGENTS / "feast_agent.py"
    parameters = (
        Parameter(
            "repository",
            "text",
            required=True,
            help=f"The folder on this machine that has {CONFIGURATION}.",
        ),
    )

    @staticmethod
    def check(settings: Params) -> None:
        """Raise NotFound for a folder that is no repository."""
        folder = Feast.folder(settings)
        if not (folder / CONFIGURATION).is_file():
            raise NotFound(
                f"{folder} is not a Feast repository: it has no {CONFIGURATION}.",
                hint="Give the folder in which `feast apply` is run.",
            )

    @staticmethod
    def place(settings: Params) -> str:
        """The folder."""
        return str(Feast.folder(settings))

    @staticmethod
    def folder(settings: Params) -> Path:
        """The repository."""
        return local_path(settings.text("repository"))

    @staticmethod
    def arguments(settings: Params) -> Sequence[str]:
        """None: the agent reads the configuration of its folder."""
        del settings
        return ()
