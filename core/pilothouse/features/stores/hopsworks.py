"""Hopsworks: feature views of a project of its platform."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from pilothouse.features.stores import AGENTS, feature_stores
from pilothouse.kit.errors import Invalid
from pilothouse.kit.parameters import Parameter, Params

HOST = re.compile(r"[A-Za-z0-9.-]+(?::[0-9]{1,5})?")
VIEW = re.compile(r"[A-Za-z][A-Za-z0-9_]*(?::[1-9][0-9]*)?")


@feature_stores.register("hopsworks")
class Hopsworks:
    """Feature views of a Hopsworks project."""

    title = "Hopsworks"
    description = (
        "Feature views of a Hopsworks project: each is a view and a service, which answers at "
        "times and online."
    )
    package = "hopsworks[python]"
    agent = AGENTS / "hopsworks_agent.py"
    parameters = (
        Parameter(
            "host",
            "text",
            required=True,
            help="Such as eu-west.cloud.hopsworks.ai, with a port where it is not 443.",
        ),
        Parameter("project", "text", required=True, help="The project."),
        Parameter(
            "views",
            "text",
            required=True,
            title="Feature views",
            help="With their versions, such as transactions:2, cards:1.",
        ),
        Parameter(
            "key_variable",
            "text",
            "HOPSWORKS_API_KEY",
            help="The environment variable that has the API key.",
        ),
    )

    @staticmethod
    def check(settings: Params) -> None:
        """Raise Invalid for a host that is none, and for names that are no feature views."""
        fields = {}
        if not HOST.fullmatch(settings.text("host")):
            fields["host"] = "a name, with a port or without"
        if not all(VIEW.fullmatch(name) for name in _views(settings)):
            fields["views"] = "such as transactions:2, cards:1"
        if fields:
            raise Invalid.of_fields("these settings cannot be used", fields)

    @staticmethod
    def place(settings: Params) -> str:
        """The project and the host."""
        return f"{settings.text('project')} of {settings.text('host')}"

    @staticmethod
    def folder(settings: Params) -> Path | None:
        """None: nothing on this machine is read."""
        del settings
        return None

    @staticmethod
    def arguments(settings: Params) -> Sequence[str]:
        """The host, the project, where the key is, and the views."""
        host, _, port = settings.text("host").partition(":")
        named = (settings.text("project"), settings.text("key_variable"))
        return (host, port or "443", *named, *_views(settings))


def _views(settings: Params) -> list[str]:
    return [name.strip() for name in settings.text("views").split(",")]
