"""Tecton: a workspace of feature services that its own platform serves."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from pilothouse.features.stores import AGENTS, feature_stores
from pilothouse.kit.errors import Invalid
from pilothouse.kit.parameters import Parameter, Params


@feature_stores.register("tecton")
class Tecton:
    """A workspace of a Tecton instance."""

    title = "Tecton"
    description = (
        "A workspace of a Tecton instance: its feature services answer, at times and online. Its "
        "package needs Python 3.9."
    )
    package = "tecton"
    agent = AGENTS / "tecton_agent.py"
    parameters = (
        Parameter(
            "url", "text", required=True, help="Its address, such as https://example.tecton.ai."
        ),
        Parameter("workspace", "text", required=True, help="A live workspace, such as prod."),
        Parameter(
            "key_variable",
            "text",
            "TECTON_API_KEY",
            help="The environment variable that has the key of a service account.",
        ),
    )

    @staticmethod
    def check(settings: Params) -> None:
        """Raise Invalid for an address that is none."""
        check_https(settings.text("url"), "url")

    @staticmethod
    def place(settings: Params) -> str:
        """The workspace and the address."""
        return f"{settings.text('workspace')} of {settings.text('url')}"

    @staticmethod
    def folder(settings: Params) -> Path | None:
        """None: nothing on this machine is read."""
        del settings
        return None

    @staticmethod
    def arguments(settings: Params) -> Sequence[str]:
        """The address, the workspace, and where the key is."""
        return tuple(settings.text(name) for name in ("url", "workspace", "key_variable"))


def check_https(address: str, field: str) -> None:
    """Raise Invalid for an address without HTTPS: a key is sent there."""
    if not address.startswith("https://"):
        raise Invalid(f"{address} does not begin with https://.", fields={field: "not HTTPS"})
